"""Permission to write comes from one function."""

import dataclasses

import pytest

from gitopsd.core.errors import SpecError
from gitopsd.core.ids import ObjectKey
from gitopsd.core.permit import Permit, permit_object
from gitopsd.core.project import DestinationServiceAccount, Impersonation, Project, Projects
from gitopsd.testing.builders import an_app

KEY = ObjectKey("", "ConfigMap", "default", "settings")


def test_the_default_project_lets_its_applications_write() -> None:
    permit = permit_object(an_app(), KEY)
    assert (permit.app, permit.key) == ("guestbook", KEY)


def test_a_project_that_is_not_defined_lets_nobody_write() -> None:
    with pytest.raises(SpecError, match=r"gitopsd.yaml:7:5: project 'lab' is not defined \(known: default\)"):
        permit_object(an_app(project="lab"), KEY)


def test_a_project_with_restrictions_that_nobody_enforces_lets_nobody_write() -> None:
    lab = Project("lab", unenforced=("sourceRepos",))
    with pytest.raises(SpecError, match="restrictions are not enforced by this version: sourceRepos"):
        permit_object(an_app(project="lab"), KEY, Projects({"lab": lab}))


def test_a_permit_says_as_whom_is_written() -> None:
    lab = Project("lab", accounts=(DestinationServiceAccount("*", "*", "ci:deployer"),))
    projects = Projects({"lab": lab}, Impersonation(enabled=True))
    permit = permit_object(an_app(project="lab"), KEY, projects, "https://k.example.org")
    assert permit.impersonate == "system:serviceaccount:ci:deployer"


@pytest.mark.parametrize("seal", [None, True, object(), "seal", Permit])
def test_a_permit_cannot_be_forged(seal: object) -> None:
    with pytest.raises(TypeError, match="permit_object"):
        Permit("guestbook", KEY, seal)


def test_a_permit_cannot_be_turned_into_another() -> None:
    permit = permit_object(an_app(), KEY)
    with pytest.raises(dataclasses.FrozenInstanceError):
        permit.key = KEY._replace(name="other")  # type: ignore[misc]  # that is the point
    with pytest.raises(ValueError, match="seal"):
        dataclasses.replace(permit, key=KEY._replace(name="other"))  # type: ignore[call-arg]  # leaving it out is the point
