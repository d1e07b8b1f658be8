"""The parts of the supervisor, joined by hand: each gets what it needs of the others, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import anyio

from gitopsd.control.actions import Actions
from gitopsd.control.adapters import Adapters
from gitopsd.control.application_pass import ApplicationPass
from gitopsd.control.applications import Applications
from gitopsd.control.bookkeeping import Bookkeeping
from gitopsd.control.bus import Bus
from gitopsd.control.child_applications import ChildApplications
from gitopsd.control.children import Keeper
from gitopsd.control.claimants import Claimants
from gitopsd.control.deletion import Deletions
from gitopsd.control.deletion_news import DeletionNews
from gitopsd.control.deletion_work import DeletionTools
from gitopsd.control.departures import Departures
from gitopsd.control.dependencies import Dependencies
from gitopsd.control.destinations import Destinations
from gitopsd.control.errands import Errands
from gitopsd.control.holds import Holds
from gitopsd.control.inspection import Inspection
from gitopsd.control.passes import Passes
from gitopsd.control.publisher import Publisher
from gitopsd.control.queue import Level, WorkQueue
from gitopsd.control.refreshes import Refreshes
from gitopsd.control.retries import Retries
from gitopsd.control.roster import Roster
from gitopsd.control.settings import SupervisorSettings, Tuning
from gitopsd.control.timers import Timers
from gitopsd.control.trees import Trees
from gitopsd.control.turns import ClusterTurns
from gitopsd.control.world import World
from gitopsd.core.app import AppSpec
from gitopsd.core.hold import Hold
from gitopsd.core.ids import AppName
from gitopsd.core.ignore import IgnoreRule
from gitopsd.core.tracking import mark as mark_of

_RENDERS_UNDER_WAY: Final = 16

OnBug = Callable[[AppName, Exception], None]


class Parts:
    """Made together; nothing of them runs yet. `keeper` (the supervisor) takes and lets go of child applications, and
    `on_bug` hears of errors that are ours, and at which application they were met.
    """

    def __init__(self, world: World, bus: Bus, settings: SupervisorSettings, keeper: Keeper, on_bug: OnBug) -> None:
        clock = world.clock
        self.tuning = Tuning(settings)
        self.used_ignores: set[IgnoreRule] = set()
        self.errands = Errands()
        self.turns = ClusterTurns(settings.concurrency)

        self.applications = Applications()
        self.queue = WorkQueue()
        self.timers = Timers(clock, self._look)
        self.passes = Passes(self.queue, self.applications)
        self.refreshes = Refreshes(
            world, settings, self.applications, self.queue, ended=self.passes.ended, on_bug=on_bug
        )
        self.dependencies = Dependencies(self.applications, self.refreshes.revisions.of)
        self.publisher = Publisher(bus, clock, self.applications, self.queue, self.dependencies.dependants)
        self.holds = self._make_holds(world, settings)

        self.children = ChildApplications(world, keeper, self.errands)
        self.clusters = self.children.clusters
        self.destinations = Destinations(
            self.clusters,
            clock,
            applications=self.applications,
            queue=self.queue,
            timers=self.timers,
            under_way=self.passes.over,
        )

        self.claimants = Claimants(self.applications, deleted=self._deleted, under_way=self.passes.names)
        news = DeletionNews(
            self.applications, self.publisher, self.queue, looked=self.children.looked, gone=self.children.gone
        )
        self.deletions = Deletions(self.clusters, self._deletion_tools(world), news.changed, on_bug)
        self.departures = Departures(
            self.applications,
            self.deletions,
            news,
            publisher=self.publisher,
            errands=self.errands,
            clock=clock,
        )
        self.roster = Roster(
            applications=self.applications,
            children=self.children,
            dependencies=self.dependencies,
            refreshes=self.refreshes,
            queue=self.queue,
            timers=self.timers,
            passes=self.passes,
            holds=self.holds,
            publisher=self.publisher,
            departures=self.departures,
            claimants=self.claimants,
            clock=clock,
        )

        retries = Retries(self.applications, self.errands, self.refreshes.wake)
        self.application_pass = ApplicationPass(
            adapters=self._make_adapters(world, settings),
            applications=self.applications,
            bus=bus,
            timers=self.timers,
            revisions=self.refreshes.revisions,
            destinations=self.destinations,
            publisher=self.publisher,
            bookkeeping=Bookkeeping(bus, clock, self.queue, self.timers, self.holds, retries, self.publisher),
            deleted=self.deletions.rests,
            looked=self._looked,
            on_bug=on_bug,
        )

        self.inspection = Inspection(self.applications, self.turns)
        self.trees = Trees(self.inspection.grown, world.judge, clock)
        self.actions = (
            Actions(self.inspection.acted_on, world.actions, self.tuning.projects, clock, world.on_action)
            if world.actions is not None
            else None
        )

    def _make_holds(self, world: World, settings: SupervisorSettings) -> Holds:
        return Holds(
            projects=self.tuning.projects,
            schedules=world.schedules,
            clock=world.clock,
            state_of=self.dependencies.state,
            readiness_of=self.dependencies.readiness,
            managed=self.publisher.managed,
            wake=self._look,
            breaking=settings.sync.breaker,
            on_breaker=world.on_breaker,
        )

    def _deletion_tools(self, world: World) -> DeletionTools:
        return DeletionTools(
            world.journal,
            world.clock,
            world.judge,
            projects=self.tuning.projects,
            timing=self.tuning.timing,
            claims=self.claimants.claims,
            protected=self.tuning.protected,
            known=self._known,
            configured=lambda: self.departures.configured,
        )

    def _make_adapters(self, world: World, settings: SupervisorSettings) -> Adapters:
        return Adapters(
            renderer=world.renderer,
            clock=world.clock,
            stopping=self.passes.stopping,
            rendering=anyio.CapacityLimiter(_RENDERS_UNDER_WAY),
            turns=self.turns.on,
            judge=world.judge,
            journal=world.journal,
            hold=self._hold,
            leave=self.holds.ask,
            claims=self.claimants.claims,
            behind=self.claimants.behind,
            readiness=world.readiness,
            plan_key=world.plan_key,
            sync=settings.sync,
            on_store_trouble=world.on_store_trouble,
            describe=world.sources.describe,
            self_heal=self.tuning.self_heal,
            timing=self.tuning.timing,
            resources=self.tuning.resources,
            used_ignores=self.used_ignores,
            expressions=world.expressions,
            projects=self.tuning.projects,
            exists=self._exists,
            known=self._known,
            tracer=world.tracer,
        )

    def _look(self, name: AppName) -> None:
        self.queue.add(name, Level.LIVE)

    def _hold(self, spec: AppSpec) -> Hold:
        app = self.applications.get(spec.name)
        cluster = app.cluster if app is not None else None
        return self.holds.of(spec, *((cluster.server, cluster.name) if cluster is not None else ()))

    def _deleted(self, name: AppName) -> bool:
        return self.deletions.rests(name)

    def _looked(self, name: AppName) -> None:
        self.claimants.note(name)
        self.children.looked(name)
        self.deletions.looked(name)

    def _exists(self, mark: str) -> bool:
        return self.applications.marked(mark, self.tuning.now.resources.tracking)

    def _known(self, mark: str) -> bool:
        tracking = self.tuning.now.resources.tracking
        departs = any(mark_of(name, tracking) == mark for name in self.applications.departing)
        return not self.departures.configured or departs or self._exists(mark)
