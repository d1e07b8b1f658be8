"""A world in which applications are deleted: fakes that can be cut off at any moment, as by a kill."""

from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio

from gitopsd.control.deletion import Deletions, Leaving
from gitopsd.control.deletion_work import Claiming, DeletionTools, nobody_claims
from gitopsd.core.app import AppSpec
from gitopsd.core.claims import Claims
from gitopsd.core.deletion_record import Reach
from gitopsd.core.desired import desired
from gitopsd.core.history import Deletion, HistoryEntry, Past
from gitopsd.core.ids import GVK, AppName, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, text
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import Desired, DesiredObject, KindInfo
from gitopsd.core.operation import Operation
from gitopsd.core.permit import Permit
from gitopsd.core.project import ONLY_DEFAULT, Projects
from gitopsd.ports.cluster import Cluster
from gitopsd.testing.builders import an_app, manifests
from gitopsd.testing.clock import FakeClock
from gitopsd.testing.cluster import FakeCluster, FakeClusters
from gitopsd.testing.health import FakeJudge
from gitopsd.testing.journal import FakeJournal
from gitopsd.testing.kinds import Kinds

FINALIZER = "resources-finalizer.argocd.argoproj.io"
WIDGET = GVK("example.org", "v1", "Widget")
SETTLING_SECONDS = 1.5


def an_app_with_finalizer(name: str = "guestbook", *, background: bool = False, namespace: str = "default") -> AppSpec:
    """Return an application whose objects go with its entry."""
    return replace(
        an_app(name, namespace=namespace), finalizers=(f"{FINALIZER}/background" if background else FINALIZER,)
    )


class Reaper:
    """Counts the moments at which a kill could come, and comes at one: whoever is there never gets on."""

    def __init__(self, at: int = -1) -> None:
        self.at = at
        self.count = 0
        self.came = anyio.Event()

    async def moment(self) -> None:
        """Here it may come."""
        self.count += 1
        if self.came.is_set() or self.count == self.at:
            self.came.set()
            await anyio.sleep_forever()


class MortalJournal(FakeJournal):
    """A journal whose user may be killed before and after each write."""

    reaper = Reaper()

    async def keep(self, app: AppName, wanted: Desired) -> str:
        await self.reaper.moment()
        name = await super().keep(app, wanted)
        await self.reaper.moment()
        return name

    async def save_deletion(self, deletion: Deletion) -> None:
        await self.reaper.moment()
        await super().save_deletion(deletion)
        await self.reaper.moment()

    async def forget(self, app: AppName) -> None:
        await self.reaper.moment()
        await super().forget(app)
        await self.reaper.moment()


class MortalCluster(FakeCluster):
    """A cluster whose user may be killed before and after each write."""

    reaper = Reaper()

    async def create(self, permit: Permit, desired: DesiredObject, *, impersonate: str = "") -> LiveObject:
        await self.reaper.moment()
        made = await super().create(permit, desired, impersonate=impersonate)
        await self.reaper.moment()
        return made

    async def delete(
        self, permit: Permit, live: LiveObject, *, propagation: str = "Foreground", impersonate: str = ""
    ) -> None:
        await self.reaper.moment()
        await super().delete(permit, live, propagation=propagation, impersonate=impersonate)
        await self.reaper.moment()


class DeletionWorld:
    """The fakes, and what was told of deletions."""

    def __init__(self) -> None:
        self.cluster = MortalCluster()
        self.clusters: list[Cluster] = [self.cluster]
        self.journal = MortalJournal()
        self.clock = FakeClock()
        self.judge = FakeJudge()
        self.projects: Projects = ONLY_DEFAULT
        self.claims: Claiming = nobody_claims
        self.known: Collection[str] | None = None
        self.told: list[Deletion] = []
        self.bugs: list[Exception] = []
        self._deletions: Deletions | None = None

    @property
    def deletions(self) -> Deletions:
        """Those that run."""
        assert self._deletions is not None
        return self._deletions

    def wants(self, spec: AppSpec, *bodies: JsonObject) -> Desired:
        """What `spec` wants when it renders to `bodies`."""
        return desired(spec, manifests(*bodies), {**Kinds().served, WIDGET: KindInfo(namespaced=True)})

    def deployed(self, spec: AppSpec, *bodies: JsonObject) -> Leaving:
        """`spec`'s objects are there; the application as it is."""
        wanted = self.wants(spec, *bodies)
        for one in wanted.objects:
            self.cluster.plant(one.document.body())
        return Leaving(spec, Reach(frozenset(one.gvk for one in wanted.objects)), self.cluster.server, wanted)

    async def remember(self, spec: AppSpec, *bodies: JsonObject) -> None:
        """The application was synced with these once."""
        begun = await self.journal.begin(
            spec.name, Operation("digest", (), self.clock.now(), id="1"), self.wants(spec, *bodies)
        )
        entry = HistoryEntry(0, (), (), "digest", begun.manifests, self.clock.now(), self.clock.now())
        await self.journal.end(spec.name, begun, Past((entry,)))

    def _claims(self, app: AppName, server: str, keys: Collection[ObjectKey]) -> Claims:
        return self.claims(app, server, keys)  # a test may change what others want while it runs

    @asynccontextmanager
    async def running(
        self, *specs: AppSpec, kinds: Iterable[GVK] = (), reaper: Reaper | None = None, certain: bool = True
    ) -> AsyncIterator[Deletions]:
        """Deletions of a daemon that starts with these applications."""
        self.journal.reaper = self.cluster.reaper = reaper or Reaper()
        self.cluster.restart_client()
        known = tuple(kinds)
        tools = DeletionTools(
            self.journal,
            self.clock,
            self.judge,
            projects=lambda: self.projects,
            claims=self._claims,
            known=lambda name: self.known is None or name in self.known,
        )
        fresh = Deletions(
            _AsTheyAre(lambda: self.clusters), tools, self.told.append, lambda _, bug: self.bugs.append(bug)
        )
        async with fresh:
            self._deletions = fresh
            await fresh.resume({spec.name: spec for spec in specs}, lambda _: Reach(frozenset(known)), certain=certain)
            yield fresh

    async def settle(self, seconds: float = SETTLING_SECONDS) -> None:
        """Let everything happen that falls due in so many seconds."""
        await self.clock.advance(seconds)

    async def leaves(self, *leaving: Leaving, left: Iterable[AppSpec] = (), certain: bool = True) -> None:
        """The configuration is loaded again, without these applications and with those that are `left`."""
        await self.deletions.reconfigure({spec.name: spec for spec in left}, leaving, certain=certain)
        await self.settle()

    def of(self, name: str = "guestbook") -> Deletion:
        """The application's deletion."""
        found = self.deletions.of(AppName(name))
        assert found is not None
        return found

    def writes(self) -> list[str]:
        """What was written, as `delete settings`."""
        return [f"{write.verb} {write.key.name}" for write in self.cluster.writes]

    def hold(self, key: ObjectKey, finalizer: str = "example.org/x") -> None:
        """Somebody's finalizer holds the object."""
        self.cluster.edit(key, lambda body: body["metadata"].update(finalizers=[finalizer]))

    def let_go(self, key: ObjectKey) -> None:
        """Whoever held the object lets it go."""
        self.cluster.edit(key, lambda body: body["metadata"].update(finalizers=[]))

    async def run_jobs(self) -> None:
        """A controller: every Job completes a second after it was made."""
        while True:
            await self.clock.advance(1)
            for key in self.cluster.keys("Job"):
                body = self.cluster.body(key)
                if body is not None and "status" not in body and not text(body, "metadata", "deletionTimestamp"):
                    self.cluster.finish(key)


class _AsTheyAre:
    """`ports.Clusters` over those that there are now."""

    def __init__(self, known: Callable[[], list[Cluster]]) -> None:
        self._known = known

    def find(self, *, server: str = "", name: str = "") -> Cluster:
        """The one with this name or server."""
        return FakeClusters(*self._known()).find(server=server, name=name)
