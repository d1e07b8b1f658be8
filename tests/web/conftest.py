"""A daemon's services for the web room, and clients for both doors."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import anyio
import httpx
import pytest

from gitopsd.control.trees import Sight
from gitopsd.core.app import AppSpec, Automated, Destination, Source, SyncPolicy
from gitopsd.core.appstatus import AppStatus, unknown_status
from gitopsd.core.compare import NOTHING_COMPARED, Comparison
from gitopsd.core.events import AppRemoved, Reconciled, StatusChanged
from gitopsd.core.ids import AppName
from gitopsd.core.live import LiveObject
from gitopsd.core.operation import Operation
from gitopsd.core.orphans import Orphaned
from gitopsd.ports.clusterstatus import ClusterStatus
from gitopsd.ports.sources import RepositoryStatus
from gitopsd.testing.backups import FakeBackups
from gitopsd.testing.debugging import FakeDebugging
from gitopsd.testing.health import FakeJudge
from gitopsd.testing.operations import FakeOperations
from gitopsd.web import Door, Reconciliations, Services, create_app


class SteppingClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 3, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.seconds

    def jitter(self, seconds: float) -> float:
        return 0.0


@dataclass
class Daemon:
    """What the web room sees of a daemon, in memory; its fields are what the tests set and look at."""

    clock: SteppingClock = field(default_factory=SteppingClock)
    apps: dict[AppName, tuple[AppSpec, AppStatus]] = field(default_factory=dict)
    below: dict[AppName, Sequence[LiveObject]] = field(default_factory=dict)
    trees: dict[AppName, Sight] = field(default_factory=dict)
    orphans: dict[AppName, Orphaned] = field(default_factory=dict)
    refreshed: list[tuple[str, bool]] = field(default_factory=list)
    bugs: list[tuple[str, Exception]] = field(default_factory=list)
    repositories: Sequence[RepositoryStatus] = ()
    clusters: Sequence[ClusterStatus] = ()
    comparisons: dict[AppName, Comparison] = field(default_factory=dict)
    masked: frozenset[str] = frozenset()
    readiness: tuple[bool, str] = (True, "")
    not_alive: str = ""
    debugging: FakeDebugging | None = field(default_factory=FakeDebugging)
    backups: FakeBackups | None = field(default_factory=FakeBackups)
    fault: Exception | None = None
    asked: anyio.Event = field(default_factory=anyio.Event)
    reconciliations: Reconciliations = field(init=False)
    operations: FakeOperations | None = field(init=False)

    def __post_init__(self) -> None:
        self.reconciliations = Reconciliations(self.clock)
        self.operations = FakeOperations(self.apps.get, self.operates)

    @property
    def operator(self) -> FakeOperations:
        """Who takes operations."""
        assert self.operations is not None
        return self.operations

    def operates(self, name: AppName, operation: Operation) -> None:
        """An operation of an application began, or is another one than before."""
        spec, status = self.apps[name]
        self.change(spec, replace(status, operation=operation))

    def change(self, spec: AppSpec, status: AppStatus) -> None:
        """The status of an application is another one; whoever waits for that hears of it."""
        previous = self.apps[spec.name][1]
        self.put(spec, status)
        self.reconciliations.on_event(StatusChanged(spec, status, previous))

    def add(self, name: str, **changes: object) -> AppSpec:
        """Add an application; `changes` are fields of its status."""
        spec = AppSpec(
            AppName(name),
            (Source("https://git.example.org/team/app.git", path=name),),
            Destination(name="local", namespace="shop"),
            sync_policy=SyncPolicy(Automated(prune=True)),
        )
        self.put(spec, replace(unknown_status(spec.name), **changes))  # type: ignore[arg-type]  # fields by name
        return spec

    def put(self, spec: AppSpec, status: AppStatus) -> None:
        """Add or replace an application."""
        self.apps[spec.name] = (spec, status)

    def remove(self, name: str) -> None:
        """Take an application away, as a reload does."""
        del self.apps[AppName(name)]
        self.reconciliations.on_event(AppRemoved(AppName(name)))

    def reconciled(self, name: str, *, seconds: float, fresh: bool = True) -> None:
        """A reconciliation that began `seconds` ago ends."""
        began = self.clock.monotonic() - seconds
        spec = self.apps[AppName(name)][0]
        self.reconciliations.on_event(Reconciled(spec, "", began, seconds, failed=False, fresh=fresh))

    def services(self) -> Services:
        """Return what the app is made with."""
        return Services(
            applications=self._applications,
            application=self.apps.get,
            refresh=self._refresh,
            reconciliations=self.reconciliations,
            children=lambda name: self.below.get(name, ()),
            judge=FakeJudge(),
            metrics=self._metrics,
            ready=lambda: self.readiness,
            not_alive=lambda: self.not_alive,
            version="1.2.3",
            on_bug=lambda where, error: self.bugs.append((where, error)),
            repositories=lambda: self.repositories,
            clusters=lambda: self.clusters,
            comparison=lambda name: self.comparisons.get(name, NOTHING_COMPARED),
            masked_annotations=lambda: self.masked,
            tree=self._tree,
            orphaned=self.orphans.get,
            operations=self.operations,
            debugging=self.debugging,
            backups=self.backups,
        )

    async def _tree(self, name: AppName) -> Sight | None:
        return self.trees.get(name)

    def client(self, door: Door = Door.LOCAL) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        """Return a client that talks to the app in this process."""
        return _client(self.services(), door)

    def _applications(self) -> dict[AppName, tuple[AppSpec, AppStatus]]:
        if self.fault is not None:
            raise self.fault
        return self.apps

    def _refresh(self, name: AppName, *, hard: bool) -> None:
        if name not in self.apps:
            raise KeyError(name)
        self.refreshed.append((name, hard))
        self.asked.set()

    async def _metrics(self, accept: str) -> tuple[str, bytes]:
        if self.fault is not None:
            raise self.fault
        return "text/plain; version=0.0.4; charset=utf-8", f"accepts {accept}\n".encode()


@asynccontextmanager
async def _client(services: Services, door: Door) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(services, door))
    async with httpx.AsyncClient(transport=transport, base_url="http://gitopsd") as client:
        yield client


@pytest.fixture
def daemon() -> Daemon:
    """Return a daemon without applications."""
    return Daemon()


@pytest.fixture
async def local(daemon: Daemon) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of the unix socket's app."""
    async with daemon.client() as client:
        yield client


@pytest.fixture
async def public(daemon: Daemon) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of the TCP address' app."""
    async with daemon.client(Door.PUBLIC) as client:
        yield client
