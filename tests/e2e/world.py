"""Given, when, then: a world of its own for each test, with a repository, a configuration and a daemon.

given   world.commit({"app/map.yaml": config_map("one")}); world.application("app", prune=True)
when    async with world.daemon() as daemon: world.commit(…); await daemon.refresh("app")
then    await daemon.until("app", synced, healthy)
"""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
import yaml

from gitopsd.config import load
from gitopsd.core.appstatus import AppStatus
from gitopsd.core.events import AppRemoved, ConfigReloaded, Event, OperationEnded, Reconciled, StatusChanged
from gitopsd.core.ids import AppName
from gitopsd.daemon.daemon import Daemon
from gitopsd.testing.gitserver import Entry, GitRepo
from tests.e2e.cluster import Cluster
from tests.e2e.conditions import Wanted, shown
from tests.e2e.manifests import config_map

DEADLINE_SECONDS: Final = 60.0
_COUNTER: Final = itertools.count(1)
_QUICK_RETRY: Final = {"limit": -1, "backoff": {"duration": "200ms", "factor": 1, "maxDuration": "1s"}}


@dataclass
class World:
    """One test's repository, configuration file and applications. `user` is whom the daemon is on the API server.

    Applications and namespaces are called by their short names; `full` is what the cluster and the daemon know.
    """

    folder: Path
    cluster: Cluster
    kubeconfig: Path
    user: str
    environ: dict[str, str]
    number: int = field(default_factory=lambda: next(_COUNTER))
    config: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.repo = GitRepo(self.folder / "repo.git")
        self.path = self.folder / "gitopsd.yaml"
        self.config = {
            "server": {"listen": "127.0.0.1:0"},
            "state": {"dir": "./state"},
            "reconcile": {"refreshInterval": "1h", "selfHealBackoff": {"duration": "200ms", "factor": 1}},
            "clusters": [{"name": "local", "kubeconfig": str(self.kubeconfig)}],
            "repositories": [{"url": str(self.repo.path)}],
            "log": {"level": "debug"},
            "applications": [],
        }

    def full(self, name: str) -> str:
        """The name of an application or namespace of this test alone."""
        return f"{name}-e{self.number}"

    def commit(
        self, files: Mapping[str, str | bytes | Entry | None], *, new: bool = False, branch: str = "main"
    ) -> str:
        """Commit files to the test's repository; None deletes one, `new` forgets what was there before."""
        return self.repo.commit(files, new=new, branch=branch)

    def application(
        self,
        name: str,
        path: str = "",
        *,
        prune: bool = False,
        self_heal: bool = False,
        manual: bool = False,
        repo: str = "",
        **entry: Any,
    ) -> None:
        """Add an application of the folder `path` (its own name by default) in a namespace of its own.

        `source`, `destination` and `syncPolicy` are merged into what it would be without them; other fields replace.
        """
        source = {"repoURL": repo or str(self.repo.path), "targetRevision": "main", "path": path or name}
        policy: dict[str, Any] = {"syncOptions": ["CreateNamespace=true"], "retry": _QUICK_RETRY}
        if not manual:
            policy["automated"] = {"prune": prune, "selfHeal": self_heal}
        destination = {"name": "local", "namespace": self.full(name)}
        self.config["applications"].append(
            {
                "name": self.full(name),
                **entry,
                "source": {**source, **entry.get("source", {})},
                "destination": {**destination, **entry.get("destination", {})},
                "syncPolicy": {**policy, **entry.get("syncPolicy", {})},
            }
        )

    def good(self, name: str = "good") -> None:
        """Add an application that nothing is wrong with."""
        self.commit({f"{name}/one.yaml": config_map("one")})
        self.application(name, prune=True, self_heal=True)

    def write(self) -> Path:
        """Write the configuration to its file, in one go."""
        text = yaml.safe_dump(self.config, sort_keys=False)
        beside = self.path.with_suffix(".new")
        beside.write_text(text)
        beside.replace(self.path)
        return self.path

    @asynccontextmanager
    async def daemon(self, path: Path | None = None) -> AsyncIterator[Running]:
        """A daemon in this process, from the configuration as it is now, or from the file at `path`."""
        path = path or self.write()
        config = await anyio.to_thread.run_sync(lambda: load(str(path), environ=self.environ, keep_going=True))
        running = Running(self)
        async with Daemon(config, self.environ, subscribers=(running.on_event,)) as daemon:
            running.daemon = daemon
            yield running


class Running:
    """A daemon at work, and what it told."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.daemon: Daemon
        self.statuses: dict[str, AppStatus] = {}
        self.events: list[Event] = []
        self.looked_at: set[str] = set()
        self._news = anyio.Event()

    def on_event(self, event: Event) -> None:
        """Keep it, and wake who waits."""
        self.events.append(event)
        if isinstance(event, StatusChanged):
            self.statuses[event.status.name] = event.status
        elif isinstance(event, Reconciled):
            self.looked_at.add(event.spec.name)
        elif isinstance(event, AppRemoved):
            self.statuses.pop(event.name, None)
            self.looked_at.discard(event.name)
        self._news.set()

    def status(self, name: str) -> AppStatus:
        """What is known of an application now."""
        return self.statuses[self.world.full(name)]

    async def until(self, name: str, *wanted: Wanted, seconds: float = DEADLINE_SECONDS) -> AppStatus:
        """Wait until all that is wanted holds at once for the application, which was looked at since the start."""
        full = self.world.full(name)
        with anyio.move_on_after(seconds):
            while True:
                status = self.statuses.get(full)
                if status is not None and full in self.looked_at and all(ask(status) for ask in wanted):
                    return status
                await self._next()
        asked = [getattr(ask, "__name__", str(ask)) for ask in wanted]
        raise AssertionError(f"{full} never was {asked}, but {shown(self.statuses.get(full))}")

    async def until_all(self, *wanted: Wanted, seconds: float = DEADLINE_SECONDS) -> None:
        """The same for every application of the configuration, whatever became of the others."""
        with anyio.fail_after(seconds):
            for spec in self.daemon.config.applications:
                await self.until(spec.name.removesuffix(self.world.full("")), *wanted, seconds=seconds)

    async def refresh(self, name: str, *, hard: bool = False) -> AppStatus:
        """Look the repository up and wait for the reconciliation that this began."""
        full = AppName(self.world.full(name))
        before = len(self.events)
        self.daemon.supervisor.refresh(full, hard=hard)

        def reconciled() -> bool:
            return any(
                isinstance(event, Reconciled) and event.spec.name == full and event.fresh
                for event in self.events[before:]
            )

        await self.until_true(reconciled)
        return self.statuses[full]

    async def live(self, name: str, commit: str, *wanted: Wanted) -> AppStatus:
        """Refresh until `commit` is deployed, synced, and whatever else is wanted."""
        await self.refresh(name)
        return await self.until(
            name,
            lambda status: status.revisions[:1] == (commit,),
            lambda status: status.sync.value == "Synced",
            *wanted,
        )

    async def goes_on(self, name: str = "good") -> None:
        """Whatever happens beside: the application called `name` still gets a commit live."""
        world = self.world
        await self.until(name, lambda status: status.sync.value == "Synced")
        number = len(self.events)
        commit = world.commit({f"{name}/more.yaml": config_map("more", str(number))})
        await self.live(name, commit)
        found = await world.cluster.get(world.full(name), "configmaps/more")
        assert found["data"] == {"key": str(number)}

    async def until_true(self, ask: Callable[[], object], seconds: float = DEADLINE_SECONDS) -> None:
        """Wait until `ask()`, looked at after each event."""
        with anyio.fail_after(seconds):
            while not ask():
                await self._next()

    async def reload(self) -> bool:
        """Write the configuration as the world has it now, and have it loaded."""
        self.world.write()
        return await self.daemon.reload()

    def is_ready(self) -> bool:
        """Whether every application was looked at, as /readyz says."""
        ready, _ = self.daemon.ready()
        return ready

    def operations(self, name: str) -> list[OperationEnded]:
        """The syncs of an application that ended, in order."""
        full = self.world.full(name)
        return [event for event in self.events if isinstance(event, OperationEnded) and event.spec.name == full]

    def history(self, name: str) -> list[AppStatus]:
        """Every status that was told of an application, in order."""
        full = self.world.full(name)
        told = [event.status for event in self.events if isinstance(event, StatusChanged)]
        return [status for status in told if status.name == full]

    def reloads(self) -> list[str]:
        """The errors of all reloads, "" for those that worked."""
        return [event.error for event in self.events if isinstance(event, ConfigReloaded)]

    async def metrics(self) -> str:
        """What a scrape would show."""
        _, body = await self.daemon.recorder.exposition("")
        return body.decode()

    async def _next(self) -> None:
        self._news = anyio.Event()
        await self._news.wait()


@asynccontextmanager
async def watching(running: Running) -> AsyncIterator[None]:
    """The daemon notices by itself when its files change, as `gitopsd run` does."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(running.daemon.watch_files)
        yield
        tasks.cancel_scope.cancel()


def environment() -> dict[str, str]:
    """What a daemon under test gets of the environment: no configuration of the person who runs the tests."""
    return {name: os.environ[name] for name in ("PATH", "GITOPSD_ENGINE") if name in os.environ}
