"""Conditions: what controllers report about an object, one fact each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gitopsd.core.health.fields import Fields


@dataclass(frozen=True, slots=True)
class Condition:
    """One entry of `status.conditions` (Kubernetes API conventions, "Typical status properties")."""

    type: str
    status: str
    reason: str = ""
    message: str = ""

    @property
    def is_true(self) -> bool:
        """Whether the fact holds; neither `False` nor `Unknown` does."""
        return self.status == "True"

    @property
    def said(self) -> str:
        """The controller's words, its reason if it has no more."""
        return self.message or self.reason


def conditions_of(live: Fields) -> tuple[Condition, ...]:
    """The conditions of a live object, in its order."""
    return conditions_in(live.each("status", "conditions"))


def conditions_in(entries: Sequence[Fields]) -> tuple[Condition, ...]:
    """The conditions that the mappings in `entries` describe, in their order."""
    return tuple(
        Condition(entry.text("type"), entry.text("status"), entry.text("reason"), entry.text("message"))
        for entry in entries
    )


def find(conditions: Sequence[Condition], type_: str) -> Condition | None:
    """The first condition of that type, None if there is none."""
    return next((condition for condition in conditions if condition.type == type_), None)


def find_true(conditions: Sequence[Condition], type_: str) -> Condition | None:
    """The first condition of that type if it holds, else None."""
    condition = find(conditions, type_)
    return condition if condition is not None and condition.is_true else None
