"""What happens to the applications and their daemon in a soak, one thing after another, chosen by a seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Final

import anyio
import anyio.to_thread

from gitopsd.testing.faultproxy import FaultProxy, ProxiedRequest
from gitopsd.testing.gitserver import GitRepo
from tests.e2e.world import World
from tests.soak.daemons import Daemons
from tests.soak.model import App, Thing

_LONGEST_PAUSE: Final = 0.4
_LONGEST_OUTAGE: Final = 2.0
_DRIFTED: Final[Mapping[str, object]] = {
    "configmaps": {"data": {"key": "drift"}},
    "secrets": {"data": {"key": "ZHJpZnQ="}},
    "deployments": {"spec": {"replicas": 0}},
}


class Storm:
    """`strangers` are objects of somebody else: (namespace, path) → resourceVersion. `counts` tells what was done."""

    def __init__(
        self,
        world: World,
        proxy: FaultProxy,
        daemons: Daemons,
        *,
        apps: Sequence[App],
        repos: Sequence[GitRepo],
        random: Random,
    ) -> None:
        self._world, self._proxy, self._daemons = world, proxy, daemons
        self.apps, self._repos, self._random = apps, repos, random
        self.counts: Counter[str] = Counter()
        self.strangers: dict[tuple[str, str], str] = {}

    async def rage(self, seconds: float, *, kills: bool) -> None:
        """Do one thing after another for so long; without `kills` the daemon is left to live."""
        deeds: dict[Callable[[], Awaitable[None]], int] = {
            self.commit: 20,
            self._drift: 20,
            self._stranger: 5,
            self._fault: 6,
            self._sync: 6,
            self._terminate: 4,
            self._plan: 3,
        }
        if kills:
            deeds |= {self.kill: 2, self._restart: 1}
        with anyio.move_on_after(seconds):
            while True:
                with anyio.CancelScope(shield=True):  # each deed is whole: half a restart leaves no daemon
                    await self._random.choices(list(deeds), list(deeds.values()))[0]()
                await anyio.sleep(self._random.uniform(0, _LONGEST_PAUSE))

    async def commit(self) -> None:
        """Change one to three applications of one repository in one commit."""
        repo = self._random.randrange(len(self._repos))
        theirs = [app for app in self.apps if app.repo == repo]
        chosen = self._random.sample(theirs, min(len(theirs), self._random.randrange(1, 4)))
        before = {path: None for app in chosen for path in app.files()}
        for app in chosen:
            self.counts[f"commit: {app.change(self._random)}"] += 1
        await self._push(repo, {**before, **{path: text for app in chosen for path, text in app.files().items()}})
        if self._random.random() < 0.7:
            await self._daemons.ask("POST", f"/applications/{self._world.full(chosen[0].name)}/refresh", {})

    async def calm(self) -> None:
        """No faults any more, and no hooks that fail."""
        self._proxy.heal()
        for repo in range(len(self._repos)):
            mended = [app for app in self.apps if app.repo == repo and app.hook == "crash"]
            for app in mended:
                app.hook = "run"
            if mended:
                await self._push(repo, {path: text for app in mended for path, text in app.files().items()})

    async def _push(self, repo: int, files: Mapping[str, str | None]) -> None:
        await anyio.to_thread.run_sync(lambda: self._repos[repo].commit(files))

    async def _drift(self) -> None:
        """Somebody changes or deletes what an application has, if it is there yet."""
        app, thing = self._thing()
        path = self._world.cluster.path(self._world.full(app.namespace), thing.path)
        ways = {
            "edit": ("PATCH", _DRIFTED[thing.kind]),
            "label": ("PATCH", {"metadata": {"labels": {"somebody": str(self._random.randrange(100))}}}),
            "untrack": ("PATCH", {"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": None}}}),
            "delete": ("DELETE", None),
        }
        way = self._random.choice(list(ways))
        method, body = ways[way]
        try:
            await self._world.cluster.do(method, path, body)
            self.counts[f"drift: {way}"] += 1
        except AssertionError:
            self.counts["drift: not there"] += 1

    async def _stranger(self) -> None:
        """Somebody makes or changes an object of their own beside the applications'."""
        app = self._random.choice(self.apps)
        kind = self._random.choice(("configmaps", "secrets"))
        key = (app.namespace, f"{kind}/stranger-{self._random.randrange(5)}")
        namespace = self._world.full(app.namespace)
        content = {"metadata": {"labels": {"changed": str(self._random.randrange(1000))}}}
        if key in self.strangers:
            made = await self._world.cluster.patch(namespace, key[1], content)
        else:
            name = key[1].partition("/")[2]
            made = await self._world.cluster.create(namespace, kind, {"metadata": {"name": name}})
        self.strangers[key] = made["metadata"]["resourceVersion"]
        self.counts["stranger"] += 1

    async def _fault(self) -> None:
        """The API server fails for a while."""
        times = self._random.randrange(1, 20)
        way = self._random.choice(("500", "429", "abort", "slow", "writes fail", "drop", "outage"))
        if way == "500":
            self._proxy.answer(500, times=times)
        elif way == "429":
            self._proxy.answer(429, times=times, headers={"Retry-After": "1"})
        elif way == "abort":
            self._proxy.abort(times=times)
        elif way == "slow":
            self._proxy.delay(self._random.uniform(0.1, 1.5), times=times)
        elif way == "writes fail":
            self._proxy.answer(503, times=times, matching=_writes)
        elif way == "drop":
            self._proxy.drop()
        else:
            await self._proxy.stop()
            await anyio.sleep(self._random.uniform(0.1, _LONGEST_OUTAGE))
            await self._proxy.start()
        self.counts[f"fault: {way}"] += 1
        self._proxy.requests.clear()  # nobody looks at them, and there are many

    async def _sync(self) -> None:
        body = self._random.choice(({}, {"prune": True}, {"dryRun": True}, {"strategy": {"apply": {"force": True}}}))
        await self._daemons.ask("POST", f"{self._any_app()}/sync", body)
        self.counts["sync by hand"] += 1

    async def _terminate(self) -> None:
        await self._daemons.ask("DELETE", f"{self._any_app()}/operation")
        self.counts["terminate"] += 1

    async def _plan(self) -> None:
        await self._daemons.ask("POST", f"{self._any_app()}/plan", {})
        self.counts["plan"] += 1

    async def kill(self) -> None:
        """Kill the daemon, and have another one go on."""
        await self._daemons.kill()
        self.counts["kill -9"] += 1

    async def _restart(self) -> None:
        await self._daemons.restart()
        self.counts["restart"] += 1

    def _any_app(self) -> str:
        return f"/applications/{self._world.full(self._random.choice(self.apps).name)}"

    def _thing(self) -> tuple[App, Thing]:
        app = self._random.choice(self.apps)
        return app, self._random.choice(list(app.things.values()))


def _writes(request: ProxiedRequest) -> bool:
    return request.method != "GET" and "dryRun" not in request.query
