"""A plan as people see it: every step with its place, what it does, why, and what it changes field by field."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gitopsd.core.compare import Comparison, ObjectComparison, Verdict
from gitopsd.core.difference import ObjectDifferences, object_differences, replacing_differences
from gitopsd.core.errors import beside
from gitopsd.core.hook import SyncPhase
from gitopsd.core.ids import ObjectKey
from gitopsd.core.plan import ApplyStep, HookStep, Plan, PlanReason, PruneStep, Stage, Step, Way
from gitopsd.core.planid import plan_id

_NAMED: Final = 3


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


def plan_view(
    plan: Plan,
    comparison: Comparison,
    *,
    namespace: ObjectComparison | None = None,
    respects: bool = False,
    masked: Collection[str] = (),
    revisions: Sequence[str] = (),
    blocked: str = "",
    key: bytes = b"",
) -> PlanView:
    """`plan`, made of `comparison` (and of that of the `namespace` that `CreateNamespace=true` asks for), as people see
    it. `respects` is what the application says of `RespectIgnoreDifferences`, `masked` are the annotations of which no
    values are shown, `key` is what its id is made with (`plan_id`).
    """
    numbers = itertools.count(1)
    sight = _Sight(comparison, namespace, respects, masked)
    return PlanView(
        plan_id(plan, comparison, key),
        tuple(revisions),
        tuple(_stage(stage, sight, numbers) for stage in plan.stages),
        tuple(_stage(stage, sight, numbers) for stage in plan.failing),
        plan.skipped,
        plan.guarded,
        blocked,
    )


@dataclass(frozen=True, slots=True)
class _Sight:
    """What steps are explained with."""

    comparison: Comparison
    namespace: ObjectComparison | None
    respects: bool
    masked: Collection[str]

    def item(self, step: ApplyStep) -> ObjectComparison | None:
        return self.namespace if step.reason is PlanReason.NAMESPACE else self.comparison.objects.get(step.key)


def _stage(stage: Stage, sight: _Sight, numbers: Iterator[int]) -> StageView:
    steps: list[Step] = [*stage.prunes, *itertools.chain.from_iterable(stage.groups)]
    shown = tuple(
        StepView(
            next(numbers),
            stage.phase,
            stage.wave,
            _action(step),
            step.key,
            f"{_why(step, sight.comparison)}{_moved(step, stage)}",
            _differences(step, sight),
        )
        for step in steps
    )
    return StageView(stage.phase, stage.wave, shown, stage.waits_for)


def _action(step: Step) -> str:
    if isinstance(step, PruneStep):
        return "prune"
    return "run" if isinstance(step, HookStep) else step.way.value


def _why(step: Step, comparison: Comparison) -> str:
    if isinstance(step, PruneStep):
        return "it left git; it waits until somebody confirms (Prune=confirm)" if step.confirm else "it left git"
    if isinstance(step, HookStep):
        return f"it is a {step.phase} hook"
    why = _why_written(step, comparison)
    return f"{why}; {step.why_anew}" if step.why_anew else why


def _why_written(step: ApplyStep, comparison: Comparison) -> str:
    if step.reason is PlanReason.MISSING:
        return "it is in git and not in the cluster"
    if step.reason is PlanReason.NAMESPACE:
        return "CreateNamespace=true asks for it"
    if step.reason is PlanReason.EACH_SYNC:
        return "it is a Job that runs at each sync"
    item = comparison.objects.get(step.key)
    if item is not None and item.verdict is Verdict.REFUSED and step.way is not Way.RECREATE:
        return (
            "it differs"
            if step.why_anew
            else f"the API server refused its dry-run: {beside(str(step.key), item.error)}"
        )
    if not step.changes:
        return "git and the cluster differ"
    more = f" and {len(step.changes) - _NAMED} more" if len(step.changes) > _NAMED else ""
    return f"git and the cluster differ at {', '.join(step.changes[:_NAMED])}{more}"


def _moved(step: Step, stage: Stage) -> str:
    """That it comes earlier than its manifest says."""
    if not isinstance(step, ApplyStep) or step.reason is PlanReason.NAMESPACE:
        return ""
    if (stage.phase, stage.wave) == (SyncPhase.SYNC, step.desired.wave):
        return ""
    return f"; it comes before wave {step.desired.wave} because something needs it earlier"


def _differences(step: Step, sight: _Sight) -> ObjectDifferences | None:
    item = sight.item(step) if isinstance(step, ApplyStep) else None
    if item is None or item.live is None or not isinstance(step, ApplyStep):
        return None
    rules = sight.comparison.rules
    if step.way is Way.APPLY:
        return object_differences(item, rules, sight.masked) if item.verdict is Verdict.CHANGED else None
    said = step.desired.options.get("RespectIgnoreDifferences", "true" if sight.respects else "false")
    found = replacing_differences(item, rules, sight.masked, anew=step.way is Way.RECREATE, respects=said == "true")
    return found if found.fields or item.verdict is Verdict.CHANGED else None
