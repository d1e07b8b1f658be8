"""A plan as people see it: every step with its place, what it does, why, and what it changes field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gitopsd.core.difference import ObjectDifferences
from gitopsd.core.hook import SyncPhase
from gitopsd.core.ids import ObjectKey


@dataclass(frozen=True, slots=True)
class StepView:
    """One step. `action` is apply, replace, recreate, prune or run (a hook); `why` is one sentence.

    `differences` are the fields that it changes (None for what is made, deleted or run), Secrets masked.
    """

    number: int
    phase: SyncPhase
    wave: int
    action: str
    key: ObjectKey
    why: str
    differences: ObjectDifferences | None = None


@dataclass(frozen=True, slots=True)
class StageView:
    """One stage; `waits_for` are the objects that have to be healthy before the next one begins."""

    phase: SyncPhase
    wave: int
    steps: tuple[StepView, ...]
    waits_for: tuple[ObjectKey, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanView:
    """`id` is equal for plans that do the same to the same; `kept` are objects that left git and stay, and why, `held`
    those among them that go if somebody confirms. `failing` is what runs if the sync fails. `blocked` says why the plan
    would not be carried out now ("" if it would), `revisions` what it is made of.
    """

    id: str
    revisions: tuple[str, ...]
    stages: tuple[StageView, ...]
    failing: tuple[StageView, ...]
    kept: Mapping[ObjectKey, str]
    held: frozenset[ObjectKey]
    blocked: str = ""
