"""Executes one plan: the only caller of a cluster's writing methods (design decision 13)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import anyio

from gitopsd.core.errors import GitopsdError
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.health.timing import Timing, timed
from gitopsd.core.ids import ObjectKey
from gitopsd.core.live import Live, LiveObject
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.operation import Operation, Phase, ResultCode, StepResult
from gitopsd.core.permit import Permit
from gitopsd.core.plan import ApplyStep, PruneStep, Stage, Step
from gitopsd.ports.cluster import Cluster

Prepare = Callable[[DesiredObject], Awaitable[DesiredObject]]
Permitting = Callable[[ObjectKey], Permit]


async def run_stage(
    cluster: Cluster,
    permit: Permitting,
    stage: Stage,
    stopping: Callable[[], bool],
    prepare: Prepare,
) -> Mapping[ObjectKey, StepResult]:
    """Run the steps of one stage; the result of each. `permit` says whether an object may be written, and as whom,
    `prepare` at the last moment what to apply of it; where one raises `GitopsdError`, the step fails with that.

    One step's failure stops no other of its stage. When `stopping` says so, steps that have not begun are left out: the
    plan that the next start makes has them again.
    """
    results: dict[ObjectKey, StepResult] = {}
    groups: Sequence[Sequence[Step]] = (stage.prunes, *stage.groups)
    for group in groups:
        if stopping():
            break
        if len(group) == 1:
            await _step(cluster, permit, group[0], results, prepare)
            continue
        async with anyio.create_task_group() as tasks:
            for step in group:
                tasks.start_soon(_step, cluster, permit, step, results, prepare)
    return results


async def _step(
    cluster: Cluster,
    permit: Permitting,
    step: Step,
    results: dict[ObjectKey, StepResult],
    prepare: Prepare,
) -> None:
    try:
        permitted = permit(step.key)
        account = permitted.impersonate
        if isinstance(step, ApplyStep):
            await cluster.apply(permitted, await prepare(step.desired), impersonate=account)
            results[step.key] = StepResult(ResultCode.SYNCED)
        elif isinstance(step, PruneStep):
            await cluster.delete(permitted, step.live, propagation=step.propagation, impersonate=account)
            results[step.key] = StepResult(ResultCode.PRUNED)
    except GitopsdError as error:
        results[step.key] = StepResult(ResultCode.SYNC_FAILED, str(error))


def waited_for(stage: Stage, live: Live) -> tuple[LiveObject, ...]:
    """The live objects whose health the next stage waits for."""
    return tuple(there for key in stage.waits_for if (there := live.objects.get(key)) is not None)


def waiting_for(
    stage: Stage, live: Live, verdicts: Mapping[ObjectKey, Health | None], now: datetime, timing: Timing
) -> tuple[str, str]:
    """What the next stage still waits for: (sentence, "") or ("", why it will never come). Both empty: nothing.

    `verdicts` are those on `waited_for`.
    """
    waiting: list[str] = []
    for key in stage.waits_for:
        there = live.objects.get(key)
        if there is None and key.group_kind in live.unreadable:
            waiting.append(f"{key} (it cannot be read: {live.unreadable[key.group_kind]})")
            continue
        if there is None:
            return "", f"{key} is missing while wave {stage.wave} waits for it; it might have been deleted"
        health = timed(verdicts.get(key), there.document.body(), now, timing).health
        if health is None or health.status is HealthStatus.HEALTHY:
            continue
        if health.status is HealthStatus.DEGRADED:
            return "", f"{key} is Degraded: {health.message}"
        waiting.append(str(key))
    if not waiting:
        return "", ""
    more = f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
    return f"waiting for {waiting[0]}{more} to become healthy (wave {stage.wave})", ""


def with_results(operation: Operation, results: Mapping[ObjectKey, StepResult]) -> Operation:
    """`operation` after the steps of its stage ran; Failed if one of them did."""
    done = replace(operation, results={**operation.results, **results}, applied=True)
    failures = done.failures
    if not failures:
        return done
    key, first = failures[0]
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    return replace(done, phase=Phase.FAILED, message=f"{key}: {first.message}{more}")
