"""The daemon's side of the run, on a fresh cluster: start, changes, idleness, restarts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from benchmarks.api import Api, Values
from benchmarks.changes import Pushes, Scene, drifts, hard_refresh, pushes
from benchmarks.cluster import SETTLE_SECONDS, LocalCluster, local_cluster
from benchmarks.daemon import Daemon, Started
from benchmarks.floors import bare_list
from benchmarks.processes import PeakMemory, cpu_seconds, memory_bytes
from benchmarks.workload import Workload, write_config

_RESTARTS: Final = 3

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """What is measured: the program, and how often or how long (seconds)."""

    program: Path
    rounds: int
    idle: float


@dataclass(frozen=True, slots=True)
class Idle:
    """Shares of one core, requests by verb, bytes."""

    cpu: float
    asked: Counter[str]
    memory: int


@dataclass(slots=True)
class Measured:
    """Everything that was seen of the daemon; seconds and bytes."""

    initial: Started
    initial_cpu: float
    initial_asked: Counter[str]
    initial_memory: int = 0
    pushes: Pushes = field(default_factory=lambda: Pushes((), ()))
    pushes_by_command: Pushes = field(default_factory=lambda: Pushes((), ()))
    drifts: Sequence[float] = ()
    hard: float = 0.0
    hard_renders: int = 0
    idle: Idle = field(default_factory=lambda: Idle(0.0, Counter(), 0))
    peak_memory: int = 0
    restarts: list[Started] = field(default_factory=list)
    restarts_asked: Counter[str] = field(default_factory=Counter)
    lists: list[float] = field(default_factory=list)


async def measure(workload: Workload, folder: Path, settings: Settings, expected: int, say: Say) -> Measured:
    """In `folder`; `expected` is how many objects there are in the end. `say` hears what is being done."""
    with local_cluster(folder / "cluster") as cluster:
        config = folder / "gitopsd.yaml"
        write_config(workload, config, cluster.kubeconfig, folder / "state")
        await anyio.sleep(SETTLE_SECONDS)
        daemon = Daemon(settings.program, config, folder / "state", folder / "daemon.log")
        say("initial sync")
        found = await _first_run(workload, cluster, daemon, settings, say)
        say("restarts")
        mark = cluster.mark()
        for _ in range(_RESTARTS):
            found.lists.append(await anyio.to_thread.run_sync(bare_list, cluster, expected))
            async with daemon:
                found.restarts.append(await daemon.started())
        found.restarts_asked = cluster.asked(mark)
    return found


async def _first_run(
    workload: Workload, cluster: LocalCluster, daemon: Daemon, settings: Settings, say: Say
) -> Measured:
    mark = cluster.mark()
    async with daemon:
        async with PeakMemory(daemon.pid) as peak:
            initial = await daemon.started()
            found = Measured(initial, cpu_seconds(daemon.pid), cluster.asked(mark), peak.bytes)
            await anyio.sleep(SETTLE_SECONDS)
            await _changes(workload, cluster, daemon, settings, found=found, say=say)
            say("hard refresh")
            found.hard, found.hard_renders = await hard_refresh(workload, daemon)
            await anyio.sleep(SETTLE_SECONDS)
            found.peak_memory = peak.bytes
        say(f"idle for {settings.idle:g} s")
        found.idle = await _idle(cluster, daemon, settings.idle)
    return found


async def _changes(
    workload: Workload, cluster: LocalCluster, daemon: Daemon, settings: Settings, *, found: Measured, say: Say
) -> None:
    async def command(name: str) -> None:
        await anyio.run_process([str(settings.program), "app", "refresh", name, "--socket", str(daemon.socket)])

    async with Api(cluster.folder) as api, anyio.create_task_group() as tasks:
        values = Values(api)
        await tasks.start(values.run)
        scene = Scene(workload, api, values)
        rounds = settings.rounds
        say(f"{rounds} pushes, refreshed through the API")
        found.pushes = await pushes(scene, chosen(workload, rounds, 0), daemon, daemon.refresh)
        say(f"{rounds} pushes, refreshed by the command")
        found.pushes_by_command = await pushes(scene, chosen(workload, rounds, 1), daemon, command)
        say(f"{rounds} drifts")
        found.drifts = await drifts(scene, chosen(workload, rounds, 2))
        tasks.cancel_scope.cancel()


async def _idle(cluster: LocalCluster, daemon: Daemon, seconds: float) -> Idle:
    mark, used = cluster.mark(), cpu_seconds(daemon.pid)
    began = time.monotonic()
    await anyio.sleep(seconds)
    share = (cpu_seconds(daemon.pid) - used) / (time.monotonic() - began)
    return Idle(share, cluster.asked(mark), memory_bytes(daemon.pid))


def chosen(workload: Workload, rounds: int, turn: int) -> list[str]:
    """Other applications at each turn, as long as there are enough; neighbours, for the shares of the renderers."""
    names = workload.names()
    return [names[(turn * rounds + number) % len(names)] for number in range(rounds)]
