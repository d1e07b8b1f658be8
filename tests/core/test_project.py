"""Which project an application is of, and as whom it is synced."""

from dataclasses import replace

import pytest

from gitopsd.core.app import AppSpec, Destination
from gitopsd.core.errors import SpecError
from gitopsd.core.ids import ObjectKey
from gitopsd.core.project import (
    ONLY_DEFAULT,
    DestinationServiceAccount,
    IgnoredOrphan,
    Impersonation,
    Project,
    Projects,
)
from gitopsd.testing.builders import an_app

SERVER = "https://k.example.org:6443"


def app(namespace: str = "web-1", *, server: str = "", name: str = "production") -> AppSpec:
    """An application of the project web."""
    destination = Destination(server=server, name="" if server else name, namespace=namespace)
    return replace(an_app(project="web"), destination=destination)


def accounts(*entries: tuple[str, str, str], enforced: bool = True) -> Projects:
    """A project web with these accounts, impersonation enabled."""
    project = Project("web", accounts=tuple(DestinationServiceAccount(*entry) for entry in entries))
    return Projects({"web": project}, Impersonation(enabled=True, enforced=enforced))


def test_default_is_there_also_where_nobody_declares_it() -> None:
    assert ONLY_DEFAULT.of(an_app()).name == "default"
    declared = Project("default", description="ours")
    assert Projects({"default": declared}).of(an_app()) is declared


def test_a_project_that_is_not_defined_is_refused_with_the_known_ones() -> None:
    projects = Projects({"shop": Project("shop")})
    with pytest.raises(SpecError, match=r"project 'web' is not defined \(known: default, shop\)"):
        projects.of(app())


def test_of_many_projects_the_first_are_named() -> None:
    projects = Projects({f"p{number:03}": Project(f"p{number:03}") for number in range(500)})
    assert projects.refusal("web").endswith("p018, …)")


def test_impersonation_is_off_unless_somebody_turns_it_on() -> None:
    projects = Projects({"web": Project("web", accounts=(DestinationServiceAccount("*", "*", "deployer"),))})
    assert projects.account(app(), SERVER) == ""


def test_the_first_entry_that_fits_counts() -> None:
    projects = accounts(("https://other*", "*", "other"), ("*", "web-*", "deployer"), ("*", "*", "ci:anybody"))
    assert projects.account(app("web-1"), SERVER) == "system:serviceaccount:web-1:deployer"
    assert projects.account(app("shop"), SERVER) == "system:serviceaccount:ci:anybody"
    assert projects.account(app("web-1"), "https://other") == "system:serviceaccount:web-1:other"


def test_a_server_is_also_what_the_destination_calls_it() -> None:
    projects = accounts(("https://kubernetes.default.svc", "*", "deployer"))
    assert projects.account(app(server="https://kubernetes.default.svc"), SERVER).endswith(":deployer")


def test_J14_where_no_entry_fits_nothing_is_synced_if_enforced() -> None:
    projects = accounts(("*", "web-*", "deployer"))
    with pytest.raises(SpecError, match=r"'web' names no service account for the namespace 'shop'.*enforced"):
        projects.account(app("shop"), SERVER)
    with pytest.raises(SpecError, match="names no service account"):
        accounts().account(app(), SERVER)


def test_where_no_entry_fits_our_own_rights_count_if_not_enforced() -> None:
    assert accounts(("*", "web-*", "deployer"), enforced=False).account(app("shop"), SERVER) == ""


@pytest.mark.parametrize("account", ["", ":", "ci:", ":deployer", "a:b:c", "De ployer", "deployer\r\nX: y", "*"])
def test_J14_an_entry_that_makes_no_account_is_refused_and_never_our_own_rights(account: str) -> None:
    with pytest.raises(SpecError):
        accounts(("*", "*", account), enforced=False).account(app(), SERVER)


def test_J14_an_account_without_a_namespace_needs_the_destinations() -> None:
    with pytest.raises(SpecError, match=r"'deployer' of project 'web' is in no namespace.*namespace:name"):
        accounts(("*", "*", "deployer"), enforced=False).account(app(""), SERVER)
    assert accounts(("*", "*", "ci:deployer")).account(app(""), SERVER) == "system:serviceaccount:ci:deployer"


@pytest.mark.parametrize(
    ("ignored", "fits"),
    [
        (IgnoredOrphan(), True),
        (IgnoredOrphan("*", "ConfigMap", "cache-*"), True),
        (IgnoredOrphan("", "Config*"), True),
        (IgnoredOrphan("apps", "ConfigMap"), False),
        (IgnoredOrphan("", "Secret"), False),
        (IgnoredOrphan("", "", "other-?"), False),
    ],
)
def test_what_a_project_ignores_is_said_by_globs(ignored: IgnoredOrphan, *, fits: bool) -> None:
    assert ignored.fits(ObjectKey("", "ConfigMap", "web", "cache-1")) is fits
