"""One pass over a deletion: look, decide, do, until it has to wait."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import anyio

from gitopsd.control.sync import Execution, Tools
from gitopsd.core.compare import NOTHING_COMPARED
from gitopsd.core.deletion import (
    Delete,
    Fail,
    Finish,
    Scene,
    abandoned,
    hook_stages,
    looks,
    next_move,
    operation_of,
    retried,
)
from gitopsd.core.deletion_held import waits_for_children
from gitopsd.core.deletion_plan import DeletionPlan, deletion_plan, hook_steps, hooks_only, is_own
from gitopsd.core.deletion_record import kinds_of, spec_of, with_kinds
from gitopsd.core.errors import GitopsdError, SpecError
from gitopsd.core.health.timing import NO_TIMEOUTS, Timing
from gitopsd.core.history import Deletion
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.live import Live, LiveObject
from gitopsd.core.manifest import Desired, DesiredObject
from gitopsd.core.operation import Operation
from gitopsd.core.permit import Permit, permit_object
from gitopsd.core.plan import HookStep
from gitopsd.core.progress import Clean, Judge, Remove, Run, Sight, Wait, judged
from gitopsd.core.project import ONLY_DEFAULT, Projects
from gitopsd.core.schedule import Backoff, backoff_seconds
from gitopsd.ports.clock import Clock
from gitopsd.ports.cluster import Cluster
from gitopsd.ports.health import HealthJudge
from gitopsd.ports.journal import Journal

_HOOK_FAILED: Final = Backoff(10.0, 2.0, 300.0)
# How long the watch may take to show what the API server was asked for, before it is asked once more.
_SHOWN_SECONDS: Final = 5.0
_LOOKED_BELOW: Final = 3
Claimed = Callable[[AppName, Collection[ObjectKey]], Mapping[ObjectKey, str]]


def nobody_claims(_: AppName, __: Collection[ObjectKey]) -> Mapping[ObjectKey, str]:
    """No other application wants any of an application's objects."""
    return {}


@dataclass(frozen=True, slots=True)
class DeletionTools:
    """What deletions need of the world. `claimed` says which of an application's objects other applications want, and
    which application that is (one that is asked for a thousand objects at once answers from memory).
    """

    journal: Journal
    clock: Clock
    judge: HealthJudge
    projects: Callable[[], Projects] = lambda: ONLY_DEFAULT
    timing: Callable[[], Timing] = lambda: NO_TIMEOUTS
    claimed: Claimed = nobody_claims


@dataclass(slots=True)
class DeletionWork:
    """One deletion in this process. `saved` is what the journal has of it, `shown` what everybody was told.

    `wanted` is what the application wants (None: not known), until its hooks are kept. `asked` are the uids of objects
    that were deleted, and when (monotonic clock). `failures` counts errors in a row, `failed` hooks' failures in a row;
    those are tried again at `retry_at`. `unknown_since` is when nobody knew its cluster. `down`: its cluster cannot be
    reached.
    """

    deletion: Deletion
    saved: Deletion | None = None
    shown: Deletion | None = None
    wanted: Desired | None = None
    kept: bool = False
    hooks: tuple[HookStep, ...] | None = None
    execution: Execution | None = None
    cluster: Cluster | None = None
    asked: dict[str, float] = field(default_factory=dict)
    failures: int = 0
    failed: int = 0
    retry_at: float | None = None
    unknown_since: float | None = None
    down: bool = False

    @property
    def name(self) -> AppName:
        """The application."""
        return AppName(self.deletion.app)


Find = Callable[[DeletionWork], Cluster | None]
"""Gives a deletion's cluster, None if it will never be known. Raises `SpecError` for one that is not known now."""


class DeletionPass:
    """Takes deletions as far as they go."""

    def __init__(self, tools: DeletionTools, stopping: Callable[[], bool]) -> None:
        self._tools = tools
        self._stopping = stopping

    async def save(self, work: DeletionWork) -> None:
        """Keep what is not kept yet. Raises `StoreError`."""
        if not work.kept:
            await self._keep_hooks(work)
        while work.saved is None or _lasting(work.deletion) != _lasting(work.saved):
            present = work.deletion
            await self._tools.journal.save_deletion(present)
            work.saved = present

    async def advance(self, work: DeletionWork, find: Find, dependants: tuple[AppName, ...]) -> float | None:
        """Take the deletion as far as it goes now; in how many seconds to look again though nothing tells that
        something changed. Raises `GitopsdError` where it does not get on.
        """
        await self.save(work)
        while not self._stopping():
            scene = await self._look(work, find, dependants)
            if scene is None:
                work.deletion = abandoned(work.deletion, f"cluster {spec_of(work.deletion).destination} is not known")
                await self.save(work)
                return None
            before = work.deletion
            work.deletion, move = next_move(before, scene)
            await self._logs(work, before, scene)
            await self.save(work)
            match move:
                case Finish():
                    return None
                case Fail(message):
                    if not self._try_again(work, message):
                        return self._until_retry(work)
                case Wait(message, until):
                    work.deletion = replace(work.deletion, message=message, error="")
                    return self._again(work, scene, until)
                case Delete(groups):
                    await self._delete(work, groups)
                case Judge():
                    pass  # hooks began to count since the look: the next one judges them
                case Remove() | Run() | Clean():
                    if not await self._hooks(work, scene, move):
                        return _SHOWN_SECONDS
        return None

    async def _keep_hooks(self, work: DeletionWork) -> None:
        """Put its hooks where a restart finds them: as git has them, or if nobody knows that, as they were deployed."""
        journal = self._tools.journal
        wanted = work.wanted
        if wanted is None:
            past = await journal.past(work.name)
            wanted = await journal.manifests(past.entries[-1].manifests) if past.entries else Desired((), "")
        deletion = with_kinds(work.deletion, [one.gvk for one in wanted.objects])
        hooks = hooks_only(wanted.hooks)
        if hooks.hooks:
            deletion = replace(deletion, manifests=await journal.keep(work.name, hooks))
        work.deletion = replace(work.deletion, manifests=deletion.manifests, details=deletion.details)
        work.wanted, work.kept = None, True

    async def _steps(self, work: DeletionWork) -> tuple[HookStep, ...]:
        if work.hooks is None:
            name = work.deletion.manifests
            kept = await self._tools.journal.manifests(name) if name else Desired((), "")
            work.hooks = hook_steps(work.deletion, kept.hooks)
        return work.hooks

    async def _look(self, work: DeletionWork, find: Find, dependants: tuple[AppName, ...]) -> Scene | None:
        if not looks(work.deletion, dependants):
            return Scene(DeletionPlan(), Sight(Live({}), {}, self._tools.clock.now()), dependants)
        cluster = find(work)
        if cluster is None:
            return None
        if work.cluster is not cluster:
            work.cluster, work.execution = cluster, None
        spec = spec_of(work.deletion)
        projects = self._tools.projects()
        projects.account(spec, cluster.server)  # a project that lets nobody do anything is no reason to leave objects
        steps = await self._steps(work)
        live = await cluster.observe(work.name, [step.key for step in steps], kinds_of(work.deletion))
        claimed = self._tools.claimed(work.name, live.objects.keys())
        plan = deletion_plan(spec, live, steps, projects=projects, server=cluster.server, claimed=claimed)
        gone = {
            item.key: last
            for item, run in work.deletion.hooks.items()
            if run.uid and not run.outcome.done and (last := cluster.last_seen(item.key, run.uid)) is not None
        }
        operation = operation_of(work.deletion, hook_stages(work.deletion, plan))
        verdicts = await self._tools.judge.assess(judged(operation, live, gone))
        sight = Sight(live, verdicts, self._tools.clock.now(), self._tools.timing(), gone)
        below = {
            one.key: cluster.children([one.uid])
            for one in (plan.steps[0] if plan.steps else ())[:_LOOKED_BELOW]
            if waits_for_children(one)
        }
        now = self._tools.clock.monotonic()
        work.asked = {uid: when for uid, when in work.asked.items() if now < when + _SHOWN_SECONDS}
        return Scene(plan, sight, dependants, below, work.asked)

    async def _delete(self, work: DeletionWork, groups: tuple[tuple[LiveObject, ...], ...]) -> None:
        """Delete all of these; one that cannot be deleted keeps no other from going. Raises its error at the end."""
        errors: list[GitopsdError] = []
        propagation = work.deletion.cascade.capitalize()
        cluster = _cluster(work)

        async def one(live: LiveObject) -> None:
            try:
                permit = self._permit(work, live.key)
                await cluster.delete(permit, live, propagation=propagation, impersonate=permit.impersonate)
                work.asked[live.uid] = self._tools.clock.monotonic()
            except GitopsdError as error:
                errors.append(error)

        for group in groups:
            if self._stopping():
                return
            async with anyio.create_task_group() as tasks:
                for live in group:
                    tasks.start_soon(one, live)
        if errors:
            raise errors[0]

    # Hooks

    async def _hooks(self, work: DeletionWork, scene: Scene, move: Remove | Run | Clean) -> bool:
        """Whether something was done; else it is waited for what was done before to be seen."""
        execution = self._execution(work, scene.plan)
        match move:
            case Remove():
                if execution.asked_to_remove(move):
                    return False
                _only_own(work, list(move.objects))
                await execution.remove(move)
            case Run(groups):
                keys = [step.key for group in groups for step in group]
                _only_own(work, [live for key in keys if (live := scene.sight.live.objects.get(key)) is not None])
                await execution.run(move, scene.sight.live, NOTHING_COMPARED)
            case Clean():
                await execution.clean(move)
        return True

    async def _logs(self, work: DeletionWork, before: Deletion, scene: Scene) -> None:
        """Keep what hooks that ended just now printed."""
        over = [
            item
            for item, run in work.deletion.hooks.items()
            if run.outcome.done and (item not in before.hooks or not before.hooks[item].outcome.done)
        ]
        if over:
            await self._execution(work, scene.plan).keep_logs(over, scene.sight.live)

    def _execution(self, work: DeletionWork, plan: DeletionPlan) -> Execution:
        """What carries its hooks out, as far as they came."""
        operation = operation_of(work.deletion, hook_stages(work.deletion, plan))
        if work.execution is None:
            tools = Tools(
                cluster=_cluster(work),
                permit=lambda key: self._permit(work, key),
                prepare=_as_it_is,
                note=lambda operation: self._note(work, operation),
                stopping=self._stopping,
                clock=self._tools.clock,
            )
            work.execution = Execution(operation, tools, lambda operation: _learn(work, operation))
        work.execution.learn(operation)
        return work.execution

    async def _note(self, work: DeletionWork, operation: Operation) -> None:
        _learn(work, operation)
        await self.save(work)

    def _permit(self, work: DeletionWork, key: ObjectKey) -> Permit:
        return permit_object(spec_of(work.deletion), key, self._tools.projects(), _cluster(work).server)

    # When to go on

    def _try_again(self, work: DeletionWork, message: str) -> bool:
        """After a hook failed: whether it is time for another attempt, which begins with that."""
        now = self._tools.clock.monotonic()
        if work.retry_at is None:
            work.failed += 1
            work.retry_at = now + backoff_seconds(_HOOK_FAILED, work.failed)
        if now < work.retry_at:
            seconds = round(work.retry_at - now)
            work.deletion = replace(work.deletion, error=message, message=f"tried again in {seconds} s")
            return False
        work.retry_at = None
        work.deletion = replace(retried(work.deletion), error="", message="")
        return True

    def _until_retry(self, work: DeletionWork) -> float | None:
        return None if work.retry_at is None else max(0.0, work.retry_at - self._tools.clock.monotonic())

    def _again(self, work: DeletionWork, scene: Scene, until: datetime | None) -> float | None:
        first = scene.plan.steps[0] if scene.plan.steps else ()
        if any(one.uid in work.asked and not one.deleting for one in first):
            shown = scene.sight.now + timedelta(seconds=_SHOWN_SECONDS)
            until = min(until, shown) if until else shown
        return None if until is None else max(0.0, (until - self._tools.clock.now()).total_seconds())


def _cluster(work: DeletionWork) -> Cluster:
    """The cluster that the pass looked at."""
    if work.cluster is None:
        raise RuntimeError("a deletion writes only to a cluster that it looked at")
    return work.cluster


def _learn(work: DeletionWork, operation: Operation) -> None:
    work.deletion = replace(work.deletion, hooks=operation.hooks)


def _lasting(deletion: Deletion) -> Deletion:
    """What of a deletion a restart needs; how it stands it finds out by itself."""
    return deletion if deletion.done else replace(deletion, message="", error="")


def _only_own(work: DeletionWork, objects: list[LiveObject]) -> None:
    """Nothing that is not the application's own is in the way of its hooks. Raises `SpecError`."""
    spec = spec_of(work.deletion)
    for live in objects:
        if not is_own(spec, live):
            raise SpecError(
                "a hook has the name of an object that is not the application's",
                where=f"application {spec.name}, {live.key}",
                why=f"it belongs to {live.owner or live.foreign or 'nobody that gitopsd knows'}",
                hint="rename one of them, or delete the object if nobody needs it",
            )


async def _as_it_is(desired: DesiredObject) -> DesiredObject:
    return desired
