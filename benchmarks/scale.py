"""100,000 objects of 5,000 applications: restart, memory, and what an event costs."""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from benchmarks.api import Api
from benchmarks.cluster import SETTLE_SECONDS, LocalCluster, local_cluster, requests, writes
from benchmarks.daemon import Daemon, Started
from benchmarks.etcd import put_all
from benchmarks.figures import Figure, median, shown
from benchmarks.floor_list import floor_list
from benchmarks.processes import cpu_alone, family, memory_bytes
from benchmarks.scale_workload import (
    LISTED,
    OBJECTS,
    Template,
    app_name,
    make_repository,
    read_template,
    unmanaged,
    write_config,
)

_FEW: Final = 100
_EVENTS: Final = 2000
_EVENTS_IN_FLIGHT: Final = 4
_UNMANAGED: Final = 100_000
_RESTARTS: Final = 3
_QUIET_SECONDS: Final = 1.5
_QUIET_SHARE: Final = 0.05
_MEMORY: Final = 600e6

Say = Callable[[str], None]


@dataclass(slots=True)
class Scaled:
    """What was seen; seconds and bytes."""

    few: int
    many: int
    few_memory: int = 0
    few_event: float = 0.0
    first: Started = field(default_factory=lambda: Started(0.0, 0.0))
    first_long: int = 0
    first_worst: float = 0.0
    first_asked: Counter[str] = field(default_factory=Counter)
    restarts: list[Started] = field(default_factory=list)
    lists: list[float] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    memory: int = 0
    parts: tuple[int, ...] = ()
    event: float = 0.0
    with_strangers: int = 0
    with_unwatched: int = 0


async def scale_figures(program: Path, count: int, say: Say) -> list[Figure]:
    """Measure `count` applications. Raises RuntimeError or `FloorError` if something does not do its part."""
    with tempfile.TemporaryDirectory(prefix="gitopsd-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        say("repository")
        bare = await anyio.to_thread.run_sync(make_repository, folder, count)
        with local_cluster(folder / "cluster") as cluster:
            run = _Run(folder, bare, cluster, program, say)
            await anyio.sleep(SETTLE_SECONDS)
            return _figures(await run.all(count))


class _Run:
    """One measurement on one cluster."""

    def __init__(self, folder: Path, bare: Path, cluster: LocalCluster, program: Path, say: Say) -> None:
        self._folder = folder
        self._bare = bare
        self._cluster = cluster
        self._program = program
        self._say = say

    async def all(self, count: int) -> Scaled:
        few = min(_FEW, count)
        found = Scaled(few, count)
        self._say("first application")
        template = await self._first()
        await self._load(template, range(1, few))
        self._say(f"{few} applications")
        async with self._daemon(few) as daemon:
            await daemon.started()
            await self._quiet(daemon)
            found.few_event = await self._event(daemon, few)
            found.few_memory = memory_bytes(daemon.pid)
        self._say(f"{count * OBJECTS:,} objects into the cluster")
        await self._load(template, range(few, count))
        self._say("first run")
        mark = self._cluster.mark()
        lag = self._folder / "lag.json"
        async with self._daemon(count, lag) as daemon:
            found.first = await daemon.started()
            found.first_asked = self._cluster.asked(mark)
            await self._quiet(daemon)
        seen = json.loads(lag.read_text())
        found.first_worst, found.first_long = seen["worst"], seen["long"]
        await self._restarts(found, count)
        return found

    async def _restarts(self, found: Scaled, count: int) -> None:
        for number in range(_RESTARTS):
            self._say(f"restart {number + 1}")
            began = time.monotonic()
            listed = await anyio.to_thread.run_sync(floor_list, self._cluster.folder, LISTED)
            found.lists.append(time.monotonic() - began)
            if listed.count < count * OBJECTS:
                raise RuntimeError(f"{listed.count} objects are listed")
            mark = self._cluster.mark()
            async with self._daemon(count) as daemon:
                found.restarts.append(await daemon.started())
                found.asked += self._cluster.asked(mark)
                if number == _RESTARTS - 1:
                    await self._at_rest(found, daemon)

    async def _at_rest(self, found: Scaled, daemon: Daemon) -> None:
        await self._quiet(daemon)
        found.memory = memory_bytes(daemon.pid)
        found.parts = tuple(memory_bytes(pid, alone=True) for pid in family(daemon.pid))
        self._say("objects of nobody")
        await put_all(self._cluster.folder, unmanaged(_UNMANAGED))
        await self._quiet(daemon)
        found.with_strangers = memory_bytes(daemon.pid)
        await put_all(self._cluster.folder, unmanaged(_UNMANAGED, "LimitRange", "limitranges"))
        await self._quiet(daemon)
        found.with_unwatched = memory_bytes(daemon.pid)
        self._say(f"{_EVENTS} events")
        found.event = await self._event(daemon, found.many)

    async def _first(self) -> Template:
        async with self._daemon(1) as daemon, Api(self._cluster.folder) as api:
            await daemon.started()
            await anyio.sleep(SETTLE_SECONDS)  # its controllers have had their say
            return await read_template(api)

    async def _load(self, template: Template, numbers: range) -> None:
        await put_all(self._cluster.folder, template.copies(numbers))

    async def _event(self, daemon: Daemon, count: int) -> float:
        """CPU seconds of the daemon for one change of an object that concerns it and changes nothing of its own."""
        numbers = iter(range(_EVENTS))

        async def work() -> None:
            for number in numbers:
                path = f"/api/v1/namespaces/{app_name(number % count)}/configmaps/settings-{number % 11}"
                await api.patch(path, b'{"metadata":{"annotations":{"seen":"%d"}}}' % time.monotonic_ns(), "somebody")

        used = cpu_alone(daemon.pid)
        async with Api(self._cluster.folder) as api, anyio.create_task_group() as tasks:
            for _ in range(_EVENTS_IN_FLIGHT):
                tasks.start_soon(work)
        await self._quiet(daemon)
        return (cpu_alone(daemon.pid) - used) / _EVENTS

    async def _quiet(self, daemon: Daemon) -> None:
        """Until the daemon has next to nothing to do."""
        used, since = cpu_alone(daemon.pid), time.monotonic()
        while time.monotonic() - since < _QUIET_SECONDS:
            await anyio.sleep(0.1)
            now = cpu_alone(daemon.pid)
            if now - used > _QUIET_SHARE * _QUIET_SECONDS:
                used, since = now, time.monotonic()

    def _daemon(self, count: int, lag: Path | None = None) -> Daemon:
        config, state = self._folder / f"gitopsd-{count}.yaml", self._folder / f"state-{count}"
        write_config(config, self._bare, self._cluster.kubeconfig, state, count)
        return Daemon(self._program, config, state, self._folder / "daemon.log", lag=lag)


def _figures(found: Scaled) -> list[Figure]:
    objects = found.many * OBJECTS
    restart = median([item.synced for item in found.restarts])
    ready = shown(median([item.ready for item in found.restarts]), "s")
    dry = found.asked["dry-run"] + found.asked["get"]
    apps = found.many - found.few
    grown = (found.memory - found.few_memory) / apps if apps else 0
    parts = ", ".join(shown(part, "MB") for part in found.parts)
    return [
        Figure("first run, all looked at", found.first.synced, "s", note=_asked(found.first_asked)),
        Figure(
            "longest stretch without a turn of the loop, first run",
            found.first_worst,
            "ms",
            limit=0.020,
            note=f"{found.first_long} of more than 20 ms of CPU",
        ),
        Figure(
            "restart, all looked at",
            restart,
            "s",
            median(found.lists),
            "bare list",
            limit=2.0,
            of_ratio=True,
            note=f"ready after {ready}; {', '.join(shown(item.synced, 's') for item in found.restarts)}",
        ),
        Figure(
            "dry-runs and gets at a restart, of objects",
            dry / _RESTARTS / objects,
            "%",
            limit=0.02,
            note=f"all restarts: {_asked(found.asked)}",
        ),
        Figure("writes of all restarts", writes(found.asked), "", limit=0),
        Figure("memory at rest", found.memory, "MB", limit=_MEMORY, note=f"PSS; by process {parts}"),
        Figure(f"memory at rest, {found.few} applications", found.few_memory, "MB"),
        Figure("growth by each application of 20 objects", grown, "kB"),
        Figure(
            "growth by each object of nobody, watched kind",
            (found.with_strangers - found.memory) / _UNMANAGED,
            "B",
            limit=200,
        ),
        Figure(
            "growth by each object of nobody, other kind",
            (found.with_unwatched - found.with_strangers) / _UNMANAGED,
            "B",
            limit=1,
        ),
        Figure(
            f"an event, from watch to status, {found.many} applications",
            found.event,
            "µs",
            found.few_event,
            f"with {found.few}",
            limit=1.2,
            of_ratio=True,
            note=f"CPU of the daemon's own process, {_EVENTS} events",
        ),
    ]


def _asked(asked: Counter[str]) -> str:
    return f"{requests(asked):,} requests: " + ", ".join(f"{count:,} {verb}" for verb, count in sorted(asked.items()))
