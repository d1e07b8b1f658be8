"""Many applications into an empty cluster, between two runs of the floor."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from benchmarks.cluster import SETTLE_SECONDS, local_cluster
from benchmarks.daemon import Daemon, Started
from benchmarks.floor_apply import floor_apply, write_objects
from benchmarks.floor_render import render_all
from benchmarks.processes import cpu_alone, cpu_seconds
from benchmarks.wanted import objects
from benchmarks.workload import Workload, make_workload, write_config

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BareApply:
    """One run of the floor, in seconds: with the start of its process, its requests alone, and the CPU time of the
    client and of the cluster.
    """

    seconds: float
    requests: float
    cpu: float
    cluster_cpu: float


@dataclass(frozen=True, slots=True)
class FirstSync:
    """The daemon's run in seconds, and the floor before and after. `cpu` is that of all its processes, `own_cpu` that
    of its first one, both until everything was Synced.
    """

    started: Started
    cpu: float
    own_cpu: float
    cluster_cpu: float
    asked: Counter[str]
    floors: tuple[BareApply, BareApply]
    count: int


async def first_sync(program: Path, count: int, folder: Path, say: Say) -> FirstSync:
    """`count` applications of ten objects, in `folder`. Raises RuntimeError or `FloorError`."""
    say(f"making {count:,} applications")
    workload = await anyio.to_thread.run_sync(make_workload, folder, count)
    wanted = objects((await anyio.to_thread.run_sync(render_all, workload)).rendered)
    file = folder / "objects.jsonl"
    write_objects(file, wanted)
    say("bare apply")
    before = await _bare(folder / "before", file)
    say("first sync")
    started, asked, (cpu, own, cluster) = await _daemon(program, workload, folder)
    say("bare apply again")
    after = await _bare(folder / "after", file)
    return FirstSync(started, cpu, own, cluster, asked, (before, after), len(wanted))


async def _bare(folder: Path, file: Path) -> BareApply:
    with local_cluster(folder) as cluster:
        await anyio.sleep(SETTLE_SECONDS)
        used, began = cpu_seconds(cluster.pid), time.monotonic()
        floor = await anyio.to_thread.run_sync(floor_apply, folder, file)
        seconds = time.monotonic() - began
        return BareApply(seconds, floor.seconds, floor.cpu_seconds, cpu_seconds(cluster.pid) - used)


async def _daemon(
    program: Path, workload: Workload, folder: Path
) -> tuple[Started, Counter[str], tuple[float, float, float]]:
    with local_cluster(folder / "cluster") as cluster:
        config, state = folder / "gitopsd.yaml", folder / "state"
        write_config(workload, config, cluster.kubeconfig, state)
        await anyio.sleep(SETTLE_SECONDS)
        mark, used = cluster.mark(), cpu_seconds(cluster.pid)
        async with Daemon(program, config, state, folder / "daemon.log") as daemon:
            started = await daemon.started()
            spent = (cpu_seconds(daemon.pid), cpu_alone(daemon.pid), cpu_seconds(cluster.pid) - used)
            return started, cluster.asked(mark), spent
