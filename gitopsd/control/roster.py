"""Who is worked for: the applications of the configuration, and those that other applications bring."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gitopsd.control.application import Application
from gitopsd.control.applications import Applications
from gitopsd.control.child_applications import ChildApplications
from gitopsd.control.claimants import Claimants
from gitopsd.control.departures import Departures
from gitopsd.control.dependencies import Dependencies
from gitopsd.control.holds import Holds
from gitopsd.control.passes import Passes
from gitopsd.control.publisher import Publisher
from gitopsd.control.queue import Level, WorkQueue
from gitopsd.control.refreshes import Refreshes
from gitopsd.control.timers import Timers
from gitopsd.control.world import NOTHING_REMEMBERED, Remembered
from gitopsd.core.app import AppSpec
from gitopsd.core.childapps import Shown
from gitopsd.core.deletion_record import cascade_of
from gitopsd.core.errors import OperationError
from gitopsd.core.ids import AppName
from gitopsd.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class Roster:
    """Changes which `applications` there are, and tells so whoever has to do with them. `children` are those that
    others bring, and come in here too.
    """

    applications: Applications
    children: ChildApplications
    dependencies: Dependencies
    refreshes: Refreshes
    queue: WorkQueue
    timers: Timers
    passes: Passes
    holds: Holds
    publisher: Publisher
    departures: Departures
    claimants: Claimants
    clock: Clock

    async def resume_deletions(self, specs: Iterable[AppSpec], remembered: Remembered, *, certain: bool) -> None:
        """Take up the deletions that were under way, before `configure`. `certain` as there. Raises `StoreError`."""
        await self.departures.resume(self._with_children(specs), remembered, certain=certain)
        now = self.clock.monotonic()
        for spec in self.children.leaving():
            if spec.name not in self.applications.departing:
                self.applications.depart(Application.begin(spec, remembered.statuses.get(spec.name), now))
            await self.let_go(spec, cascade=True)

    def configure(self, specs: Iterable[AppSpec], remembered: Remembered, *, certain: bool) -> None:
        """Work for exactly these applications, and those that they bring, from now on. Those that did not change go on
        undisturbed.

        Those that left are deleted if a finalizer says so, unless it is not `certain` that they left: some of the
        configuration could not be read.
        """
        wanted = self._with_children(specs)
        at_work = self.applications.at_work
        self.dependencies.learn(wanted.values())
        if wanted.keys() != at_work.keys():
            self._look_for_orphans()
        for name in at_work.keys() - wanted.keys():
            self._remove(name)
        for spec in wanted.values():
            self._enter(spec, remembered)
        self.departures.reconfigured(wanted, certain=certain)

    # What children need (`control.children.Keeper`)

    def spec(self, name: AppName) -> AppSpec | None:
        """The application, whoever brought it."""
        app = self.applications.get(name)
        return app.spec if app is not None else None

    def shown(self, name: AppName) -> Shown | None:
        """How it stands. While its parent is in the middle of a sync, what was known before the start does not count:
        the sync may have changed it just before.
        """
        app = self.applications.find(name)
        if app is None:
            return None
        parent = self.applications.get(self.children.parent_of(name) or name)
        judged = app.judged and (app.looked or parent is None or parent.operation is None)
        return Shown(app.spec, app.status, judged, app.comparison.digest)

    def take(self, spec: AppSpec) -> None:
        """Work for it from now on, or by this spec."""
        before = self.spec(spec.name)
        self._enter(spec, NOTHING_REMEMBERED)
        if before is None:
            self._look_for_orphans()
        if spec.depends_on or (before is not None and before.depends_on):
            self.dependencies.learn(app.spec for app in self.applications.at_work.values())
        self.departures.came(spec, before)

    async def let_go(self, spec: AppSpec, *, cascade: bool) -> None:
        """Work for it no more; with `cascade` its objects are deleted. Raises `GitopsdError` if that cannot begin."""
        name = spec.name
        app = self.applications.find(name)
        if name in self.applications.at_work:
            self._remove(name)
        if app is None:
            app = Application.begin(spec, None, self.clock.monotonic())
        parent = self.children.parent_of(name)
        cascades = cascade_of(spec.finalizers) if cascade else None
        await self.departures.let_go(app, cascade=cascades, parent=parent)

    # Inside

    def _with_children(self, specs: Iterable[AppSpec]) -> dict[AppName, AppSpec]:
        configured = {spec.name: spec for spec in specs}
        return configured | {spec.name: spec for spec in self.children.specs(configured)}

    def _enter(self, spec: AppSpec, remembered: Remembered) -> None:
        name = spec.name
        revisions = self.refreshes.revisions
        known = self.applications.get(name)
        if known is None:
            known = self._begun(spec, remembered)
            self.applications.begin(known)
            revisions.use(name, spec, None)
            revisions.refresh(name, spec)
        elif known.spec != spec:
            before = known.spec
            known = known.respecified(spec)
            self.applications.swap(known)
            self.passes.cancel(name)
            revisions.use(name, spec, before)
            if spec.sources != before.sources:
                revisions.refresh(name, spec)
        else:
            return
        self.claimants.note(name)
        self.publisher.publish(known, known.status)
        # Without a commit there is nothing to do yet: the look-up wakes it.
        if revisions.of(spec) is not None:
            self.queue.add(name, Level.GIT)

    def _begun(self, spec: AppSpec, remembered: Remembered) -> Application:
        name = spec.name
        return Application.begin(
            spec,
            remembered.statuses.get(name),
            self.clock.monotonic(),
            operation=remembered.operations.get(name),
            ended=remembered.ended.get(name),
            pin=remembered.pins.get(name),
        )

    def _remove(self, name: AppName) -> None:
        app = self.applications.take_out(name)
        self.claimants.note(name)
        app.refuse(OperationError("it left the configuration", reason="NotFound", where=name))
        self.holds.forget(name)
        self.publisher.left(app)
        self.refreshes.forget(app.spec)
        self.queue.discard(name)
        self.timers.forget(name)
        self.passes.cancel(name)
        self.departures.left(app)

    def _look_for_orphans(self) -> None:
        """Applications came or went: what was theirs may be nobody's now, or the other way round."""
        for name, app in self.applications.at_work.items():
            if app.orphaned.asked:
                self.queue.add(name, Level.LIVE)
