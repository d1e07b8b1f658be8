"""A scenario on the fakes: the controllers and kubelets of a small cluster, as its fates have it, tick by tick."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import anyio

from gitopsd.core.annotations import HOOK, OPERATION, TRACKING_ID
from gitopsd.core.appstatus import AppStatus
from gitopsd.core.events import OperationEnded
from gitopsd.core.history import Past
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, mapping, text
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import Desired, DesiredObject
from gitopsd.core.operation import Operation
from gitopsd.core.permit import Permit
from gitopsd.core.syncrequest import SyncRequest
from gitopsd.ports.cluster import Patch
from gitopsd.testing.builders import a_config_map, an_app, an_object
from gitopsd.testing.cluster import FakeCluster
from gitopsd.testing.journal import FakeJournal
from tests.control.world import GivenWorld
from tests.model.expected import DELETE, PUT
from tests.model.scenario import HOOK_SECONDS, Before, Fate, Hook, Scenario, Thing, bodies, earlier_bodies, hook_body

APP: Final = AppName("guestbook")
SPEC: Final = an_app(automated=False)
STRANGER: Final = ObjectKey("", "ConfigMap", "default", "stranger")
FORMER_HOOK: Final = ObjectKey("batch", "Job", "default", "former")
_GENERATED: Final = re.compile(r"(h\d+)-[0-9a-f]{7}-(presync|sync|postsync|syncfail)-\d+")
_PHASES: Final = {name.lower(): name for name in ("PreSync", "Sync", "PostSync", "SyncFail")}
_GROUPS: Final = {"ConfigMap": "", "Deployment": "apps", "Job": "batch"}
_TICKS: Final = 80


def called(name: str) -> str:
    """What the model calls the object of this name."""
    generated = _GENERATED.fullmatch(name)
    return f"{generated[1]}@{_PHASES[generated[2]]}" if generated else name


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that the cluster did: `writes` is how many writes of gitopsd were before it."""

    writes: int
    name: str


class Tripwire:
    """Something that happens when gitopsd writes for the n-th time, to the cluster or the journal: before it is done,
    or after it and before anybody is told.
    """

    def __init__(self) -> None:
        self.count = 0
        self._at = 0
        self._after = False
        self._do: Callable[[], Awaitable[None]] | None = None

    def set(self, at: int, do: Callable[[], Awaitable[None]], *, after: bool) -> None:
        """Let it happen at the n-th write from now on."""
        self.count, self._at, self._do, self._after = 0, at, do, after

    async def before(self) -> None:
        """A write begins."""
        self.count += 1
        if self.count == self._at and not self._after and self._do is not None:
            await self._do()

    async def after(self, number: int) -> None:
        """A write was done."""
        if number == self._at and self._after and self._do is not None:
            await self._do()


class WiredCluster(FakeCluster):
    """A cluster whose writes pass a trip-wire."""

    def __init__(self, wire: Tripwire) -> None:
        super().__init__(controllers=False)
        self._wire = wire

    async def apply(
        self,
        permit: Permit,
        desired: DesiredObject,
        *,
        impersonate: str = "",
        replace: bool = False,
        validate: bool = True,
    ) -> LiveObject:
        await self._wire.before()
        number = self._wire.count
        done = await super().apply(permit, desired, impersonate=impersonate, replace=replace, validate=validate)
        await self._wire.after(number)
        return done

    async def create(self, permit: Permit, desired: DesiredObject, *, impersonate: str = "") -> LiveObject:
        await self._wire.before()
        number = self._wire.count
        done = await super().create(permit, desired, impersonate=impersonate)
        await self._wire.after(number)
        return done

    async def patch(self, permit: Permit, live: LiveObject, patch: Patch, *, impersonate: str = "") -> LiveObject:
        await self._wire.before()
        number = self._wire.count
        done = await super().patch(permit, live, patch, impersonate=impersonate)
        await self._wire.after(number)
        return done

    async def delete(
        self, permit: Permit, live: LiveObject, *, propagation: str = "Foreground", impersonate: str = ""
    ) -> None:
        await self._wire.before()
        number = self._wire.count
        await super().delete(permit, live, propagation=propagation, impersonate=impersonate)
        await self._wire.after(number)


class WiredJournal(FakeJournal):
    """A journal whose writes pass a trip-wire."""

    def __init__(self, wire: Tripwire) -> None:
        super().__init__()
        self._wire = wire

    async def begin(self, app: AppName, operation: Operation, wanted: Desired) -> Operation:
        await self._wire.before()
        number = self._wire.count
        done = await super().begin(app, operation, wanted)
        await self._wire.after(number)
        return done

    async def note(self, app: AppName, operation: Operation) -> None:
        await self._wire.before()
        number = self._wire.count
        await super().note(app, operation)
        await self._wire.after(number)

    async def end(self, app: AppName, operation: Operation, past: Past | None) -> None:
        await self._wire.before()
        number = self._wire.count
        await super().end(app, operation, past)
        await self._wire.after(number)


@dataclass(slots=True)
class _Seen:
    """An object at one generation, and at which tick it is as its fate has it."""

    due: int
    done: bool = False


@dataclass(slots=True)
class Small:
    """A small cluster with one application in it, whose scenario may be exchanged."""

    scenario: Scenario
    wire: Tripwire = field(default_factory=Tripwire)
    world: GivenWorld = field(default_factory=GivenWorld)
    happened: list[Happened] = field(default_factory=list)
    remembered: dict[AppName, AppStatus] = field(default_factory=dict)
    tick: int = 0
    _seen: dict[tuple[str, int], _Seen] = field(default_factory=dict)
    _all_is_well: bool = True

    def __post_init__(self) -> None:
        self.world.cluster = WiredCluster(self.wire)
        self.world.journal = WiredJournal(self.wire)

    # The beginning

    async def prepare(self) -> None:
        """Bring the cluster to where the scenario begins: what git had before is synced and healthy."""
        self.world.cluster.plant(a_config_map(STRANGER.name))
        earlier = earlier_bodies(self.scenario)
        self._all_is_well = True
        if earlier:
            self.world.git(*earlier)
            async with self.world.running(SPEC):
                await self.world.supervisor.operations.sync(APP, SyncRequest(initiated_by="somebody"))
                await self.until_over()
                assert self.world.operations() == ["Succeeded"], self.world.status().operation
                self.remembered = self.world.statuses()
        self._all_is_well = False
        for hook in self.scenario.hooks:
            if hook.left:
                self._plant(hook_body(hook), hook.kind)
        self._plant(an_object("Job", FORMER_HOOK.name, api_version="batch/v1", annotations={HOOK: "PreSync"}), "Job")
        for thing in self.scenario.things:
            if thing.refused:
                self.world.cluster.refuse(_key(thing.kind, thing.name), "it is not wanted")
            if thing.before is Before.SAME:
                self._fare(_key(thing.kind, thing.name), thing.fate)
        for hook in self.scenario.hooks:
            if hook.refused:
                self.world.cluster.refuse(_key(hook.kind, hook.name), "it is not wanted")
        self._take_note()
        self.world.cluster.writes.clear()
        self.world.journal.entries.clear()
        self.world.events.clear()
        self.happened.clear()
        self.world.git(*bodies(self.scenario))

    def cure(self) -> None:
        """From now on everything is as it should be."""
        for thing in self.scenario.things:
            self.world.cluster.refuse(_key(thing.kind, thing.name), "")
        for hook in self.scenario.hooks:
            self.world.cluster.refuse(_key(hook.kind, hook.name), "")
        self.scenario = self.scenario.cured()
        for thing in self.scenario.things:
            key = _key(thing.kind, thing.name)
            if thing.kind != "ConfigMap" and self.world.cluster.has(key):
                self._fare(key, Fate.GOOD)
        self.world.git(*bodies(self.scenario))
        self.world.cluster.writes.clear()
        self.world.events.clear()

    def _plant(self, body: JsonObject, kind: str) -> None:
        """The object of a hook of an earlier sync, which succeeded."""
        metadata = mapping(body, "metadata")
        name = text(metadata, "name")
        marks = {
            **mapping(metadata, "annotations"),
            OPERATION: "20290101-000000-000000/PreSync",
            TRACKING_ID: f"{APP}:{_GROUPS[kind]}/{kind}:default/{name}",
        }
        key = self.world.cluster.plant({**body, "metadata": {"name": name, "annotations": marks}})
        if kind == "Job":
            self.world.cluster.finish(key)

    def _take_note(self) -> None:
        """What is there now is as it is."""
        there = self.world.cluster.keys()
        for key in there:
            live = self.world.cluster.live(key)
            generation = mapping(live.document.body(), "metadata").get("generation", 1)
            assert isinstance(generation, int)
            self._seen[live.uid, generation] = _Seen(0, done=True)

    # The sync

    @property
    def request(self) -> SyncRequest:
        """What is asked for."""
        asked = self.scenario
        options = {"PruneLast": "true"} if asked.prune_last else {}
        return SyncRequest(initiated_by="somebody", prune=asked.prune, confirmed=asked.confirmed, options=options)

    async def sync(self) -> None:
        """Ask for it."""
        await self.world.supervisor.operations.sync(APP, self.request)

    async def killed(self, at: int, work: Callable[[], Awaitable[None]], *, after: bool = False) -> bool:
        """Let a daemon do `work`, and kill it at its n-th write from then on: whether it came to that many."""
        dead = anyio.Event()

        async def die() -> None:
            dead.set()
            await anyio.sleep_forever()

        async def watch(life: anyio.CancelScope) -> None:
            await dead.wait()
            life.cancel()

        with anyio.CancelScope() as life:
            async with self.world.running(SPEC, remembered=self.remembered), anyio.create_task_group() as tasks:
                self.wire.set(at, die, after=after)
                tasks.start_soon(watch, life)
                await work()
                tasks.cancel_scope.cancel()
        self.wire.set(0, die, after=after)
        return dead.is_set()

    async def until_over(self, ticks: int = _TICKS) -> None:
        """Let time pass until the operation is over, or nothing happens any more."""
        quiet = 0
        for _ in range(ticks):
            if self.over:
                await self.world.settle(1)
                return
            before = len(self.world.cluster.writes)
            busy = await self.act()
            await self.world.settle(HOOK_SECONDS + 1 if quiet else 1)
            busy = busy or len(self.world.cluster.writes) > before
            quiet = 0 if busy else quiet + 1
            if quiet > 2:
                return
        raise AssertionError(f"it comes to no end: {self.world.status().operation}")

    @property
    def over(self) -> bool:
        """Whether an operation ended since the beginning."""
        return any(isinstance(event, OperationEnded) for event in self.world.events)

    @property
    def operation(self) -> Operation | None:
        """The last one, or the one under way."""
        return self.world.status().operation

    async def act(self) -> bool:
        """A tick of the cluster: whether anything happened, or will."""
        self.tick += 1
        busy = False
        if self.scenario.confirms and self.operation is not None and "confirm" in self.operation.message:
            await self.world.supervisor.operations.confirm(APP)
            busy = True
        known: dict[str, Thing | Hook] = {item.name: item for item in self.scenario.things}
        known |= {item.name: item for item in self.scenario.hooks}
        there = self.world.cluster.keys()
        for key in there:
            item = known.get(called(key.name).partition("@")[0])
            if key.kind not in ("Deployment", "Job"):
                continue
            if self._all_is_well:
                busy = self._ripen(key, 0, Fate.GOOD) or busy
            elif item is not None:
                busy = self._ripen(key, item.delay, item.fate) or busy
        return busy

    def _ripen(self, key: ObjectKey, delay: int, fate: Fate) -> bool:
        live = self.world.cluster.live(key)
        generation = mapping(live.document.body(), "metadata").get("generation", 1)
        assert isinstance(generation, int)
        seen = self._seen.setdefault((live.uid, generation), _Seen(self.tick + delay))
        if seen.done:
            return False
        if self.tick >= seen.due:
            seen.done = True
            self.happened.append(Happened(len(self.world.cluster.writes), called(key.name)))
            self._fare(key, fate)
        return True

    def _fare(self, key: ObjectKey, fate: Fate) -> None:
        cluster = self.world.cluster
        if fate in (Fate.GOES_AFTER, Fate.GOES_BEFORE):
            if fate is Fate.GOES_AFTER:
                cluster.finish(key)
            cluster.remove(key)
        elif fate is Fate.NEVER:
            cluster.set_status(key, {"replicas": 0} if key.kind == "Deployment" else {"active": 1})
        elif key.kind == "Job":
            cluster.finish(key, failed="" if fate is Fate.GOOD else "it is broken")
        elif key.kind == "Deployment":
            cluster.settle(key)
            if fate is Fate.BAD:
                late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
                cluster.edit(key, lambda body: body["status"].update(conditions=[late]))

    # The end

    def written(self) -> list[tuple[str, str]]:
        """What gitopsd wrote, in the model's words."""
        return [(DELETE if item.verb == "delete" else PUT, called(item.key.name)) for item in self.world.cluster.writes]

    def objects(self) -> set[str]:
        """What is there of the application, in the model's words."""
        there = self.world.cluster.keys()
        found = {key.name for key in there if key.kind in _GROUPS}
        assert {STRANGER.name, FORMER_HOOK.name} <= found
        return {called(name) for name in found - {STRANGER.name, FORMER_HOOK.name}}

    def outcomes(self) -> dict[tuple[str, str], str]:
        """How the hooks ended that are over."""
        hooks = self.operation.hooks if self.operation is not None else {}
        return {
            (item.phase.value, called(item.key.name)): run.outcome.value
            for item, run in hooks.items()
            if run.outcome.done
        }


def _key(kind: str, name: str) -> ObjectKey:
    return ObjectKey(_GROUPS[kind], kind, "default", name)
