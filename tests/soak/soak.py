"""A whole soak: applications are deployed, a storm comes over them, and when it is calm all is as git says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import anyio
import anyio.to_thread

from gitopsd.testing.gitserver import GitRepo
from tests.e2e.world import World
from tests.long.ground import Ground
from tests.soak.daemons import Daemons
from tests.soak.measure import Held, held, leaks
from tests.soak.model import App, applications
from tests.soak.storm import Storm
from tests.soak.verdict import differences

_SHARE_WITH_KILLS: Final = 0.6
_LOOK_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Size:
    """How large a soak is, and how long (`seconds`) its storm lasts; `calm` seconds are what it may take to settle."""

    seconds: float
    apps: int = 50
    repos: int = 5
    namespaces: int = 10
    calm: float = 300.0


@dataclass
class Report:
    """What was done in a soak, and all that was wrong."""

    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    objects: int = 0
    writes: int = 0
    settled_after: float = 0.0
    before: Held | None = None
    after: Held | None = None

    def __str__(self) -> str:
        lines = [f"seed {self.seed}"]
        lines += [f"  {count:>6}  {name}" for name, count in sorted(self.counts.items())]
        lines += [f"  {count:>6}  answers of the API: {name}" for name, count in sorted(self.answers.items())]
        lines += [f"  {self.writes:>6}  writes of the daemons", f"  {self.objects:>6}  objects in git in the end"]
        lines += [f"settled {self.settled_after:.1f} s after the storm"]
        lines += [f"held before: {self.before}", f"held after:  {self.after}"]
        lines += [f"wrong: {problem}" for problem in self.problems] or ["nothing was wrong"]
        return "\n".join(lines)


async def soak(ground: Ground, seed: int, size: Size) -> Report:
    """Run one soak. What is wrong in the end is in the report."""
    random, report = Random(seed), Report(seed)  # noqa: S311  # the same storm for the same seed
    async with ground.world() as (world, proxy):
        apps = list(applications(size.apps, size.repos, size.namespaces, random))
        repos = await anyio.to_thread.run_sync(lambda: _repositories(world, apps, size.repos))
        _configure(world, apps, repos)
        for number in range(size.namespaces):
            await world.cluster.namespace(world.full(f"ns{number}"))
        async with Daemons(world) as daemons:
            storm = Storm(world, proxy, daemons, apps=apps, repos=repos, random=random)
            report.problems += await _settled(world, daemons, storm, size.calm)
            for _ in range(2):
                await storm.rage(size.seconds * _SHARE_WITH_KILLS / 2, kills=True)
                await storm.kill()  # in the middle of it, whatever the seed says
            report.problems += await _calm(world, daemons, storm, size)
            report.before = await held(daemons.now)
            await storm.rage(size.seconds * (1 - _SHARE_WITH_KILLS), kills=False)
            begun = anyio.current_time()
            report.problems += await _calm(world, daemons, storm, size)
            report.settled_after = anyio.current_time() - begun
            report.after = await held(daemons.now)
            report.problems += leaks(report.before, report.after)
            await daemons.restart()
            report.problems += daemons.problems
        report.counts, report.answers = storm.counts, daemons.answers
        report.objects = sum(len(app.things) for app in apps)
        report.writes = len(await ground.writes(world.user))
    return report


def _repositories(world: World, apps: Sequence[App], count: int) -> list[GitRepo]:
    repos = [world.repo, *(GitRepo(world.folder / f"repo-{number}.git") for number in range(1, count))]
    for number, repo in enumerate(repos):
        theirs = [app for app in apps if app.repo == number]
        repo.commit({path: text for app in theirs for path, text in app.files().items()})
    return repos


def _configure(world: World, apps: Sequence[App], repos: Sequence[GitRepo]) -> None:
    world.config["repositories"] = [{"url": str(repo.path)} for repo in repos]
    world.config["reconcile"]["refreshInterval"] = "5s"
    world.config["log"]["level"] = "info"
    # A storm goes wrong for everybody at once: whether that stops anything is tested elsewhere.
    world.config["sync"] = {"circuitBreaker": {"enabled": False}}
    for app in apps:
        where = {"namespace": world.full(app.namespace)}
        source = {"repoURL": str(repos[app.repo].path)}
        policy = {"pruneLimit": "100%"}
        world.application(app.name, prune=True, self_heal=True, source=source, destination=where, syncPolicy=policy)


async def _calm(world: World, daemons: Daemons, storm: Storm, size: Size) -> list[str]:
    """The storm is over: what is still wrong when everything had its time."""
    await storm.calm()
    found = await _settled(world, daemons, storm, size.calm)
    daemons.look_at_log()
    return found


async def _settled(world: World, daemons: Daemons, storm: Storm, seconds: float) -> list[str]:
    """Wait until all is as git says; what is not, after `seconds`."""
    found = ["nobody looked"]
    with anyio.move_on_after(seconds):
        while found:
            await anyio.sleep(_LOOK_SECONDS)
            with anyio.CancelScope(shield=True):
                found = await _wrong(world, daemons, storm)
    return found


async def _wrong(world: World, daemons: Daemons, storm: Storm) -> list[str]:
    told: dict[str, Any] | None = await daemons.ask("GET", "/applications?limit=1000")
    if told is None or "items" not in told:
        return ["its API does not answer"]
    states = {item["name"]: (item["sync"], item["health"]["status"], item["operationPhase"]) for item in told["items"]}
    found = [
        f"{name} is {sync}, {health}, operation {phase}: {await _why(daemons, name)}"
        for name, (sync, health, phase) in states.items()
        if (sync, health) != ("Synced", "Healthy") or phase in ("Running", "Terminating")
    ]
    return found or await differences(world, storm.apps, storm.strangers)


async def _why(daemons: Daemons, name: str) -> str:
    told = await daemons.ask("GET", f"/applications/{name}") or {}
    operation = told.get("operation") or {}
    parts = {"decision": told.get("decision"), "operation": operation.get("message")}
    conditions = [item["message"][:300] for item in told.get("summary", {}).get("conditions", ())]
    objects = [item["name"] for item in told.get("resources", ()) if item["sync"] != "Synced"]
    return json.dumps({**parts, "conditions": conditions, "objects": objects})
