"""One pass over a deletion: look, decide, do, until it has to wait."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import anyio

from gitopsd.control.aside import aside
from gitopsd.control.deletion_hooks import DeletionHooks
from gitopsd.control.deletion_work import DeletionTools, DeletionWork, cluster_of, permit_of
from gitopsd.core.deletion import (
    Delete,
    Fail,
    Finish,
    Scene,
    abandoned,
    hook_stages,
    looks,
    needs_word,
    next_move,
    operation_of,
    retried,
)
from gitopsd.core.deletion_held import waits_for_children
from gitopsd.core.deletion_plan import DeletionPlan, deletion_plan, hook_steps, hooks_only
from gitopsd.core.deletion_record import ORPHAN, Reach, reach_of, reaching, spec_of, with_asked
from gitopsd.core.errors import GitopsdError
from gitopsd.core.history import Deletion
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.live import Live, LiveObject
from gitopsd.core.manifest import Desired
from gitopsd.core.plan import HookStep
from gitopsd.core.progress import Clean, Judge, Remove, Run, Sight, Wait, judged
from gitopsd.core.schedule import Backoff, backoff_seconds
from gitopsd.ports.cluster import Cluster

_HOOK_FAILED: Final = Backoff(10.0, 2.0, 300.0)
# How long the watch may take to show what the API server was asked for, before it is asked once more.
_SHOWN_SECONDS: Final = 5.0
_LOOKED_BELOW: Final = 3
Find = Callable[[DeletionWork], Cluster | None]
"""Gives a deletion's cluster, None if it will never be known. Raises `SpecError` for one that is not known now."""
Await = Callable[[AppName, Iterable[AppName]], None]
"""Has an application's deletion woken once one of these others was looked at."""


class DeletionPass:
    """Takes deletions as far as they go."""

    def __init__(self, tools: DeletionTools, stopping: Callable[[], bool], await_others: Await) -> None:
        self._tools = tools
        self._stopping = stopping
        self._await_others = await_others
        self._hooks = DeletionHooks(tools, self.save, stopping)

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
                place = spec_of(work.deletion).destination.shown
                work.deletion = abandoned(work.deletion, f"cluster {place} is not known")
                await self.save(work)
                return None
            before, work.asks = work.deletion, needs_word(work.deletion, scene)
            work.deletion, move = next_move(before, scene)
            await self._hooks.keep_logs(work, before, scene)
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
                    if not await self._hooks.carry_out(work, scene, move):
                        return _SHOWN_SECONDS
        return None

    async def _keep_hooks(self, work: DeletionWork) -> None:
        """Put its hooks where a restart finds them: as git has them, or if nobody knows that, as they were deployed."""
        journal = self._tools.journal
        wanted = work.wanted
        if wanted is None:
            past = await journal.past(work.name)
            wanted = await journal.manifests(past.entries[-1].manifests) if past.entries else Desired((), "")
        deletion = reaching(work.deletion, Reach(frozenset(one.gvk for one in wanted.objects)))
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
        live = await cluster.observe(work.name, [step.key for step in steps], reach_of(work.deletion).kinds)
        claims = self._tools.claims(work.name, cluster.server, live.objects.keys())
        self._await_others(work.name, claims.unknown)  # one may be looked at before this pass has ended
        protected = self._tools.protected()
        plan = await aside(
            self._tools.threads,
            len(live.objects),
            lambda: deletion_plan(
                spec, live, steps, projects=projects, server=cluster.server, claims=claims, protected=protected
            ),
        )
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
        return Scene(plan, sight, dependants, below, work.asked, claims.unknown)

    async def _delete(self, work: DeletionWork, groups: tuple[tuple[LiveObject, ...], ...]) -> None:
        """Delete all of these; one that cannot be deleted keeps no other from going. Raises its error at the end."""
        errors: list[GitopsdError] = []
        asked: list[ObjectKey] = []
        cluster = cluster_of(work)

        async def one(live: LiveObject) -> None:
            propagation = work.deletion.cascade.capitalize()
            if work.deletion.cascade == ORPHAN:
                return  # somebody changed his mind since the decision
            try:
                permit = permit_of(work, live.key, self._tools.projects())
                await cluster.delete(permit, live, propagation=propagation, impersonate=permit.impersonate)
                if live.uid not in work.counted:
                    work.counted.add(live.uid)
                    asked.append(live.key)
                work.asked[live.uid] = self._tools.clock.monotonic()
            except GitopsdError as error:
                errors.append(error)

        for group in groups:
            if self._stopping():
                break
            async with anyio.create_task_group() as tasks:
                for live in group:
                    tasks.start_soon(one, live)
        work.deletion = with_asked(work.deletion, asked)
        if errors:
            raise errors[0]

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


def _lasting(deletion: Deletion) -> Deletion:
    """What of a deletion a restart needs; how it stands it finds out by itself."""
    return deletion if deletion.done else replace(deletion, message="", error="", left=None)
