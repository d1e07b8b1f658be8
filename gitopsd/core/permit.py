"""Permission to write one object to a cluster: made here and nowhere else (design decision 13)."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Final

from gitopsd.core.app import AppSpec
from gitopsd.core.errors import SpecError
from gitopsd.core.ids import ObjectKey

DEFAULT_PROJECT: Final = "default"
_SEAL: Final = object()


@dataclass(frozen=True, slots=True)
class Permit:
    """Says that `app`'s project lets it write the object `key`. Cannot be made outside of this module."""

    app: str
    key: ObjectKey
    seal: InitVar[object]  # kept nowhere, so that a permit cannot be copied into one for another object

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("a Permit comes from permit_object()")


def permit_object(spec: AppSpec, key: ObjectKey) -> Permit:
    """The permit for `spec`'s application to write `key`. Raises `SpecError` where its project does not allow it.

    Until projects can be declared there is only `default`, which allows everything (as Argo CD creates it).
    """
    if spec.project != DEFAULT_PROJECT:
        raise SpecError(
            f"project {spec.project!r} is not defined",
            where=str(spec.position),
            hint=f"use project: {DEFAULT_PROJECT}, the only one there is",
        )
    return Permit(spec.name, key, _SEAL)
