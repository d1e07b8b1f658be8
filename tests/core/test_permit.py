"""Permission to write comes from one function."""

import dataclasses

import pytest

from gitopsd.core.errors import SpecError
from gitopsd.core.ids import ObjectKey
from gitopsd.core.permit import Permit, permit_object
from gitopsd.testing.builders import an_app

KEY = ObjectKey("", "ConfigMap", "default", "settings")


def test_the_default_project_lets_its_applications_write() -> None:
    permit = permit_object(an_app(), KEY)
    assert (permit.app, permit.key) == ("guestbook", KEY)


def test_a_project_that_is_not_defined_lets_nobody_write() -> None:
    with pytest.raises(SpecError, match=r"gitopsd.yaml:7:5: project 'lab' is not defined.*Try: use project: default"):
        permit_object(an_app(project="lab"), KEY)


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
