"""Permission to write one object to a cluster: made here and nowhere else (design decision 13)."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Final

from gitopsd.core.app import AppSpec
from gitopsd.core.ids import ObjectKey
from gitopsd.core.project import ONLY_DEFAULT, Projects

_SEAL: Final = object()


@dataclass(frozen=True, slots=True)
class Permit:
    """Says that `app`'s project lets it write the object `key`, and as whom: the user name of a service account, ""
    with gitopsd's own rights. Cannot be made outside of this module.
    """

    app: str
    key: ObjectKey
    seal: InitVar[object]  # kept nowhere, so that a permit cannot be copied into one for another object
    impersonate: str = ""

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("a Permit comes from permit_object()")


def permit_object(spec: AppSpec, key: ObjectKey, projects: Projects = ONLY_DEFAULT, server: str = "") -> Permit:
    """The permit for `spec`'s application to write `key` to the cluster at `server`.

    Raises `SpecError` where its project is not defined or cannot be used, or names nobody as whom it could be done.
    """
    return Permit(spec.name, key, _SEAL, projects.account(spec, server))
