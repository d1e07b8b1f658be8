"""All actions that gitopsd brings, by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from gitopsd.core.actions.action import Action, Builtin, Change, Given
from gitopsd.core.actions.argo import ARGO
from gitopsd.core.actions.operators import OPERATORS
from gitopsd.core.actions.workloads import WORKLOADS
from gitopsd.core.errors import OperationError
from gitopsd.core.ids import GroupKind
from gitopsd.core.jsonvalue import JsonObject

BUILTIN: Final[Mapping[GroupKind, tuple[Builtin, ...]]] = MappingProxyType({**WORKLOADS, **ARGO, **OPERATORS})


def offered(kind: GroupKind, live: JsonObject) -> Sequence[Action]:
    """What can be done to an object of `kind`, what cannot be done now included; nothing for kinds without actions."""
    return [one.offered(live) for one in BUILTIN.get(kind, ())]


def changes(kind: GroupKind, live: JsonObject, action: str, given: Given, now: datetime) -> Sequence[Change]:
    """What running `action` changes; whether it may be run now is `checked`'s to say.

    Raises `OperationError`: `NotFound` for an action that the kind has not, `Invalid` for unusable parameters.
    """
    for one in BUILTIN.get(kind, ()):
        if one.name == action:
            return [one.effect(live, given, now)]
    raise OperationError(f"{kind} has no such action", reason="NotFound")
