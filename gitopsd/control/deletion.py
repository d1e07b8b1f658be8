"""The deletions of applications: begun, resumed after a kill, parked while they wait, woken by what they wait for."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

import anyio
from anyio import AsyncContextManagerMixin

from gitopsd.control.deletion_arms import Arms
from gitopsd.control.deletion_pass import DeletionPass
from gitopsd.control.deletion_places import Places
from gitopsd.control.deletion_work import DeletionTools, DeletionWork
from gitopsd.control.queue import Level, WorkQueue
from gitopsd.control.timers import Timers
from gitopsd.core.app import AppSpec
from gitopsd.core.deletion import waits_for_word
from gitopsd.core.deletion_guard import too_many
from gitopsd.core.deletion_record import (
    CASCADES,
    NOWHERE,
    Reach,
    approved,
    armed,
    asked_by_name,
    began,
    dependencies_of,
    reach_of,
    reaching,
    spec_digest,
    spec_of,
    with_guard,
)
from gitopsd.core.errors import ClusterDown, GitopsdError, OperationError, StoreError
from gitopsd.core.history import Deletion, DeletionPhase
from gitopsd.core.ids import AppName
from gitopsd.core.manifest import Desired
from gitopsd.core.schedule import RECONCILE_ERROR, backoff_seconds
from gitopsd.ports.cluster import Cluster, Clusters, LiveChange

_PASSES_UNDER_WAY: Final = 64
_REST_SECONDS: Final = 0.05
_LONGEST_REST_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Leaving:
    """An application as it was while it was there: its `spec`, where its objects are, the URL of its cluster ("" if it
    was not looked at) and what it wanted (None: never rendered).
    """

    spec: AppSpec
    reach: Reach = NOWHERE
    server: str = ""
    wanted: Desired | None = None


class Deletions(AsyncContextManagerMixin):
    """Owns the deletions under way, and knows which applications rest because they were deleted; `async with` runs it.

    `publish` (quick, never awaiting) is called whenever a deletion stands otherwise; one that is `done` and `removed`
    is gone after that, and one of phase `NONE` says that the application is as if it had never been. `on_bug` as in
    `Supervisor`.
    """

    def __init__(
        self,
        clusters: Clusters,
        tools: DeletionTools,
        publish: Callable[[Deletion], None],
        on_bug: Callable[[AppName, Exception], None],
    ) -> None:
        self._places = Places(clusters, tools.clock, self._live_changed)
        self._tools = tools
        self._publish = publish
        self._on_bug = on_bug
        self._stopping = False
        self._passes = DeletionPass(tools, lambda: self._stopping, self._await)
        self._specs: Mapping[AppName, AppSpec] = {}
        self._works: dict[AppName, DeletionWork] = {}
        self._scopes: dict[AppName, anyio.CancelScope] = {}
        self._needed_by: dict[AppName, set[AppName]] = {}
        self._awaited_by: dict[AppName, set[AppName]] = {}
        self._cut_off: dict[str, set[AppName]] = {}
        self._missing: dict[AppName, Deletion] = {}
        self._queue = WorkQueue()
        self._timers = Timers(tools.clock, self.wake)
        self._under_way = anyio.CapacityLimiter(_PASSES_UNDER_WAY)
        self._arms = Arms(tools.journal, tools.clock, self._timers.wake_after)

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
                self._places.keep(())
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

    async def start(self, leaving: Leaving, *, cascade: str, by: str, guards: bool = False) -> Deletion:
        """Delete the objects of an application that is there, because somebody asks for it; it rests until its entry
        changes or goes. One that is under way goes on with this `cascade`, and tries at once what failed. With `guards`
        nobody asks for it by name: protected objects of it wait for somebody's word.

        Raises `OperationError` for an unknown cascade, `GitopsdError` if the store does not let it begin.
        """
        if cascade not in CASCADES:
            known = ", ".join(CASCADES)
            raise OperationError(f"there is no cascade {cascade[:80]!r}", reason="Invalid", hint=f"use one of {known}")
        work = self._works.get(leaving.spec.name)
        if work is None or (work.deletion.done and work.deletion.cascade != cascade):
            work = self._begin(leaving, cascade, by=by, guards=guards)
            try:
                await self._passes.save(work)
            except GitopsdError:
                self._drop(work)
                raise
            self.looked(work.name)
        elif not work.deletion.done:
            work.deletion = replace(work.deletion, cascade=cascade, by=by or work.deletion.by)
            if not guards:
                work.deletion = asked_by_name(work.deletion)
            work.retry_at = self._tools.clock.monotonic() if work.retry_at is not None else None
            await self._passes.save(work)
        self._tell(work)
        self.wake(work.name)
        return work.deletion

    async def confirm(self, name: AppName) -> None:
        """Let the deletion under way delete what waits for somebody's word. `OperationError` if there is none, or if
        nothing of it waits.
        """
        work = self._works.get(name)
        if work is None or work.deletion.done:
            raise OperationError("it is not being deleted", reason="NothingInProgress", where=name)
        if not waits_for_word(work.deletion, asks=work.asks):
            raise OperationError(
                "nothing of its deletion waits for a confirmation", reason="NothingInProgress", where=name
            )
        work.deletion = replace(work.deletion, confirmed=True)
        await self._passes.save(work)
        self.wake(name)

    def wake(self, name: AppName) -> None:
        """Something that the application's deletion may wait for has happened."""
        work = self._works.get(name)
        if (work is not None and not work.deletion.done) or self._arms.is_wrong(name):
            self._queue.add(name, Level.LIVE)

    def looked(self, name: AppName) -> None:
        """A pass over an application at work ended, or it is at work no more: deletions may have waited for what it
        wants.
        """
        now = self._tools.clock.monotonic()
        for other in self._awaited_by.pop(name, ()):
            work = self._works.get(other)
            if work is not None and other in self._scopes:
                work.disturbed = True
            elif work is not None:
                self._timers.wake_after(other, max(0.0, work.rest_until - now))

    def rewire(self) -> None:
        """The clusters or projects of the configuration changed, or it is known now which applications there are."""
        for name in self._works:
            self.wake(name)

    # The configuration

    async def resume(
        self,
        specs: Mapping[AppName, AppSpec],
        reach: Callable[[AppName], Reach] = lambda _: NOWHERE,
        *,
        certain: bool = True,
    ) -> None:
        """Take up what the journal has. `specs` are all applications of the configuration; `reach` says where the
        objects of one were when they were last looked at.

        Applications that left while nobody looked are deleted now, if they had a finalizer; but not while it is not
        `certain` that they left, since entries could not be read. Nor is one that another brought and that nobody can
        read now (a lost key): it did not leave. Raises `StoreError`.
        """
        brought = await self._tools.journal.child_names()
        for deletion in await self._tools.journal.deletions():
            name = AppName(deletion.app)
            if deletion.phase not in (DeletionPhase.ARMED, DeletionPhase.NONE):
                self._enter(DeletionWork(deletion, saved=deletion, kept=True))
            elif name in specs:
                self._arms.know(deletion)
            elif deletion.phase is DeletionPhase.ARMED and name not in brought:
                self._missing[name] = reaching(deletion, reach(name))
        if not certain:
            for arm in self._missing.values():  # what was seen of it is known only now
                await self._tools.journal.save_deletion(arm)
        self._specs = dict(specs)
        await self.reconfigure(specs, (), certain=certain)
        self.rewire()

    async def reconfigure(
        self, specs: Mapping[AppName, AppSpec], leaving: Sequence[Leaving], *, certain: bool = True
    ) -> None:
        """The configuration has these applications now. `leaving` are those that it has no more, of which the ones with
        a finalizer are deleted, if it is `certain` that they left. Never raises: what cannot be journalled now is tried
        until it can.
        """
        for name in self._missing.keys() & specs.keys():
            self._arms.know(self._missing.pop(name))
        held = too_many(len(leaving) + len(self._missing), len(self._specs) + len(self._missing))
        now = self._tools.clock.now()
        for one in leaving:
            self._arms.forget(one.spec.name)
            arm = armed(one.spec, now)
            if one.spec.name in self._works or arm.phase is not DeletionPhase.ARMED:
                continue
            if certain:
                self._begin(one, arm.cascade, removed=True, guards=True, phase=_first(held=held))
            else:
                self._missing[one.spec.name] = reaching(arm, one.reach, one.server)
        if certain:
            for arm in self._missing.values():
                fresh = replace(began(spec_of(arm), arm.cascade, now), details=arm.details)
                fresh = with_guard(fresh, guards=True)
                self._enter(DeletionWork(replace(fresh, removed=True, phase=_first(held=held))))
            self._missing.clear()
        self._specs = dict(specs)
        for name in list(self._works):
            await self._reconsider(name)
        for name in self._awaited_by.keys() - self._specs.keys():
            self.looked(name)
        await self._arms.take(self._specs, self._works.keys())

    async def _reconsider(self, name: AppName) -> None:
        """What the configuration means for an application that is being deleted, or was."""
        work, spec = self._works.get(name), self._specs.get(name)
        if work is None:
            return  # it came to its end meanwhile
        deletion = work.deletion
        if work.saved is None:
            self.wake(name)
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

    # Passes

    def _begin(
        self,
        leaving: Leaving,
        cascade: str,
        *,
        by: str = "",
        removed: bool = False,
        guards: bool = False,
        phase: DeletionPhase = DeletionPhase.WAITING,
    ) -> DeletionWork:
        now = self._tools.clock.now()
        deletion = began(leaving.spec, cascade, now, server=leaving.server, reach=leaving.reach)
        deletion = replace(with_guard(deletion, guards=guards), by=by, removed=removed, phase=phase)
        return self._enter(DeletionWork(deletion, wanted=leaving.wanted))

    def _enter(self, work: DeletionWork) -> DeletionWork:
        self._works[work.name] = work
        self._arms.forget(work.name)
        for name in dependencies_of(work.deletion):
            self._needed_by.setdefault(name, set()).add(work.name)
        return work

    def _drop(self, work: DeletionWork) -> None:
        self._works.pop(work.name, None)
        self._timers.forget(work.name)
        self._arms.forget(work.name)
        for name in dependencies_of(work.deletion):
            self._needed_by.get(name, set()).discard(work.name)

    async def _dispatch(self) -> None:
        while True:
            name, _ = await self._queue.get()
            await self._under_way.acquire_on_behalf_of(name)
            self._tasks.start_soon(self._pass, name)

    async def _pass(self, name: AppName) -> None:
        try:
            work = self._works.get(name)
            if work is None:
                await self._arms.put_right(name)
            elif not work.deletion.done and not self._stopping and self._tools.configured():
                with anyio.CancelScope() as scope:
                    self._scopes[name] = scope
                    await self._guarded(work)
        finally:
            self._scopes.pop(name, None)
            self._under_way.release_on_behalf_of(name)
            self._queue.done(name)

    async def _guarded(self, work: DeletionWork) -> None:
        """One pass, with whatever goes wrong turned into a message of this deletion alone."""
        started = self._tools.clock.monotonic()
        work.disturbed = False
        try:
            again = await self._passes.advance(work, self._places.find, self._dependants(work.name))
            work.failures = 0
            if again is not None:
                self._timers.wake_after(work.name, again)
            if work.deletion.done:
                await self._finish(work)
        except GitopsdError as error:
            self._failed(work, error)
        except Exception as error:  # noqa: BLE001  # a bug met by one application's input must not end the daemon
            self._on_bug(work.name, error)
            self._failed(work, GitopsdError(f"internal error: {type(error).__name__}; the log has the details"))
        self._rest(work, started)
        self._tell(work)

    def _rest(self, work: DeletionWork, started: float) -> None:
        """Space the looks: a thousand objects that go one by one are looked at a few times a second, no more."""
        now = self._tools.clock.monotonic()
        rest = min(max(_REST_SECONDS, now - started), _LONGEST_REST_SECONDS)
        work.rest_until = now + rest
        if work.disturbed and self._works.get(work.name) is work:
            self._timers.wake_after(work.name, rest)

    def _failed(self, work: DeletionWork, error: GitopsdError) -> None:
        work.failures += 1
        if isinstance(error, ClusterDown) and work.cluster is not None:
            self._cut_off.setdefault(work.cluster.name, set()).add(work.name)
        wait = backoff_seconds(RECONCILE_ERROR, work.failures)
        wait += self._tools.clock.jitter(wait / 10)
        work.deletion = replace(work.deletion, error=str(error), message=f"tried again in {round(wait)} s")
        self._timers.wake_after(work.name, wait)

    async def _finish(self, work: DeletionWork) -> None:
        """It is over: forget what need not be known any more, tell so, wake those that wait for it."""
        if work.cluster is not None:
            hooks = {step.key.group_kind for step in work.hooks or ()}
            await work.cluster.forget(work.name, {gvk.group_kind for gvk in reach_of(work.deletion).kinds} | hooks)
        if work.deletion.removed:
            await self._leave(work)
        self._tell(work)
        for name in dependencies_of(work.deletion):
            self.wake(name)
        self._places.keep(other.cluster for other in self._works.values() if not other.deletion.done)

    async def _leave(self, work: DeletionWork) -> None:
        """Nothing is known of the deletion any more. Should the journal keep it for now, the next start sees by the
        configuration that it is void.
        """
        self._drop(work)
        if work.name in self._specs:
            self._arms.know(work.deletion)  # another record than it shall have: that one is written now
            await self._arms.put_right(work.name)
            self._tell(work)
            self._publish(replace(work.deletion, phase=DeletionPhase.NONE, message="", error=""))
            return
        try:
            await self._tools.journal.forget(work.name)
        except StoreError as error:
            work.deletion = replace(work.deletion, error=str(error))

    def _tell(self, work: DeletionWork) -> None:
        if work.deletion != work.shown:
            work.shown = work.deletion
            self._publish(work.deletion)

    def _await(self, name: AppName, others: Iterable[AppName]) -> None:
        for other in others:
            self._awaited_by.setdefault(other, set()).add(name)

    def _dependants(self, name: AppName) -> tuple[AppName, ...]:
        """Who depends on the application, is being deleted too, and is not yet gone."""
        others = [self._works.get(other) for other in self._needed_by.get(name, ())]
        return tuple(sorted(work.name for work in others if work is not None and not work.deletion.done))

    def _live_changed(self, cluster: Cluster, change: LiveChange) -> None:
        now = self._tools.clock.monotonic()
        for name in change.apps & self._works.keys():
            work = self._works[name]
            if name in self._scopes:
                work.disturbed = True
            elif work.rest_until > now:
                self._timers.wake_after(name, work.rest_until - now)
            else:
                self.wake(name)
        if cluster.connection().up:
            for name in self._cut_off.pop(cluster.name, ()):
                self.wake(name)


def _first(*, held: bool) -> DeletionPhase:
    return DeletionPhase.HELD if held else DeletionPhase.WAITING
