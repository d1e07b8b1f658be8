"""The service account as which a request is made (impersonation)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gitopsd.core.errors import SpecError

_PREFIX: Final = "system:serviceaccount:"
# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/: a label and a subdomain.
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)
_LONGEST: Final = 253


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A service account whose names Kubernetes would take; raises `SpecError` for any other (J14)."""

    namespace: str
    name: str

    def __post_init__(self) -> None:
        if _NAMESPACE.fullmatch(self.namespace) and len(self.name) <= _LONGEST and _NAME.fullmatch(self.name):
            return
        raise SpecError(
            f"there can be no service account {self.name[:_LONGEST]!r} in a namespace {self.namespace[:_LONGEST]!r}",
            hint="name a service account and the namespace that it is in",
        )

    @property
    def user(self) -> str:
        """The user name that the API server knows it by.

        https://kubernetes.io/docs/reference/access-authn-authz/authentication/#service-account-tokens; its groups
        (`system:serviceaccounts` and that of the namespace) the API server adds to an impersonated one by itself.
        """
        return f"{_PREFIX}{self.namespace}:{self.name}"

    @classmethod
    def of_user(cls, user: str) -> ServiceAccount:
        """From such a user name; raises `SpecError` for what is none."""
        namespace, _, name = user.removeprefix(_PREFIX).partition(":") if user.startswith(_PREFIX) else ("", "", user)
        return cls(namespace, name)
