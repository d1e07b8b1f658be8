"""Keeps all applications reconciled: whoever has work gets a pass, and nobody's pass waits for another's trouble."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import anyio
from anyio import AsyncContextManagerMixin

from gitopsd.control.actions import Actions, Done
from gitopsd.control.actions import Ground as ActionGround
from gitopsd.control.adapters import Adapters
from gitopsd.control.application import Application
from gitopsd.control.asking import AskedSync
from gitopsd.control.beginning import in_progress
from gitopsd.control.bus import Bus
from gitopsd.control.children import Children
from gitopsd.control.children_cluster import ClustersWithChildren
from gitopsd.control.deletion import Deletions, Leaving
from gitopsd.control.deletion_work import DeletionTools
from gitopsd.control.holds import Holds
from gitopsd.control.operations import Desk, Operations
from gitopsd.control.queue import Level, WorkQueue
from gitopsd.control.reconcile import reconcile
from gitopsd.control.revisions import Refusal, Resolution, Revisions, nobody_refused
from gitopsd.control.timers import Timers
from gitopsd.control.trees import Ground, Trees
from gitopsd.control.turns import Turns
from gitopsd.control.view import Outcome, Request
from gitopsd.core.annotations import SKIP_RECONCILE
from gitopsd.core.app import AppSpec, Dependency, TrackingMethod
from gitopsd.core.appstatus import AppStatus, SyncCode, judged_again_at
from gitopsd.core.causes import causes_of
from gitopsd.core.childapps import ChildRecord, Shown
from gitopsd.core.compare import NOTHING_COMPARED, Comparison, Verdict
from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.customization import ResourceSettings
from gitopsd.core.decide import Act, next_attempt
from gitopsd.core.deletion_record import cascade_of, spec_of
from gitopsd.core.dependency import DependencyState, Edges, Readiness, dependants
from gitopsd.core.errors import ClusterDown, GitopsdError, OperationError, SpecError, StoreError
from gitopsd.core.events import AppRemoved, OperationEnded, Reconciled, StatusChanged
from gitopsd.core.findings import unused
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.health.timing import NO_TIMEOUTS, Timing
from gitopsd.core.history import Deletion, DeletionPhase, Pin
from gitopsd.core.hold import Hold, SyncSettings
from gitopsd.core.ids import GVK, AppName, ObjectKey
from gitopsd.core.ignore import IgnoreRule
from gitopsd.core.live import LiveObject
from gitopsd.core.operation import Operation, Phase
from gitopsd.core.orphans import Orphaned
from gitopsd.core.progress import runs_hooks
from gitopsd.core.project import ONLY_DEFAULT, Projects
from gitopsd.core.schedule import RECONCILE_ERROR, SELF_HEAL, Backoff, backoff_seconds
from gitopsd.core.tracking import mark as mark_of
from gitopsd.ports.actions import ResourceActions
from gitopsd.ports.applications import ReadApplication
from gitopsd.ports.clock import Clock
from gitopsd.ports.cluster import Cluster, Clusters, LiveChange
from gitopsd.ports.expressions import FieldExpressions
from gitopsd.ports.health import HealthJudge
from gitopsd.ports.journal import Journal
from gitopsd.ports.readiness import ReadinessJudge
from gitopsd.ports.renderer import Renderer
from gitopsd.ports.schedule import Schedules
from gitopsd.ports.sources import Sources

_STOP_SECONDS: Final = 8.0
_PASSES_UNDER_WAY: Final = 512
_RENDERS_UNDER_WAY: Final = 16
_REST_SECONDS: Final = 0.05
_LONGEST_REST_SECONDS: Final = 1.0
_TOGETHER_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class SupervisorSettings:
    """`interval` and `jitter` (seconds) of the look-ups of each repository; how many passes share a cluster."""

    interval: float = 180.0
    jitter: float = 60.0
    concurrency: int = 16
    self_heal: Backoff = SELF_HEAL
    timing: Timing = NO_TIMEOUTS
    resources: ResourceSettings = field(default_factory=ResourceSettings)
    projects: Projects = ONLY_DEFAULT
    sync: SyncSettings = field(default_factory=SyncSettings)


@dataclass(frozen=True, slots=True)
class World:
    """The adapters that the supervisor works with; `refusal` says why a project may not use an origin,
    `on_store_trouble` hears of history that could not be kept, `on_breaker` of clusters to which automated syncs are
    stopped or go on.
    """

    sources: Sources
    renderer: Renderer
    clusters: Clusters
    clock: Clock
    judge: HealthJudge
    journal: Journal
    refusal: Refusal = nobody_refused
    expressions: FieldExpressions | None = None
    on_store_trouble: Callable[[StoreError], None] = lambda _: None
    on_breaker: Callable[[str, bool], None] = lambda _cluster, _open: None
    schedules: Schedules | None = None
    readiness: ReadinessJudge | None = None
    actions: ResourceActions | None = None
    on_action: Callable[[Done], None] = lambda _: None
    plan_key: bytes = b""
    applications: ReadApplication | None = None


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was known before the daemon started."""

    statuses: Mapping[AppName, AppStatus] = field(default_factory=dict)
    operations: Mapping[AppName, Operation] = field(default_factory=dict)
    ended: Mapping[AppName, Operation] = field(default_factory=dict)
    pins: Mapping[AppName, Pin] = field(default_factory=dict)


NOTHING_REMEMBERED: Final = Remembered()


@dataclass(frozen=True, slots=True)
class _Pass:
    """A pass under way."""

    app: Application
    scope: anyio.CancelScope


class Supervisor(AsyncContextManagerMixin):
    """Owns the applications and everything that runs for them; `async with` runs it."""

    def __init__(
        self, world: World, bus: Bus, settings: SupervisorSettings, on_bug: Callable[[AppName, Exception], None]
    ) -> None:
        self._world = world
        self._bus = bus
        self._on_bug = on_bug
        self._applications: dict[AppName, Application] = {}
        self._queue = WorkQueue()
        self._timers = Timers(world.clock, lambda app: self._queue.add(app, Level.LIVE))
        self._revisions = Revisions(
            world.sources,
            world.clock,
            interval=settings.interval,
            jitter=settings.jitter,
            changed=self._revision_changed,
            passed=self._passed,
            on_bug=on_bug,
            refusal=world.refusal,
        )
        self._hard: set[AppName] = set()
        self._dependants: Edges = {}
        self._turns: dict[str, Turns] = {}
        self._concurrency = settings.concurrency
        self._self_heal = settings.self_heal
        self._timing = settings.timing
        self._resources = settings.resources
        self._used_ignores: set[IgnoreRule] = set()
        self._projects = settings.projects
        self._under_way = anyio.CapacityLimiter(_PASSES_UNDER_WAY)
        self._subscriptions: dict[str, tuple[Cluster, Callable[[], None]]] = {}
        self._passes: dict[AppName, _Pass] = {}
        self._waiters: dict[AppName, anyio.Event] = {}
        self._cut_off: dict[str, set[AppName]] = {}
        self.trees = Trees(self._ground, world.judge, world.clock)
        """The resource trees of the applications."""
        self._stopping = False
        self._idle = anyio.Event()
        self._departing: dict[AppName, Application] = {}
        self._left: list[Application] = []
        self._one_reload = anyio.CapacityLimiter(1)
        self._begun = False
        self._certain = True
        self._parting = False
        self._family = (
            Children(world.journal, world.applications, world.clock, self) if world.applications is not None else None
        )
        self._clusters = ClustersWithChildren(world.clusters, self._family) if self._family else world.clusters
        self._deletions = Deletions(
            self._clusters,
            DeletionTools(
                world.journal,
                world.clock,
                world.judge,
                projects=lambda: self._projects,
                timing=lambda: self._timing,
                claimed=self._claimed,
            ),
            self._deletion_changed,
            on_bug,
        )
        self.actions = (
            Actions(self._acted_on, world.actions, lambda: self._projects, world.clock, world.on_action)
            if world.actions is not None
            else None
        )
        """What can be done to live objects; None if nobody said what."""
        self._managed: Counter[str] = Counter()
        self._holds = Holds(
            projects=lambda: self._projects,
            schedules=world.schedules,
            clock=world.clock,
            state_of=self._dependency_state,
            readiness_of=self._readiness_of,
            managed=lambda cluster: self._managed[cluster],
            wake=lambda name: self._queue.add(name, Level.LIVE),
            breaking=settings.sync.breaker,
            on_breaker=world.on_breaker,
        )
        self._adapters = Adapters(
            renderer=world.renderer,
            clock=world.clock,
            stopping=lambda: self._stopping,
            rendering=anyio.CapacityLimiter(_RENDERS_UNDER_WAY),
            turns=self._turn,
            judge=world.judge,
            journal=world.journal,
            hold=self._hold,
            leave=self._holds.ask,
            readiness=world.readiness,
            plan_key=world.plan_key,
            sync=settings.sync,
            on_store_trouble=world.on_store_trouble,
            describe=world.sources.describe,
            self_heal=lambda: self._self_heal,
            timing=lambda: self._timing,
            resources=lambda: self._resources,
            used_ignores=self._used_ignores,
            expressions=world.expressions,
            projects=lambda: self._projects,
            exists=self._exists,
        )

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[Supervisor]:
        async with self._deletions, anyio.create_task_group() as tasks:
            self._tasks = tasks
            tasks.start_soon(self._timers.run)
            tasks.start_soon(self._revisions.run)
            tasks.start_soon(self._dispatch)
            try:
                yield self
            finally:
                await self._stop()
                tasks.cancel_scope.cancel()

    # What the daemon and the API ask for

    async def resume_deletions(self, specs: Iterable[AppSpec], remembered: Remembered, *, certain: bool = True) -> None:
        """Take up the deletions that were under way, before `configure`. `certain` as there. Raises `StoreError`."""
        wanted = self._with_children(specs)

        def kinds(name: AppName) -> frozenset[GVK]:
            status = remembered.statuses.get(name)
            return frozenset(item.gvk for item in status.resources) if status is not None else frozenset()

        await self._deletions.resume(wanted, kinds, certain=certain)
        now = self._world.clock.monotonic()
        for deletion in self._deletions.all():
            name = AppName(deletion.app)
            if name not in wanted:
                status = remembered.statuses.get(name)
                self._departing[name] = app = Application.begin(spec_of(deletion), status, now)
                self._show_deletion(app, deletion)
        for spec in self._family.leaving() if self._family is not None else ():
            if spec.name not in self._departing:
                self._departing[spec.name] = Application.begin(spec, remembered.statuses.get(spec.name), now)
            await self.let_go(spec, cascade=True)

    async def restore_children(self, records: Sequence[ChildRecord]) -> None:
        """Know the applications that others brought before a restart; before `resume_deletions`."""
        if self._family is not None:
            await self._family.restore(records)

    async def reread_children(self) -> None:
        """What applications are checked against changed; before `configure`."""
        if self._family is not None:
            await self._family.reread()

    def _with_children(self, specs: Iterable[AppSpec]) -> dict[AppName, AppSpec]:
        configured = {spec.name: spec for spec in specs}
        children = self._family.specs(configured) if self._family is not None else ()
        return configured | {spec.name: spec for spec in children}

    def configure(
        self, specs: Iterable[AppSpec], remembered: Remembered = NOTHING_REMEMBERED, *, certain: bool = True
    ) -> None:
        """Work for exactly these applications from now on. Those that did not change go on undisturbed.

        Those that left are deleted if a finalizer says so, unless it is not `certain` that they left: some of the
        configuration could not be read.
        """
        wanted = self._with_children(specs)
        self._begun, self._certain = True, certain
        self._dependants = dependants(wanted.values())
        if wanted.keys() != self._applications.keys():
            self._look_for_orphans()
        for name in self._applications.keys() - wanted.keys():
            self._remove(name)
        for spec in wanted.values():
            self._enter(spec, remembered)
        self._tasks.start_soon(self._part, wanted, certain)

    def _enter(self, spec: AppSpec, remembered: Remembered) -> None:
        name = spec.name
        known = self._applications.get(name)
        if known is None:
            self._departing.pop(name, None)
            known = Application.begin(
                spec,
                remembered.statuses.get(name),
                self._world.clock.monotonic(),
                operation=remembered.operations.get(name),
                ended=remembered.ended.get(name),
                pin=remembered.pins.get(name),
            )
            self._applications[name] = known
            self._revisions.use(name, spec, None)
            self._revisions.refresh(name, spec)
            self._publish(known, known.status)
        elif known.spec != spec:
            before = known.spec
            known = self._applications[name] = known.respecified(spec)
            self._cancel(name)
            self._revisions.use(name, spec, before)
            if spec.sources != before.sources:
                self._revisions.refresh(name, spec)
            self._publish(known, known.status)
        else:
            return
        # Without a commit there is nothing to do yet: the look-up wakes it.
        if self._revisions.of(spec) is not None:
            self._queue.add(name, Level.GIT)

    async def _part(self, specs: Mapping[AppName, AppSpec], certain: bool) -> None:
        """Leave the clusters of the applications that left; then their deletions look at them."""
        async with self._one_reload:
            left, self._left = self._left, []
            for app in left:
                await _leave_cluster(app)
            leaving = [_leaving(app) for app in left if app.spec.name not in self._applications]
            await self._deletions.reconfigure(specs, leaving, certain=certain)

    # What children need (`control.children.Keeper`)

    def spec(self, name: AppName) -> AppSpec | None:
        """The application, whoever brought it."""
        app = self._applications.get(name)
        return app.spec if app is not None else None

    def shown(self, name: AppName) -> Shown | None:
        """How it stands. While its parent is in the middle of a sync, what was known before the start does not count:
        the sync may have changed it just before.
        """
        app = self._applications.get(name)
        if app is None:
            return None
        parent = self._applications.get(self._family.parent_of(name) or name) if self._family is not None else None
        judged = app.judged and (app.looked or parent is None or parent.operation is None)
        return Shown(app.spec, app.status, judged, app.comparison.digest)

    def take(self, spec: AppSpec) -> None:
        """Work for it from now on, or by this spec."""
        before = self.spec(spec.name)
        self._enter(spec, NOTHING_REMEMBERED)
        if before is None:
            self._look_for_orphans()
        if spec.depends_on or (before is not None and before.depends_on):
            self._dependants = dependants(app.spec for app in self._applications.values())
        finalizers = (*spec.finalizers, *(before.finalizers if before is not None else ()))
        if cascade_of(finalizers) or self._deletions.rests(spec.name):
            self._part_soon()

    async def let_go(self, spec: AppSpec, *, cascade: bool) -> None:
        """Work for it no more; with `cascade` its objects are deleted."""
        name = spec.name
        app = self._applications.get(name) or self._departing.get(name)
        if name in self._applications:
            self._remove(name)
        if app is None:
            app = Application.begin(spec, None, self._world.clock.monotonic())
        if any(one is app for one in self._left):
            self._left = [one for one in self._left if one is not app]
            await _leave_cluster(app)  # before its deletion, or one that comes after it, looks at it
        self._part_soon()
        if cascade:
            self._departing[name] = app
            by = f"application {self._family.parent_of(name)}" if self._family is not None else ""
            deletion = await self._deletions.start(_leaving(app), cascade=cascade_of(spec.finalizers), by=by)
            if deletion.done:
                self._deletion_changed(deletion)

    def _part_soon(self) -> None:
        """Let the deletions know what there is; once for many that come together."""
        if not self._parting and self._begun:
            self._parting = True
            self._tasks.start_soon(self._part_again)

    async def _part_again(self) -> None:
        await anyio.sleep(_TOGETHER_SECONDS)
        self._parting = False
        await self._part({name: app.spec for name, app in self._applications.items()}, self._certain)

    async def _child_gone(self, name: AppName) -> None:
        if self._family is not None:
            try:
                await self._family.gone(name)
            except StoreError as error:
                self._world.on_store_trouble(error)

    def tune(self, settings: SupervisorSettings) -> None:
        """Take new settings; the next waits and passes follow them. Other ways to compare concern everybody at once."""
        if settings.resources != self._resources:
            self._resources = settings.resources
            self.rewire()
        if settings.projects != self._projects:
            self._projects = settings.projects
            self._look_again()
        self._revisions.interval = settings.interval
        self._revisions.jitter = settings.jitter
        self._concurrency = settings.concurrency
        self._self_heal = settings.self_heal
        self._timing = settings.timing
        self._holds.tune(settings.sync.breaker)
        self._adapters = replace(self._adapters, sync=settings.sync)
        for turns in self._turns.values():
            turns.allow(settings.concurrency)

    def rewire(self) -> None:
        """The clusters of the configuration changed, or how kinds are compared: every application looks anew."""
        self._deletions.rewire()
        for name in self._applications:
            self._queue.add(name, Level.LIVE)

    def rejudge(self) -> None:
        """The rules for health changed: every object is judged anew."""
        self.trees.forget()
        for name, app in self._applications.items():
            resources = tuple(replace(item, version="") for item in app.status.resources)
            app.status = replace(app.status, resources=resources)
            self._queue.add(name, Level.LIVE)

    def reaccess(self, *, projects: bool) -> None:
        """Credentials of repositories changed: what failed is looked up now. With `projects` every application asks
        again whether it may use its repositories.
        """
        self._revisions.retry()
        if projects:
            self._look_again()

    def _look_again(self) -> None:
        """What was refused may be allowed now, to every application."""
        for name in self._applications:
            self._queue.add(name, Level.GIT)

    def refresh(self, name: AppName, *, hard: bool = False) -> None:
        """Look the application's repositories up and reconcile it now; `hard` renders without the cache. KeyError if
        unknown.
        """
        spec = self._applications[name].spec
        if hard:
            self._hard.add(name)
        self._revisions.refresh(name, spec)

    def applications(self) -> Mapping[AppName, tuple[AppSpec, AppStatus]]:
        """Every application with its present status."""
        return {name: (app.spec, app.status) for name, app in (*self._departing.items(), *self._applications.items())}

    def application(self, name: AppName) -> tuple[AppSpec, AppStatus] | None:
        """One of them; an operation under way as far as it came by now."""
        app = self._applications.get(name) or self._departing.get(name)
        if app is None:
            return None
        status, running = app.status, app.operation
        turns = self._turns.get(app.cluster.name) if app.cluster is not None else None
        waiting = turns.before(name) if turns is not None else None
        if waiting is not None and app.cluster is not None:
            what = f"waits for its turn on the cluster {app.cluster.name}, {waiting} before it"
            status = replace(status, decision=what)
        return app.spec, status if running is None else replace(status, operation=running)

    def resting(self, name: AppName) -> bool:
        """Whether nothing will happen to the application, because its owner says so (`skip-reconcile`)."""
        app = self._applications.get(name)
        return app is not None and app.spec.annotations.get(SKIP_RECONCILE) == "true"

    @property
    def operations(self) -> Operations:
        """What people ask for beyond a refresh."""
        return Desk(
            self._applications.get,
            self._wake_for,
            self._commit_of,
            self._begin_deletion,
            self._confirm,
            self._world.journal,
            self._world.clock,
        )

    async def _confirm(self, name: AppName) -> None:
        """What waits for somebody's word goes on: its deletion, or its operation and those that the breaker holds."""
        if self._deletions.rests(name):
            await self._deletions.confirm(name)
            return
        app = self._applications[name]
        app.confirmed_at = self._world.clock.now()
        if app.cluster is not None:
            self._holds.reset(app.cluster.name)
        self._wake_for(name, fresh=False)

    def _wake_for(self, name: AppName, *, fresh: bool) -> None:
        app = self._applications[name]
        if fresh:
            self._revisions.refresh(name, app.spec)  # a pass follows as soon as git was asked
        else:
            self._queue.add(name, Level.LIVE)

    async def _commit_of(self, spec: AppSpec, number: int, revision: str) -> str:
        source = spec.sources[number]
        return await self._world.sources.commit(source.origin, revision, source.tag_prefix)

    async def _begin_deletion(self, spec: AppSpec, cascade: str, by: str) -> Deletion:
        app = self._applications[spec.name]
        running = app.operation
        if running is not None and not running.phase.done and not self._deletions.rests(spec.name):
            raise in_progress(app)
        return await self._deletions.start(_leaving(app), cascade=cascade, by=by)

    def _deletion_changed(self, deletion: Deletion) -> None:
        name = AppName(deletion.app)
        app = self._applications.get(name)
        if app is not None:
            self._show_deletion(app, deletion)
            if deletion.phase is DeletionPhase.NONE:
                app.attempt, app.past, app.pin, app.held = None, None, None, None
                self._queue.add(name, Level.GIT)
            return
        departing = self._departing.get(name)
        if departing is None:
            return
        self._show_deletion(departing, deletion)
        if deletion.done or deletion.phase is DeletionPhase.NONE:
            self._departing.pop(name, None)
            self._bus.publish(AppRemoved(name))
            self._tasks.start_soon(self._child_gone, name)

    def _show_deletion(self, app: Application, deletion: Deletion) -> None:
        conditions = tuple(item for item in app.status.conditions if item.type is not ConditionType.DELETION_ERROR)
        if deletion.error:
            conditions = (*conditions, Condition(ConditionType.DELETION_ERROR, deletion.error))
        shown = None if deletion.phase is DeletionPhase.NONE else deletion
        status = replace(app.status, deletion=shown, conditions=conditions)
        if deletion.done and deletion.cascade != "orphan":
            gone = Health(HealthStatus.MISSING, "its objects were deleted")
            status = replace(status, sync=SyncCode.OUT_OF_SYNC, health=gone, resources=())
        self._publish(app, status)
        if self._family is not None:
            self._family.looked(app.spec.name)

    def _claimed(self, name: AppName, keys: Collection[ObjectKey]) -> Mapping[ObjectKey, str]:
        """Which of an application's objects others want, on the same cluster, and who."""
        own = self._applications.get(name) or self._departing.get(name)
        found: dict[ObjectKey, str] = {}
        for other, app in self._applications.items():
            if other == name or app.desired is None or (own is not None and own.cluster is not app.cluster):
                continue
            objects = app.comparison.objects
            found |= {key: other for key in keys if key in objects and objects[key].desired is not None}
        return found

    def _hold(self, spec: AppSpec) -> Hold:
        app = self._applications.get(spec.name)
        cluster = app.cluster if app is not None else None
        return self._holds.of(spec, *((cluster.server, cluster.name) if cluster is not None else ()))

    def _readiness_of(self, name: AppName) -> Mapping[Dependency, Readiness]:
        app = self._applications.get(name)
        return app.readiness if app is not None else {}

    def _dependency_state(self, name: AppName) -> DependencyState | None:
        app = self._applications.get(name)
        if app is None or not app.looked:
            return None
        state = DependencyState.of(app.status)
        resolutions = self._revisions.of(app.spec) or ()
        behind = app.pin is None and tuple(item.commit for item in resolutions) != app.commits
        return replace(state, busy=state.busy or app.operation is not None or behind)

    def comparison(self, name: AppName) -> Comparison:
        """The application's last comparison; an empty one if there was none yet."""
        app = self._applications.get(name)
        return app.comparison if app is not None else NOTHING_COMPARED

    def unseen(self) -> int:
        """How many applications have not been looked at since the start; those in error count as seen."""
        return sum(not app.looked and not self.resting(name) for name, app in self._applications.items())

    def unused_ignores(self) -> tuple[str, ...]:
        """A sentence for each ignoreDifferences of all applications that found nothing in any of them; none while there
        are applications that were not looked at.
        """
        rules = [rule for rule in self._resources.ignore_differences if rule not in self._used_ignores]
        return () if self.unseen() else unused(rules)

    def children(self, name: AppName) -> Sequence[LiveObject]:
        """Live objects below those that the application manages; none while its cluster was not looked at."""
        app = self._applications.get(name)
        if app is None or app.cluster is None:
            return ()
        return app.cluster.children([item.live.uid for item in app.comparison.objects.values() if item.live])

    def _ground(self, name: AppName) -> Ground | None:
        app = self._applications.get(name)
        if app is None:
            return None
        live = tuple(item.live for item in app.comparison.objects.values() if item.live)
        return Ground(app.status.resources, (*live, *app.comparison.hooks.values()), app.cluster, app.orphaned.objects)

    def _acted_on(self, name: AppName) -> ActionGround | None:
        app = self._applications.get(name)
        if app is None:
            return None
        objects = app.comparison.objects.values()
        live = (*(item.live for item in objects if item.live), *app.comparison.hooks.values())
        desired = {item.key: item.desired for item in objects if item.desired is not None}
        return ActionGround(app.spec, app.cluster, live, desired)

    def orphaned(self, name: AppName) -> Orphaned | None:
        """What its last pass found to belong to nobody; None if there is no such application."""
        app = self._applications.get(name)
        return app.orphaned if app is not None else None

    def _exists(self, mark: str) -> bool:
        """Whether there is an application with this mark; as labels long names are shortened."""
        tracking = self._resources.tracking
        return mark in self._applications or (
            tracking.method is TrackingMethod.LABEL
            and any(mark_of(name, tracking) == mark for name in self._applications)
        )

    def _look_for_orphans(self) -> None:
        """Applications came or went: what was theirs may be nobody's now, or the other way round."""
        for name, app in self._applications.items():
            if app.orphaned.asked:
                self._queue.add(name, Level.LIVE)

    def commits(self) -> Mapping[str, frozenset[str]]:
        """Repository → commits in use, for `Sources.keep`."""
        return self._revisions.commits()

    # Triggers

    def _revision_changed(self, name: AppName) -> None:
        hard = name in self._hard
        self._hard.discard(name)
        app = self._applications.get(name)
        if app is not None and app.places:
            app.moved = True  # it may be what was given besides, which the sources' commits do not tell
        self._queue.add(name, Level.HARD if hard else Level.GIT)

    async def _passed(self, names: Collection[AppName]) -> None:
        """Until each of these applications has ended a pass."""
        for waiter in [self._waiters.setdefault(name, anyio.Event()) for name in names if name in self._applications]:
            await waiter.wait()

    def _live_changed(self, change: LiveChange) -> None:
        """Whoever is concerned looks again: at once, or after a rest where changes come without an end."""
        cut_off: set[AppName] = set()
        known = self._subscriptions.get(change.cluster)
        if known is not None and known[0].connection().up:
            cut_off = self._cut_off.pop(change.cluster, cut_off)
        now = self._world.clock.monotonic()
        for name in change.apps | cut_off:
            app = self._applications.get(name)
            if app is None:
                continue
            if name in self._passes:
                app.disturbed = True
            elif app.rest_until > now:
                self._timers.wake_after(name, app.rest_until - now)
            else:
                self._queue.add(name, Level.LIVE)

    def _remove(self, name: AppName) -> None:
        app = self._applications.pop(name)
        app.refuse(OperationError("it left the configuration", reason="NotFound", where=name))
        self._holds.forget(name)
        self._count(app, "", 0)
        self._revisions.use(name, None, app.spec)
        self._queue.discard(name)
        self._timers.forget(name)
        self._hard.discard(name)
        self._cancel(name)
        self._left.append(app)
        if cascade_of(app.spec.finalizers):
            self._departing[name] = app  # it is shown until its objects are gone
        else:
            self._bus.publish(AppRemoved(name))

    def _cancel(self, name: AppName) -> None:
        """What the application's pass works by is void."""
        under_way = self._passes.get(name)
        if under_way is not None:
            under_way.scope.cancel()

    # Passes

    async def _dispatch(self) -> None:
        while True:
            name, level = await self._queue.get()
            await self._under_way.acquire_on_behalf_of(name)
            self._tasks.start_soon(self._pass, name, level)

    async def _pass(self, name: AppName, level: Level) -> None:
        app = self._applications.get(name)
        try:
            if app is not None and not self._stopping:
                with anyio.CancelScope() as scope:
                    self._passes[name] = _Pass(app, scope)
                    await self._guarded(app, level)
        finally:
            self._passes.pop(name, None)
            self._under_way.release_on_behalf_of(name)
            self._queue.done(name)
            waiter = self._waiters.pop(name, None)
            if waiter is not None:
                waiter.set()
            if self._stopping and not self._passes:
                self._idle.set()

    async def _guarded(self, app: Application, level: Level) -> None:
        """One pass, with whatever goes wrong turned into a condition of this application alone (advisory Z2)."""
        started = self._world.clock.monotonic()
        app.disturbed = False
        server = ""
        failed = True
        try:
            cluster = await self._cluster(app)
            server = cluster.server
            failed = not await self._reconcile(app, cluster, level)
        except SpecError as error:
            app.refuse(error)
            self._failed(app, ConditionType.INVALID_SPEC_ERROR, str(error))
        except GitopsdError as error:
            app.refuse(error)
            if isinstance(error, ClusterDown) and app.cluster is not None:
                self._cut_off.setdefault(app.cluster.name, set()).add(app.spec.name)
            self._failed(app, ConditionType.COMPARISON_ERROR, str(error))
            self._retry_later(app)
        except Exception as error:  # noqa: BLE001  # a bug met by one application's input must not end the daemon
            self._on_bug(app.spec.name, error)
            app.refuse(OperationError("internal error; the log has the details", reason="Invalid", where=app.spec.name))
            self._failed(
                app, ConditionType.UNKNOWN_ERROR, f"internal error: {type(error).__name__}; the log has the details"
            )
            self._retry_later(app)
        now = self._world.clock.monotonic()
        seconds = now - started
        self._rest(app, seconds, now)
        if self._family is not None:
            self._family.looked(app.spec.name)
        self._bus.publish(Reconciled(app.spec, server, started, seconds, failed, fresh=level > Level.LIVE))

    def _rest(self, app: Application, seconds: float, now: float) -> None:
        """Space the looks at live changes: an object that flaps costs its application a few looks a second, no more."""
        rest = min(max(_REST_SECONDS, seconds), _LONGEST_REST_SECONDS)
        app.rest_until = now + rest
        if app.disturbed:
            self._timers.wake_after(app.spec.name, rest)

    async def _reconcile(self, app: Application, cluster: Cluster, level: Level) -> bool:
        """Whether the application could be compared."""
        if self._deletions.rests(app.spec.name):
            app.refuse(_blocked(app, "it is being deleted, or was; it comes back when its entry changes"))
            return True
        if self.resting(app.spec.name):
            app.refuse(_blocked(app, "its annotation argocd.argoproj.io/skip-reconcile lets it rest"))
            return True
        if app.spec.unsupported:
            raise SpecError(
                "it is left as it is",
                where=str(app.spec.position),
                why="; ".join(app.spec.unsupported),
                hint="correct the application",
            )
        resolutions = self._revisions.of(app.spec)
        if resolutions is None and app.pin is None:
            return True
        resolutions = resolutions or ()
        broken = next((item.error for item in resolutions if not item.commit), None)
        if broken is not None and app.pin is None:
            app.refuse(_blocked(app, broken))
            self._failed(app, ConditionType.COMPARISON_ERROR, broken)
            return False
        request = _request(resolutions if broken is None else (), level)
        outcome = await reconcile(app, cluster, request, self._adapters)
        self._revisions.also(app.spec.name, app.places)
        if outcome.comparison.having(Verdict.UNKNOWN) or app.orphaned.error:
            self._retry_later(app)
        else:
            app.failures = 0
        app.looked = app.judged = True
        self._conclude(app, cluster, outcome)
        return True

    def _conclude(self, app: Application, cluster: Cluster, outcome: Outcome) -> None:
        """Bookkeeping after a pass."""
        now = self._world.clock.monotonic()
        operation = outcome.operation
        app.comparison = outcome.comparison
        for ended in (outcome.given_up, operation):
            if ended is not None and ended.finished_at is not None:
                seconds = (ended.finished_at - ended.started_at).total_seconds()
                self._bus.publish(OperationEnded(app.spec, cluster.server, replace(ended, plan=None), seconds))
                self._holds.ended(
                    app.spec.name,
                    cluster.name,
                    succeeded=ended.phase is Phase.SUCCEEDED,
                    automated=ended.request.automated,
                )
        if app.asked_syncs:
            self._queue.add(app.spec.name, Level.LIVE)
        if outcome.again is not None:
            self._timers.wake_after(app.spec.name, max(0.0, (outcome.again - self._world.clock.now()).total_seconds()))
        if operation is not None and operation.phase.done:
            succeeded = operation.phase is Phase.SUCCEEDED
            app.causes, app.cause_versions = ({} if succeeded else causes_of(operation)), {}
            unfinished = operation.phase is Phase.FAILED and runs_hooks(operation)
            app.attempt = next_attempt(app.attempt, operation.digest, now, succeeded=succeeded, unfinished=unfinished)
            if operation.phase is Phase.FAILED:
                self._ask_again(app, operation)
            if not succeeded or not outcome.comparison.synced or operation.request.revisions:
                self._queue.add(app.spec.name, Level.LIVE)  # else this pass has looked again already
        if outcome.status.sync is SyncCode.SYNCED:
            self._holds.settled(app.spec.name, cluster.name)
        if outcome.decision.act is Act.WAIT:
            self._timers.wake_after(app.spec.name, outcome.decision.seconds)
        if again := judged_again_at(outcome.status.resources):
            self._timers.wake_after(app.spec.name, max(0.0, (again - self._world.clock.now()).total_seconds()))
        self._publish(app, outcome.status)

    def _ask_again(self, app: Application, operation: Operation) -> None:
        """A sync that somebody asked for is tried as often again as he said, with the application's back-off."""
        request, count = operation.request, operation.retries + 1
        if request.retries is None or request.dry_run or 0 <= request.retries < count:
            return
        policy = app.spec.sync_policy.retry
        seconds = backoff_seconds(Backoff(policy.seconds, policy.factor, policy.max_seconds), count)
        self._tasks.start_soon(self._later, app.spec.name, operation.id, AskedSync(request, retries=count), seconds)

    async def _later(self, name: AppName, after: str, asked: AskedSync, seconds: float) -> None:
        await anyio.sleep(seconds)
        app = self._applications.get(name)
        last = app.status.operation if app is not None else None
        if app is not None and last is not None and last.id == after and app.operation is None:
            app.asked_syncs.append(asked)
            self._wake_for(name, fresh=True)

    def _failed(self, app: Application, kind: ConditionType, message: str) -> None:
        """Show that the application could not be compared; what was known of its resources is kept."""
        app.looked = app.judged = True
        status = replace(
            app.status,
            sync=SyncCode.UNKNOWN,
            health=Health(HealthStatus.UNKNOWN, message),
            conditions=(Condition(kind, message),),
            reconciled_at=self._world.clock.now(),
        )
        self._publish(app, status)

    def _retry_later(self, app: Application) -> None:
        app.failures += 1
        wait = backoff_seconds(RECONCILE_ERROR, app.failures)
        self._timers.wake_after(app.spec.name, wait + self._world.clock.jitter(wait / 10))

    def _publish(self, app: Application, status: AppStatus) -> None:
        """Tell everybody, if there is anything to tell but the moment of the last look."""
        name = app.spec.name
        if app is not (self._applications.get(name) or self._departing.get(name)):
            return
        app.status = status
        self._count(app, app.cluster.name if app.cluster is not None else "", len(status.resources))
        operation = replace(status.operation, plan=None) if status.operation else None
        shown = StatusChanged(
            spec=app.spec,
            status=replace(status, reconciled_at=None, operation=operation),
            previous=None,
            server=app.cluster.server if app.cluster is not None else app.spec.destination.server,
        )
        before, app.published = app.published, shown
        if shown != before:
            for name in self._dependants.get(app.spec.name, ()):
                self._queue.add(name, Level.LIVE)
            told = replace(shown.status, reconciled_at=status.reconciled_at)
            self._bus.publish(replace(shown, status=told, previous=before.status if before else None))

    def _count(self, app: Application, cluster: str, objects: int) -> None:
        """How many objects are managed on each cluster."""
        before, number = app.counted
        self._managed[before] -= number
        self._managed[cluster] += objects
        app.counted = (cluster, objects)

    async def _cluster(self, app: Application) -> Cluster:
        """The cluster that the application's destination names now; one that it left is told so."""
        destination = app.spec.destination
        cluster = self._clusters.find(server=destination.server, name=destination.name)
        known = self._subscriptions.get(cluster.name)
        if known is None or known[0] is not cluster:
            if known is not None:
                known[1]()
            self._subscriptions[cluster.name] = (cluster, cluster.subscribe(self._live_changed))
        if app.cluster is not cluster:
            await _leave_cluster(app)
            app.move(cluster)
        return cluster

    def _turn(self, cluster: str) -> Turns:
        turns = self._turns.get(cluster)
        if turns is None:
            turns = self._turns[cluster] = Turns(self._concurrency)
        return turns

    async def _stop(self) -> None:
        """Let syncs finish the step in hand, for a bounded time."""
        with anyio.CancelScope(shield=True):
            self._stopping = True
            for _, unsubscribe in self._subscriptions.values():
                unsubscribe()
            for under_way in self._passes.values():
                if not under_way.app.writing:
                    under_way.scope.cancel()
            if self._passes:
                with anyio.move_on_after(_STOP_SECONDS):
                    await self._idle.wait()


async def _leave_cluster(app: Application) -> None:
    if app.cluster is not None:
        await app.cluster.forget(app.spec.name, app.kinds)


def _leaving(app: Application) -> Leaving:
    kinds = {item.gvk for item in app.status.resources}
    if app.desired is not None:
        kinds |= {item.gvk for item in (*app.desired.objects,)}
    server = app.cluster.server if app.cluster is not None else ""
    return Leaving(app.spec, frozenset(kinds), server, app.desired)


def _blocked(app: Application, why: str) -> OperationError:
    return OperationError("it cannot be synced now", reason="Blocked", where=app.spec.name, why=why)


def _request(resolutions: tuple[Resolution, ...], level: Level) -> Request:
    warnings = tuple(
        Condition(ConditionType.SOURCE_WARNING, f"the last known commit is kept: {item.error}")
        for item in resolutions
        if item.error
    )
    return Request(tuple(item.commit for item in resolutions), level, warnings)
