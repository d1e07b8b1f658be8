"""A sync under way, or the last one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from pydantic import Field

from gitopsd.core.appstatus import AppStatus, ResourceStatus
from gitopsd.core.health.status import HealthStatus
from gitopsd.core.hook import HookOutcome, SyncPhase
from gitopsd.core.ids import ObjectKey
from gitopsd.core.operation import HookId, HookRun, Operation, Phase, ResultCode, StagePlace, StepResult
from gitopsd.core.plan import Stage
from gitopsd.web.models.model import Model


class Place(Model):
    """The stage of something: its number, counted from 1, and what it is called."""

    number: int
    phase: SyncPhase
    wave: int

    @classmethod
    def of(cls, place: StagePlace | None) -> Place | None:
        """From the core's value."""
        return cls(number=place.number, phase=place.phase, wave=place.wave) if place else None


class Result(Model):
    """What came of one object; `seconds` is how long its requests took. `place` is its stage, None if it was not
    touched, or if the daemon was restarted since.
    """

    group: str
    kind: str
    namespace: str
    name: str
    code: ResultCode
    message: str
    seconds: float
    place: Place | None

    @classmethod
    def of(cls, key: ObjectKey, item: StepResult) -> Result:
        """From the core's values."""
        return cls(
            group=key.group,
            kind=key.kind,
            namespace=key.namespace,
            name=key.name,
            code=item.code,
            message=item.message,
            seconds=item.seconds,
            place=Place.of(item.place),
        )


class HookResult(Model):
    """A hook that the operation began; `log` is the end of its output, `place` as in `Result`."""

    phase: SyncPhase
    group: str
    kind: str
    namespace: str
    name: str
    outcome: HookOutcome
    message: str
    started_at: datetime
    finished_at: datetime | None
    log: str
    place: Place | None

    @classmethod
    def of(cls, item: HookId, run: HookRun) -> HookResult:
        """From the core's values."""
        key = item.key
        return cls(
            phase=item.phase,
            group=key.group,
            kind=key.kind,
            namespace=key.namespace,
            name=key.name,
            outcome=run.outcome,
            message=run.message,
            started_at=run.started_at,
            finished_at=run.finished_at,
            log=run.log,
            place=Place.of(run.place),
        )


class Awaited(Model):
    """An object without which the operation does not go on, and why: it is not healthy yet, or `confirm` is to be said
    before it is deleted.
    """

    group: str
    kind: str
    namespace: str
    name: str
    health: HealthStatus | None
    message: str
    confirm: bool

    @classmethod
    def of(cls, key: ObjectKey, resource: ResourceStatus | None, *, confirm: bool = False) -> Awaited:
        """From the core's values."""
        health = resource.health if resource else None
        return cls(
            group=key.group,
            kind=key.kind,
            namespace=key.namespace,
            name=key.name,
            health=health.status if health else None,
            message=health.message if health else "",
            confirm=confirm,
        )


class OperationAnswer(Model):
    """One sync, with the results so far. `stage` counts from 1 while it runs, of `stages`; both are 0 once it is over.

    `failing` is why it failed, while what is for that case runs: `stage` counts those then. One that is Pending was
    asked for at `startedAt` and waits for its turn, as `message` says.
    """

    id: str
    phase: Phase
    message: str
    revisions: tuple[str, ...]
    initiated_by: str
    automated: bool
    self_heal: bool
    dry_run: bool
    rollback_to: int | None = Field(description="the history entry that it brings back")
    started_at: datetime
    finished_at: datetime | None
    retries: int
    stage: int
    stages: int
    stage_phase: SyncPhase | None
    stage_wave: int | None
    steps: int = Field(description="how many there are in all stages; 0 once it is over")
    failing: str
    results: tuple[Result, ...]
    hooks: tuple[HookResult, ...]
    waits_for: tuple[Awaited, ...]

    @classmethod
    def of(cls, operation: Operation, resources: tuple[ResourceStatus, ...] = ()) -> OperationAnswer:
        """From the core's values; `resources` tell the health of what it waits for."""
        request, stages = operation.request, _stages(operation)
        present = stages[operation.stage] if operation.stage < len(stages) else None
        return cls(
            id=operation.id,
            phase=operation.phase,
            message=operation.message,
            revisions=operation.revisions,
            initiated_by=request.initiated_by,
            automated=request.automated,
            self_heal=operation.self_heal,
            dry_run=request.dry_run,
            rollback_to=request.history,
            started_at=operation.started_at,
            finished_at=operation.finished_at,
            retries=operation.retries,
            stage=min(operation.stage + 1, len(stages)),
            stages=len(stages),
            stage_phase=present.phase if present else None,
            stage_wave=present.wave if present else None,
            steps=sum(1 for _ in operation.plan.steps()) if stages and operation.plan else 0,
            failing=operation.failing,
            results=tuple(Result.of(key, item) for key, item in operation.results.items()),
            hooks=tuple(HookResult.of(item, run) for item, run in operation.hooks.items()),
            waits_for=tuple(_awaited(operation, present, {item.key: item for item in resources})) if present else (),
        )

    @classmethod
    def last_of(cls, status: AppStatus) -> OperationAnswer | None:
        """The operation that an application's status tells of."""
        return cls.of(status.operation, status.resources) if status.operation else None


def _stages(operation: Operation) -> tuple[Stage, ...]:
    """Those that are gone through now; none once it is over."""
    if operation.plan is None or operation.phase.done:
        return ()
    return operation.plan.failing if operation.failing else operation.plan.stages


def _awaited(operation: Operation, stage: Stage, resources: Mapping[ObjectKey, ResourceStatus]) -> Iterator[Awaited]:
    for step in stage.prunes:
        if step.confirm and not operation.request.confirmed and step.key not in operation.results:
            yield Awaited.of(step.key, resources.get(step.key), confirm=True)
    if not operation.applied:
        return
    for key in stage.waits_for:
        found = resources.get(key)
        if found is None or (found.health is not None and found.health.status is not HealthStatus.HEALTHY):
            yield Awaited.of(key, found)
