"""Keeps all applications reconciled: whoever has work gets a pass, and nobody's pass waits for another's trouble."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from anyio import AsyncContextManagerMixin

from gitopsd.control.bus import Bus
from gitopsd.control.operations import Desk, Operations
from gitopsd.control.parts import OnBug, Parts
from gitopsd.control.queue import Level
from gitopsd.control.settings import SupervisorSettings
from gitopsd.control.vitals import Vitals
from gitopsd.control.world import NOTHING_REMEMBERED, Remembered, World
from gitopsd.core.app import AppSpec
from gitopsd.core.appstatus import AppStatus
from gitopsd.core.childapps import ChildRecord, Shown
from gitopsd.core.compare import Comparison
from gitopsd.core.findings import unused
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.live import LiveObject
from gitopsd.core.orphans import Orphaned


class Supervisor(AsyncContextManagerMixin):
    """Runs the parts that keep applications reconciled (`async with`), each of which owns what it is named after, and
    hands on to them what it is asked for. `on_bug` hears of errors that are ours, and at which application they were
    met.
    """

    def __init__(self, world: World, bus: Bus, settings: SupervisorSettings, on_bug: OnBug) -> None:
        self._world = world
        self._parts = parts = Parts(world, bus, settings, self, on_bug)
        self._vitals = Vitals()
        self.trees = parts.trees
        """The resource trees of the applications."""
        self.actions = parts.actions
        """What can be done to live objects; None if nobody said what."""

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[Supervisor]:
        async with self._parts.deletions, self._parts.errands:
            start, keep = self._parts.errands.start, self._vitals.keep
            start(keep, "the timers of applications", self._parts.timers.run)
            start(keep, "the look-ups of revisions", self._parts.refreshes.revisions.run)
            start(keep, "the queue of applications", self._parts.passes.run, self._parts.application_pass.run)
            try:
                yield self
            finally:
                self._parts.destinations.close()
                await self._parts.passes.stop()

    # Whether it is alive

    def ended(self) -> tuple[str, ...]:
        """Those of its tasks that ended though they must not, in words."""
        return self._vitals.ended()

    def longest_pass(self) -> tuple[float, str]:
        """How many seconds the oldest pass has been under way, and over which application; 0.0 if there is none."""
        return self._parts.passes.longest()

    # The configuration

    async def resume_deletions(self, specs: Iterable[AppSpec], remembered: Remembered, *, certain: bool = True) -> None:
        """Take up the deletions that were under way, before `configure`. `certain` as there. Raises `StoreError`."""
        await self._parts.roster.resume_deletions(specs, remembered, certain=certain)

    async def restore_children(self, records: Sequence[ChildRecord]) -> None:
        """Know the applications that others brought before a restart; before `resume_deletions`."""
        await self._parts.children.restore(records)

    async def reread_children(self) -> None:
        """What applications are checked against changed; before `configure`."""
        await self._parts.children.reread()

    def configure(
        self, specs: Iterable[AppSpec], remembered: Remembered = NOTHING_REMEMBERED, *, certain: bool = True
    ) -> None:
        """Work for exactly these applications from now on. Those that did not change go on undisturbed.

        Those that left are deleted if a finalizer says so, unless it is not `certain` that they left: some of the
        configuration could not be read.
        """
        self._parts.roster.configure(specs, remembered, certain=certain)

    def tune(self, settings: SupervisorSettings) -> None:
        """Take new settings; the next waits and passes follow them. Other ways to compare concern everybody at once."""
        before, self._parts.tuning.now = self._parts.tuning.now, settings
        if settings.resources != before.resources:
            self.rewire()
        if settings.projects != before.projects:
            self._all_look(Level.GIT)  # what was refused may be allowed now
        self._parts.refreshes.tune(settings)
        self._parts.holds.tune(settings.sync.breaker)
        self._parts.application_pass.tune(settings.sync)
        self._parts.turns.allow(settings.concurrency)

    def rewire(self) -> None:
        """The clusters of the configuration changed, or how kinds are compared: every application looks anew."""
        self._parts.deletions.rewire()
        self._all_look(Level.LIVE)

    def rejudge(self) -> None:
        """The rules for health changed: every object is judged anew."""
        self.trees.forget()
        for app in self._parts.applications.at_work.values():
            resources = tuple(replace(item, version="", out_of_sight=item.was_there) for item in app.status.resources)
            app.status = replace(app.status, resources=resources)
        self._all_look(Level.LIVE)

    def set_clock(self, seconds: float) -> None:
        """The time of day was set by so many seconds: operations go on as if it had always been so, and everybody looks
        whether a sync window opened or closed by that.
        """
        for app in self._parts.applications.at_work.values():
            app.set_clock(seconds)
        self._all_look(Level.LIVE)

    def reaccess(self, *, projects: bool) -> None:
        """Credentials of repositories changed: what failed is looked up now. With `projects` every application asks
        again whether it may use its repositories.
        """
        self._parts.refreshes.revisions.retry()
        if projects:
            self._all_look(Level.GIT)

    def _all_look(self, level: Level) -> None:
        for name in self._parts.applications.at_work:
            self._parts.queue.add(name, level)

    # What children need (`control.children.Keeper`)

    def spec(self, name: AppName) -> AppSpec | None:
        """The application, whoever brought it."""
        return self._parts.roster.spec(name)

    def shown(self, name: AppName) -> Shown | None:
        """How it stands, as far as its parent may go by that."""
        return self._parts.roster.shown(name)

    def wants(self, name: AppName, key: ObjectKey) -> bool:
        """Whether an application wants this object, or may want it."""
        return self._parts.claimants.wants(name, key)

    def take(self, spec: AppSpec) -> None:
        """Work for it from now on, or by this spec."""
        self._parts.roster.take(spec)

    async def let_go(self, spec: AppSpec, *, cascade: bool) -> None:
        """Work for it no more; with `cascade` its objects are deleted. Raises `GitopsdError` if that cannot begin."""
        await self._parts.roster.let_go(spec, cascade=cascade)

    # What people ask for

    @property
    def operations(self) -> Operations:
        """What people ask for beyond a refresh."""
        return Desk(
            self._parts.applications.get,
            self._parts.applications.departing.__contains__,
            self._parts.refreshes.wake,
            self._parts.refreshes.commit,
            self._parts.departures.delete,
            self._confirm,
            self._parts.inspection.place,
            self._world.journal,
            self._world.clock,
        )

    def refresh(self, name: AppName, *, hard: bool = False) -> None:
        """Look the application's repositories up and reconcile it now; `hard` renders without the cache. KeyError if
        unknown.
        """
        self._parts.refreshes.ask(name, hard=hard)

    def applications(self) -> Mapping[AppName, tuple[AppSpec, AppStatus]]:
        """Every application with its present status."""
        return self._parts.inspection.all()

    def application(self, name: AppName) -> tuple[AppSpec, AppStatus] | None:
        """One of them; an operation under way as far as it came by now."""
        return self._parts.inspection.one(name)

    def resting(self, name: AppName) -> bool:
        """Whether nothing will happen to the application, because its owner says so (`skip-reconcile`)."""
        return self._parts.applications.resting(name)

    def comparison(self, name: AppName) -> Comparison:
        """The application's last comparison; an empty one if there was none yet."""
        return self._parts.inspection.comparison(name)

    def orphaned(self, name: AppName) -> Orphaned | None:
        """What its last pass found to belong to nobody; None if there is no such application."""
        return self._parts.inspection.orphaned(name)

    def children(self, name: AppName) -> Sequence[LiveObject]:
        """Live objects below those that the application manages; none while its cluster was not looked at."""
        return self._parts.inspection.children(name)

    def commits(self) -> Mapping[str, frozenset[str]]:
        """Repository → commits in use, for `Sources.keep`."""
        return self._parts.refreshes.revisions.commits()

    def orphan_counts(self) -> Mapping[AppName, int]:
        """How many orphans each application was found to have whose project looks for them."""
        return self._parts.inspection.orphan_counts()

    def waiting(self) -> int:
        """How many applications wait for a pass."""
        return len(self._parts.queue)

    def under_way(self) -> int:
        """How many passes are under way."""
        return self._parts.passes.count()

    def unseen(self) -> int:
        """How many applications have not been looked at since the start; those in error count as seen."""
        return self._parts.applications.unseen()

    def unused_ignores(self) -> tuple[str, ...]:
        """A sentence for each ignoreDifferences of all applications that found nothing in any of them; none while there
        are applications that were not looked at.
        """
        rules, used = self._parts.tuning.now.resources.ignore_differences, self._parts.used_ignores
        return () if self.unseen() else unused([rule for rule in rules if rule not in used])

    # What the parts ask for

    async def _confirm(self, name: AppName) -> None:
        """What waits for somebody's word goes on: its deletion, or its operation and those that the breaker holds."""
        if self._parts.deletions.rests(name):
            await self._parts.deletions.confirm(name)
            return
        app = self._parts.applications.at_work[name]
        app.confirmed_at = self._world.clock.now()
        if app.cluster is not None:
            self._parts.holds.reset(app.cluster.name, name)
        self._parts.refreshes.wake(name, fresh=False)
