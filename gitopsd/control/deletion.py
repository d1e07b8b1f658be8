"""The deletions of applications: begun, resumed after a kill, parked while they wait, woken by what they wait for."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import anyio
import anyio.lowlevel
from anyio import AsyncContextManagerMixin

from gitopsd.control.deletion_pass import DeletionPass, DeletionTools, DeletionWork
from gitopsd.control.queue import Level, WorkQueue
from gitopsd.control.timers import Timers
from gitopsd.core.app import AppSpec
from gitopsd.core.deletion_guard import too_many
from gitopsd.core.deletion_record import (
    CASCADES,
    approved,
    armed,
    began,
    cascade_of,
    dependencies_of,
    kinds_of,
    same_arm,
    server_of,
    spec_digest,
    spec_of,
    with_kinds,
)
from gitopsd.core.errors import ClusterDown, GitopsdError, OperationError, SpecError, StoreError
from gitopsd.core.history import Deletion, DeletionPhase
from gitopsd.core.ids import GVK, AppName
from gitopsd.core.manifest import Desired
from gitopsd.core.schedule import RECONCILE_ERROR, backoff_seconds
from gitopsd.ports.cluster import Cluster, Clusters, LiveChange

_PASSES_UNDER_WAY: Final = 64
_ARMED_AT_ONCE: Final = 256
_ARM_AGAIN_SECONDS: Final = 30.0
_BREATH: Final = 50
# A cluster of the configuration may come a moment late: those in Secrets are read while the daemon runs.
_UNKNOWN_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Leaving:
    """An application as it was while it was there: its `spec`, the `kinds` of its objects, the URL of its cluster (""
    if it was not looked at) and what it wanted (None: never rendered).
    """

    spec: AppSpec
    kinds: frozenset[GVK] = frozenset()
    server: str = ""
    wanted: Desired | None = None


class Deletions(AsyncContextManagerMixin):
    """Owns the deletions under way, and knows which applications rest because they were deleted; `async with` runs it.

    `publish` (quick, never awaiting) is called whenever a deletion stands otherwise; one that is `done` and `removed`
    is gone after that. `on_bug` as in `Supervisor`.
    """

    def __init__(
        self,
        clusters: Clusters,
        tools: DeletionTools,
        publish: Callable[[Deletion], None],
        on_bug: Callable[[AppName, Exception], None],
    ) -> None:
        self._clusters = clusters
        self._tools = tools
        self._publish = publish
        self._on_bug = on_bug
        self._stopping = False
        self._passes = DeletionPass(tools, lambda: self._stopping)
        self._specs: Mapping[AppName, AppSpec] = {}
        self._works: dict[AppName, DeletionWork] = {}
        self._arms: dict[AppName, Deletion] = {}
        self._unarmed: set[AppName] = set()
        self._scopes: dict[AppName, anyio.CancelScope] = {}
        self._subscriptions: dict[str, tuple[Cluster, Callable[[], None]]] = {}
        self._queue = WorkQueue()
        self._timers = Timers(tools.clock, self.wake)
        self._under_way = anyio.CapacityLimiter(_PASSES_UNDER_WAY)
        self._arming = anyio.CapacityLimiter(_ARMED_AT_ONCE)

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[Deletions]:
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            tasks.start_soon(self._timers.run)
            tasks.start_soon(self._dispatch)
            try:
                yield self
            finally:
                self._stopping = True
                for _, unsubscribe in self._subscriptions.values():
                    unsubscribe()
                tasks.cancel_scope.cancel()  # whatever is cut off here is resumed from the journal

    # What is asked for

    def of(self, name: AppName) -> Deletion | None:
        """The application's deletion, under way or over; None: it is not deleted."""
        work = self._works.get(name)
        return work.deletion if work is not None else None

    def all(self) -> Sequence[Deletion]:
        """All of them."""
        return [work.deletion for work in self._works.values()]

    def rests(self, name: AppName) -> bool:
        """Whether nobody may sync the application: it is being deleted, or it was."""
        return name in self._works

    async def start(self, leaving: Leaving, *, cascade: str, by: str) -> Deletion:
        """Delete the objects of an application that is there, because somebody asks for it; it rests until its entry
        changes or goes. One that is under way goes on with this `cascade`, and tries at once what failed.

        Raises `OperationError` for an unknown cascade, `GitopsdError` if the store does not let it begin.
        """
        if cascade not in CASCADES:
            known = ", ".join(CASCADES)
            raise OperationError(f"there is no cascade {cascade[:80]!r}", reason="Invalid", hint=f"use one of {known}")
        work = self._works.get(leaving.spec.name)
        if work is None or (work.deletion.done and work.deletion.cascade != cascade):
            work = self._begin(leaving, cascade, by=by)
            try:
                await self._passes.save(work)
            except GitopsdError:
                self._works.pop(work.name, None)
                raise
        elif not work.deletion.done:
            work.deletion = replace(work.deletion, cascade=cascade, by=by or work.deletion.by)
            work.retry_at = self._tools.clock.monotonic() if work.retry_at is not None else None
            await self._passes.save(work)
        self._tell(work)
        self.wake(work.name)
        return work.deletion

    async def confirm(self, name: AppName) -> None:
        """Let the deletion under way delete what waits for somebody's word. `OperationError` if there is none."""
        work = self._works.get(name)
        if work is None or work.deletion.done:
            raise OperationError(f"application {name} is not being deleted", reason="NothingInProgress")
        work.deletion = replace(work.deletion, confirmed=True)
        await self._passes.save(work)
        self.wake(name)

    def wake(self, name: AppName) -> None:
        """Something that the application's deletion may wait for has happened."""
        work = self._works.get(name)
        if (work is not None and not work.deletion.done) or name in self._unarmed:
            self._queue.add(name, Level.LIVE)

    def rewire(self) -> None:
        """The clusters or projects of the configuration changed."""
        for name in self._works:
            self.wake(name)

    # The configuration

    async def resume(
        self, specs: Mapping[AppName, AppSpec], kinds: Callable[[AppName], Collection[GVK]] = lambda _: ()
    ) -> None:
        """Take up what the journal has. `specs` are all applications of the configuration; `kinds` says which kinds the
        objects of one were when they were last looked at.

        Applications that left while nobody looked are deleted now, if they had a finalizer. Raises `StoreError`.
        """
        left: list[Deletion] = []
        for deletion in await self._tools.journal.deletions():
            name = AppName(deletion.app)
            if deletion.phase not in (DeletionPhase.ARMED, DeletionPhase.NONE):
                self._works[name] = DeletionWork(deletion, saved=deletion, kept=True)
            elif name in specs:
                self._arms[name] = deletion
            elif deletion.phase is DeletionPhase.ARMED:
                left.append(deletion)
        held = too_many(len(left), len(specs) + len(left))
        for arm in left:
            fresh = replace(began(spec_of(arm), arm.cascade, self._tools.clock.now()), details=arm.details)
            fresh = with_kinds(fresh, kinds(AppName(arm.app)))
            self._enter(replace(fresh, removed=True, phase=_first(held=held)))
        await self._take(specs)
        self.rewire()

    async def reconfigure(self, specs: Mapping[AppName, AppSpec], leaving: Sequence[Leaving]) -> None:
        """The configuration has these applications now. `leaving` are those that it has no more, of which the ones with
        a finalizer are deleted. Never raises: what cannot be journalled now is tried until it can.
        """
        held = too_many(len(leaving), len(self._specs))
        for one in leaving:
            self._unarmed.discard(one.spec.name)
            cascade = cascade_of(one.spec.finalizers)
            if one.spec.name not in self._works and cascade:
                self._begin(one, cascade, removed=True, phase=_first(held=held))
                self.wake(one.spec.name)
        await self._take(specs)

    async def _take(self, specs: Mapping[AppName, AppSpec]) -> None:
        before, self._specs = self._specs, dict(specs)
        for name in list(self._works):
            await self._reconsider(name)
        await self._arm(before)

    async def _reconsider(self, name: AppName) -> None:
        """What the configuration means for an application that is being deleted, or was."""
        work, spec = self._works.get(name), self._specs.get(name)
        if work is None:
            return  # it came to its end meanwhile
        deletion = work.deletion
        if spec is None and not deletion.done:
            work.deletion = replace(deletion, removed=True)
        elif spec is None or deletion.done:
            if spec is None or deletion.removed or deletion.spec_digest != spec_digest(spec):
                await self._leave(work)
        elif deletion.removed and deletion.phase in (DeletionPhase.HELD, DeletionPhase.WAITING):
            if under_way := self._scopes.get(name):
                under_way.cancel()
            await self._leave(work)  # it is back, and nothing of it was deleted
        elif approved(spec, deletion):
            work.deletion = replace(deletion, confirmed=True)
        if work.deletion != deletion:
            self.wake(name)  # its next pass journals what changed

    async def _arm(self, before: Mapping[AppName, AppSpec]) -> None:
        """Note which applications shall be deleted should their entries go while nobody looks."""
        async with anyio.create_task_group() as tasks:
            for number, (name, spec) in enumerate(self._specs.items()):
                if number % _BREATH == 0:
                    await anyio.lowlevel.checkpoint()
                if name not in self._works and before.get(name) != spec and self._arm_of(name) is not None:
                    await self._arming.acquire_on_behalf_of(name)
                    tasks.start_soon(self._arm_one, name)

    def _arm_of(self, name: AppName) -> Deletion | None:
        """What the journal shall have of an application that is there; None if it has that."""
        spec, known = self._specs.get(name), self._arms.get(name)
        if spec is None or (known is None and not cascade_of(spec.finalizers)):
            return None
        arm = armed(spec, self._tools.clock.now())
        return None if known is not None and same_arm(known, arm) else arm

    async def _arm_one(self, name: AppName) -> None:
        try:
            await self._rearm(name)
        finally:
            self._arming.release_on_behalf_of(name)

    async def _rearm(self, name: AppName) -> None:
        arm = self._arm_of(name)
        if arm is None:
            return
        try:
            await self._tools.journal.save_deletion(arm)
        except StoreError:  # the store's own trouble is told elsewhere
            self._unarmed.add(name)
            self._timers.wake_after(name, _ARM_AGAIN_SECONDS)
            return
        self._arms[name] = arm

    # Passes

    def _begin(
        self,
        leaving: Leaving,
        cascade: str,
        *,
        by: str = "",
        removed: bool = False,
        phase: DeletionPhase = DeletionPhase.WAITING,
    ) -> DeletionWork:
        now = self._tools.clock.now()
        deletion = began(leaving.spec, cascade, now, server=leaving.server, kinds=leaving.kinds)
        return self._enter(replace(deletion, by=by, removed=removed, phase=phase), leaving.wanted)

    def _enter(self, deletion: Deletion, wanted: Desired | None = None) -> DeletionWork:
        work = self._works[AppName(deletion.app)] = DeletionWork(deletion, wanted=wanted)
        self._arms.pop(work.name, None)
        return work

    async def _dispatch(self) -> None:
        while True:
            name, _ = await self._queue.get()
            await self._under_way.acquire_on_behalf_of(name)
            self._tasks.start_soon(self._pass, name)

    async def _pass(self, name: AppName) -> None:
        try:
            work = self._works.get(name)
            if work is None:
                self._unarmed.discard(name)
                await self._rearm(name)
            elif not work.deletion.done and not self._stopping:
                with anyio.CancelScope() as scope:
                    self._scopes[name] = scope
                    await self._guarded(work)
        finally:
            self._scopes.pop(name, None)
            self._under_way.release_on_behalf_of(name)
            self._queue.done(name)

    async def _guarded(self, work: DeletionWork) -> None:
        """One pass, with whatever goes wrong turned into a message of this deletion alone."""
        try:
            again = await self._passes.advance(work, self._cluster, self._dependants(work.name))
            work.failures, work.down = 0, False
            if again is not None:
                self._timers.wake_after(work.name, again)
            if work.deletion.done:
                await self._finish(work)
        except GitopsdError as error:
            self._failed(work, error)
        except Exception as error:  # noqa: BLE001  # a bug met by one application's input must not end the daemon
            self._on_bug(work.name, error)
            self._failed(work, GitopsdError(f"internal error: {type(error).__name__}; the log has the details"))
        self._tell(work)

    def _failed(self, work: DeletionWork, error: GitopsdError) -> None:
        work.failures += 1
        work.down = isinstance(error, ClusterDown)
        work.deletion = replace(work.deletion, error=str(error))
        wait = backoff_seconds(RECONCILE_ERROR, work.failures)
        self._timers.wake_after(work.name, wait + self._tools.clock.jitter(wait / 10))

    async def _finish(self, work: DeletionWork) -> None:
        """It is over: forget what need not be known any more, tell so, wake those that wait for it."""
        if work.cluster is not None:
            hooks = {step.key.group_kind for step in work.hooks or ()}
            await work.cluster.forget(work.name, {gvk.group_kind for gvk in kinds_of(work.deletion)} | hooks)
        if work.deletion.removed:
            await self._leave(work)
        self._tell(work)
        for name in dependencies_of(work.deletion):
            self.wake(name)
        for place, (known, unsubscribe) in list(self._subscriptions.items()):
            if not any(other.cluster is known and not other.deletion.done for other in self._works.values()):
                unsubscribe()
                del self._subscriptions[place]

    async def _leave(self, work: DeletionWork) -> None:
        """Nothing is known of the deletion any more. Should the journal keep it for now, the next start sees by the
        configuration that it is void.
        """
        self._works.pop(work.name, None)
        self._timers.forget(work.name)
        self._arms.pop(work.name, None)
        if work.name in self._specs:
            self._arms[work.name] = work.deletion  # another record than it shall have: that one is written now
            await self._rearm(work.name)
            return
        try:
            await self._tools.journal.forget(work.name)
        except StoreError as error:
            work.deletion = replace(work.deletion, error=str(error))

    def _tell(self, work: DeletionWork) -> None:
        if work.deletion != work.shown:
            work.shown = work.deletion
            self._publish(work.deletion)

    def _dependants(self, name: AppName) -> tuple[AppName, ...]:
        """Who depends on the application, is being deleted too, and is not yet gone."""
        others = (work.deletion for work in self._works.values() if work.name != name)
        waiting = (other for other in others if not other.done and name in dependencies_of(other))
        return tuple(sorted(AppName(other.app) for other in waiting))

    def _cluster(self, work: DeletionWork) -> Cluster | None:
        """The cluster that the application was on. Raises `SpecError` for one that the configuration does not know; if
        that lasts, None: the deletion is given up (Argo CD drops the finalizer).
        """
        destination, server = spec_of(work.deletion).destination, server_of(work.deletion)
        try:
            cluster = self._clusters.find(server=destination.server, name=destination.name)
            if server and cluster.server != server:  # the name is another cluster's now
                cluster = self._clusters.find(server=server)
        except SpecError:
            now = self._tools.clock.monotonic()
            work.unknown_since = now if work.unknown_since is None else work.unknown_since
            if now < work.unknown_since + _UNKNOWN_SECONDS:
                raise
            return None
        work.unknown_since = None
        self._subscribe(cluster)
        if not server:
            work.deletion = with_kinds(work.deletion, (), cluster.server)
        return cluster

    def _subscribe(self, cluster: Cluster) -> None:
        known = self._subscriptions.get(cluster.name)
        if known is not None and known[0] is cluster:
            return
        if known is not None:
            known[1]()
        self._subscriptions[cluster.name] = (cluster, cluster.subscribe(partial(self._live_changed, cluster)))

    def _live_changed(self, cluster: Cluster, change: LiveChange) -> None:
        for name in change.apps & self._works.keys():
            self.wake(name)
        if cluster.connection().up:
            for name, work in self._works.items():
                if work.down and work.cluster is cluster:
                    self.wake(name)


def _first(*, held: bool) -> DeletionPhase:
    return DeletionPhase.HELD if held else DeletionPhase.WAITING
