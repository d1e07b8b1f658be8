"""One sync, killed at one point and gone on with: what became of the cluster, and what was asked of it for that."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from gitopsd.testing.faultproxy import FaultProxy, ProxiedRequest
from tests.crash.scenario import APP, Scenario, scenarios
from tests.crash.sight import Objects, alike, seen, settled
from tests.e2e.world import World
from tests.long.ground import Entry, Ground
from tests.long.process import GITOPSD, Process, running

Where = Literal["write", "read", "journal"]
_STRANGERS: Final = ("configmaps/stranger", "secrets/stranger")


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill it at the `number`-th request that writes, that reads, or transaction of the journal since the commit:
    before it has any effect, or when it just had. Then kill the one that goes on too, at `again`.
    """

    where: Where
    number: int
    after: bool = False
    again: Kill | None = None

    def __str__(self) -> str:
        then = f", then {self.again} of the next" if self.again else ""
        return f"{'after' if self.after else 'before'} {self.where} {self.number}{then}"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run led to. `struck`: it was killed; False if the end came before. `at` is the request or transaction that
    was under way then.

    `created` counts the objects that the daemon made since the commit, `written` names all that it wrote, by
    `kind/name`; `points` are how many points there were to be killed at, if it was not.
    """

    struck: bool
    at: str
    objects: Objects
    created: Counter[str]
    written: frozenset[str]
    strangers_touched: tuple[str, ...]
    points: Mapping[Where, int]


async def run(ground: Ground, name: str, kill: Kill | None = None, expected: Ran | None = None) -> Ran:
    """Deploy the first commit of the scenario `name`, kill the daemon while it syncs the second, and let another one go
    on. `expected` is an undisturbed run: its objects are waited for. Raises `AssertionError` where the end never comes.
    """
    async with ground.world() as (world, proxy):
        scenario = next(each for each in scenarios(f"w{world.number}.example.org") if each.name == name)
        world.commit(scenario.before)
        world.application(APP, prune=True, syncPolicy={"retry": {"limit": 0}})
        killing = _Killing(world, proxy)
        async with running(world, killing.command(kill)) as child:
            await child.until_synced(APP)
            strangers = await _with_strangers(world)
            begun, asked = len(await ground.writes(world.user)), len(proxy.requests)
            killing.arm(kill, child)
            commit = world.commit(scenario.after)
            await child.poke(APP)
            struck = not await _comes_to_an_end(child, commit, scenario)
        points = _points(proxy.requests[asked:], killing.file)
        rest = [kill.again if kill else None, None] if struck else []
        for again in rest:
            killing.disarm()
            command = killing.command(again) if again else GITOPSD
            async with running(world, command, before=partial(killing.arm, again) if again else None) as child:
                if await _comes_to_an_end(child, commit, scenario):
                    break
        else:
            assert not struck, "the one that was to go on was killed"
        await settled(world, expected.objects if expected else None)
        entries = (await ground.writes(world.user))[begun:]
        return Ran(
            struck=struck,
            at=", ".join(killing.at) or _read(killing.file.with_suffix(".at")),
            objects=await seen(world),
            created=Counter(written(world, entry) for entry in entries if entry["responseStatus"]["code"] == 201),
            written=frozenset(written(world, entry) for entry in entries),
            strangers_touched=await _touched(world, strangers),
            points=points,
        )


def is_over(told: Mapping[str, Any], commit: str, scenario: Scenario) -> bool:
    """Whether the application has come to where the scenario leads."""
    operation, summary = told["operation"], told["summary"]
    if operation is None or operation["phase"] in ("Running", "Terminating"):
        return False
    if scenario.fails:
        return bool(operation["phase"] == "Failed" and operation["revisions"] == [commit])
    state = (summary["revisions"], summary["sync"], summary["health"]["status"])
    return state == ([commit], "Synced", "Healthy")


def is_write(request: ProxiedRequest) -> bool:
    """Whether it asks for a change."""
    return request.method != "GET" and "dryRun" not in request.query


def is_read(request: ProxiedRequest) -> bool:
    """Whether it changes nothing: lists, watches and dry-runs."""
    return not is_write(request)


async def _comes_to_an_end(child: Process, commit: str, scenario: Scenario) -> bool:
    """Whether it got there, and stays there when it looks anew; False if it was killed before."""

    def there(told: Mapping[str, Any]) -> bool:
        return is_over(told, commit, scenario)

    over = await child.until_told(APP, there)
    if over:
        await child.poke(APP, wait=20)
        over = await child.until_told(APP, there)
    if not over:
        assert await child.ended(30) == -signal.SIGKILL, "it ended by itself:\n" + "\n".join(child.raw[-40:])
    return over


class _Killing:
    """How daemons of one world are killed. `at` are the requests that were under way when they were."""

    def __init__(self, world: World, proxy: FaultProxy) -> None:
        self._proxy = proxy
        self.file = world.folder / "kill"
        self.at: list[str] = []

    def command(self, kill: Kill | None) -> Sequence[str]:
        """What to start: whoever is to be killed at a transaction does that itself, and counts them if nobody is."""
        if kill is not None and kill.where != "journal":
            return GITOPSD
        return (sys.executable, "-m", "tests.crash.runner", "--kill-file", str(self.file))

    def arm(self, kill: Kill | None, child: Process) -> None:
        """From now on requests and transactions count."""
        if kill is None:
            self.file.write_text("before 0", encoding="utf-8")
        elif kill.where == "journal":
            self.file.write_text(f"{'after' if kill.after else 'before'} {kill.number}", encoding="utf-8")
        else:

            def strike(request: ProxiedRequest) -> None:
                child.kill()
                self.at.append(f"{request.method} {request.path}")

            matching = is_write if kill.where == "write" else is_read
            self._proxy.strike(strike, kill.number, matching=matching, after=kill.after)

    def disarm(self) -> None:
        """Nobody is killed any more."""
        self._proxy.heal()
        self.file.unlink(missing_ok=True)


def _points(requests: Sequence[ProxiedRequest], file: Path) -> Mapping[Where, int]:
    return {
        "write": sum(map(is_write, requests)),
        "read": sum(map(is_read, requests)),
        "journal": int(_read(file.with_suffix(".count")) or "0"),
    }


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def written(world: World, entry: Entry) -> str:
    """The object of an entry of the audit log, as `kind/name` that is the same in all worlds."""
    reference = entry["objectRef"]
    return alike(world, f"{reference['resource']}/{reference.get('name', '')}")


async def _with_strangers(world: World) -> Mapping[str, str]:
    """Objects of somebody else beside the application's: path → resourceVersion."""
    namespace = world.full(APP)
    versions = {}
    for path in _STRANGERS:
        kind, name = path.split("/")
        made = await world.cluster.create(namespace, kind, {"metadata": {"name": name, "labels": {"app": "web"}}})
        versions[path] = made["metadata"]["resourceVersion"]
    return versions


async def _touched(world: World, strangers: Mapping[str, str]) -> tuple[str, ...]:
    found = {path: await world.cluster.find(world.full(APP), path) for path in strangers}
    return tuple(
        path
        for path, version in strangers.items()
        if (there := found[path]) is None or there["metadata"]["resourceVersion"] != version
    )
