"""A world of fakes with a supervisor in it: given …, when …, then ….

`async with world.running(specs):` starts the supervisor, lets everything settle and ends it.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from gitopsd.control.bus import Bus
from gitopsd.control.settings import SupervisorSettings
from gitopsd.control.supervisor import Supervisor
from gitopsd.control.world import Remembered, World
from gitopsd.core.app import AppSpec
from gitopsd.core.appstatus import AppStatus
from gitopsd.core.conditions import ConditionType
from gitopsd.core.events import Event, OperationEnded, Reconciled, StatusChanged
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.ports.applications import ReadApplication
from gitopsd.ports.expressions import FieldExpressions
from gitopsd.ports.schedule import Schedules
from gitopsd.testing.builders import A_REPOSITORY
from gitopsd.testing.clock import FakeClock
from gitopsd.testing.cluster import FakeCluster, FakeClusters
from gitopsd.testing.health import FakeJudge
from gitopsd.testing.journal import FakeJournal
from gitopsd.testing.renderer import FakeRenderer
from gitopsd.testing.sources import FakeSources

# Longer than any rest between looks, shorter than every back-off worth a test.
SETTLING_SECONDS = 1.5


def config_map_key(name: str = "settings", namespace: str = "default") -> ObjectKey:
    """Return the key of a ConfigMap."""
    return ObjectKey("", "ConfigMap", namespace, name)


def deployment_key(name: str = "web", namespace: str = "default") -> ObjectKey:
    """Return the key of a Deployment."""
    return ObjectKey("apps", "Deployment", namespace, name)


class GivenWorld:
    """The fakes, and what happened."""

    def __init__(self) -> None:
        self.sources = FakeSources()
        self.renderer = FakeRenderer()
        self.cluster = FakeCluster()
        self.other_cluster = FakeCluster("other")
        self.clock = FakeClock()
        self.judge = FakeJudge()
        self.journal = FakeJournal()
        self.events: list[Event] = []
        self.bugs: list[tuple[AppName, Exception]] = []
        self.bus = Bus(lambda error: self.bugs.append((AppName("bus"), error)))
        self.bus.subscribe(self.events.append)
        self.settings = SupervisorSettings(interval=180, jitter=0)
        self.expressions: FieldExpressions | None = None
        self.schedules: Schedules | None = None
        self.applications: ReadApplication | None = None
        self._supervisor: Supervisor | None = None

    @property
    def supervisor(self) -> Supervisor:
        """The one that runs."""
        assert self._supervisor is not None
        return self._supervisor

    def git(self, *bodies: JsonObject, app: str = "guestbook", repo: str = A_REPOSITORY) -> str:
        """Commit to main what `app` renders to from now on; the commit."""
        commit = self.sources.repository(repo).commit({"app.yaml": str(bodies)})
        self.renderer.give(app, bodies, commit=commit)
        return commit

    @asynccontextmanager
    async def running(
        self, *specs: AppSpec, remembered: Mapping[AppName, AppStatus] | None = None, settle: bool = True
    ) -> AsyncIterator["GivenWorld"]:
        """Run a supervisor over these applications."""
        self.cluster.restart_client()
        world = World(
            self.sources,
            self.renderer,
            FakeClusters(self.cluster, self.other_cluster),
            self.clock,
            self.judge,
            self.journal,
            expressions=self.expressions,
            schedules=self.schedules,
            applications=self.applications,
        )
        supervisor = Supervisor(world, self.bus, self.settings, lambda app, error: self.bugs.append((app, error)))
        async with supervisor:
            self._supervisor = supervisor
            journal = self.journal
            known = Remembered(remembered or {}, await journal.in_flight(), await journal.ended(), await journal.pins())
            if self.applications is not None:
                await supervisor.restore_children(await self.journal.children())
                await supervisor.resume_deletions(specs, known)
            supervisor.configure(specs, known)
            if settle:
                await self.settle()
            yield self

    async def settle(self, seconds: float = SETTLING_SECONDS) -> None:
        """Let everything happen that falls due in so many seconds."""
        await self.clock.advance(seconds)

    async def push(self, *bodies: JsonObject, app: str = "guestbook", repo: str = A_REPOSITORY) -> str:
        """Commit, ask for a refresh, and let everything settle."""
        commit = self.git(*bodies, app=app, repo=repo)
        self.supervisor.refresh(AppName(app))
        await self.settle()
        return commit

    async def configure(self, *specs: AppSpec) -> None:
        """Reload with these applications."""
        self.supervisor.configure(specs)
        await self.settle()

    def status(self, app: str = "guestbook") -> AppStatus:
        """The application's status now."""
        found = self.supervisor.application(AppName(app))
        assert found is not None
        return found[1]

    def statuses(self) -> dict[AppName, AppStatus]:
        """Every application's last status, as a store keeps it."""
        return {name: status for name, (_, status) in self.supervisor.applications().items()}

    def condition(self, kind: ConditionType, app: str = "guestbook") -> str:
        """The message of the application's condition of this kind; "" if it has none."""
        return next((item.message for item in self.status(app).conditions if item.type is kind), "")

    def writes(self, cluster: FakeCluster | None = None) -> list[str]:
        """What was written, as `apply settings`."""
        return [f"{write.verb} {write.key.name}" for write in (cluster or self.cluster).writes]

    def passes(self, app: str = "guestbook") -> int:
        """How many reconciliations of the application ended."""
        return sum(isinstance(event, Reconciled) and event.spec.name == app for event in self.events)

    def operations(self, app: str = "guestbook") -> list[str]:
        """The phases of the application's operations that ended."""
        return [str(e.operation.phase) for e in self.events if isinstance(e, OperationEnded) and e.spec.name == app]

    def told(self, app: str = "guestbook") -> Iterable[AppStatus]:
        """The statuses of the application that were published."""
        return [event.status for event in self.events if isinstance(event, StatusChanged) and event.spec.name == app]
