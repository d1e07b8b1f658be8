"""The service accounts as which requests are made."""

import pytest

from gitopsd.core.errors import SpecError
from gitopsd.core.serviceaccount import ServiceAccount


def test_a_service_account_and_its_user_name() -> None:
    account = ServiceAccount("team-a", "deployer.v1")
    assert account.user == "system:serviceaccount:team-a:deployer.v1"
    assert ServiceAccount.of_user(account.user) == account


@pytest.mark.parametrize(
    ("namespace", "name"), [("", "x"), ("x", ""), ("a:b", "c"), ("a", "b:c"), ("A", "b"), ("a", "*")]
)
def test_J14_names_that_kubernetes_would_not_take_are_none(namespace: str, name: str) -> None:
    with pytest.raises(SpecError):
        ServiceAccount(namespace, name)


@pytest.mark.parametrize("user", ["", "admin", "system:serviceaccount", "system:serviceaccount:a", "team-a:deployer"])
def test_J14_other_users_are_no_service_accounts(user: str) -> None:
    with pytest.raises(SpecError):
        ServiceAccount.of_user(user)
