"""A plan: what a sync would do, step by step, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from pydantic import Field

from gitopsd.core.hook import SyncPhase
from gitopsd.core.ids import ObjectKey
from gitopsd.core.planview import PlanView, StageView, StepView
from gitopsd.web.models.difference import ObjectDifference
from gitopsd.web.models.error import ErrorAnswer
from gitopsd.web.models.model import Model

_MOST_FIELDS: Final = 5_000


class ObjectName(Model):
    """An object by name."""

    group: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def named(cls, key: ObjectKey) -> ObjectName:
        """From the core's value."""
        return cls(group=key.group, kind=key.kind, namespace=key.namespace, name=key.name)


class PlannedStep(ObjectName):
    """One step: what is done to one object. `differences` are the fields that it changes; null for what is made,
    deleted or run.
    """

    number: int
    action: str = Field(description="apply, replace, recreate, prune or run (a hook)")
    why: str
    differences: ObjectDifference | None

    @classmethod
    def of(cls, step: StepView) -> PlannedStep:
        """From the core's value."""
        key = step.key
        return cls(
            group=key.group,
            kind=key.kind,
            namespace=key.namespace,
            name=key.name,
            number=step.number,
            action=step.action,
            why=step.why,
            differences=ObjectDifference.of(step.differences) if step.differences else None,
        )


class PlannedStage(Model):
    """Steps of one phase and wave; the next stage begins once all of `waitsFor` are healthy."""

    phase: SyncPhase
    wave: int
    steps: tuple[PlannedStep, ...]
    waits_for: tuple[ObjectName, ...]

    @classmethod
    def of(cls, stage: StageView) -> PlannedStage:
        """From the core's value."""
        return cls(
            phase=stage.phase,
            wave=stage.wave,
            steps=tuple(PlannedStep.of(step) for step in stage.steps),
            waits_for=tuple(ObjectName.named(key) for key in stage.waits_for),
        )


class KeptObject(ObjectName):
    """An object that left git and stays. `held`: it goes if somebody confirms."""

    reason: str
    held: bool


class PlanAnswer(Model):
    """A plan. Two of the same `id` do the same to the same; nothing of it is kept."""

    id: str
    application: str
    revisions: tuple[str, ...]
    blocked: str = Field(description='why it would not be carried out now; "" if it would')
    stages: tuple[PlannedStage, ...]
    failing: tuple[PlannedStage, ...] = Field(description="what runs if the sync fails")
    kept: tuple[KeptObject, ...]

    @classmethod
    def of(cls, application: str, view: PlanView) -> PlanAnswer:
        """From the core's value; once there are enough fields, the rest of the steps are told without theirs."""
        fields = _Fields()
        return cls(
            id=view.id,
            application=application,
            revisions=view.revisions,
            blocked=view.blocked,
            stages=tuple(PlannedStage.of(fields.limited(stage)) for stage in view.stages),
            failing=tuple(PlannedStage.of(fields.limited(stage)) for stage in view.failing),
            kept=tuple(_kept(view)),
        )


class PlanChangedAnswer(ErrorAnswer):
    """The plan that was shown is out of date; `plan` is what would be done now."""

    plan: PlanAnswer


class _Fields:
    """Counts the fields that were told."""

    def __init__(self) -> None:
        self._left = _MOST_FIELDS

    def limited(self, stage: StageView) -> StageView:
        """The stage with as many fields as may still be told."""
        return replace(stage, steps=tuple(self._step(step) for step in stage.steps))

    def _step(self, step: StepView) -> StepView:
        found = step.differences
        if found is None:
            return step
        if len(found.fields) > self._left:
            found = replace(found, fields=found.fields[: self._left], truncated=True)
        self._left -= len(found.fields)
        return replace(step, differences=found)


def _kept(view: PlanView) -> Iterator[KeptObject]:
    for key, reason in view.kept.items():
        yield KeptObject(
            group=key.group,
            kind=key.kind,
            namespace=key.namespace,
            name=key.name,
            reason=reason,
            held=key in view.held,
        )
