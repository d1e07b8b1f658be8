"""The table `syncs`: many applications at once, a sync that changes nothing, operations that wait."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cluster import requests, writes
from benchmarks.figures import Figure, median, shown, spread
from benchmarks.first_sync import FirstSync, first_sync
from benchmarks.parked import Parked, parked
from benchmarks.syncs_workload import LARGE_OBJECTS
from benchmarks.workload import OBJECTS_PER_APPLICATION

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many applications are synced at once, and wait; how many syncs of each sort; seconds of rest."""

    applications: int = 1000
    held: int = 200
    rounds: int = 20
    idle: float = 20.0


async def syncs_figures(program: Path, sizes: Sizes, say: Say) -> list[Figure]:
    """Raises RuntimeError, TimeoutError or `FloorError` if something does not do its part."""
    with tempfile.TemporaryDirectory(prefix="gitopsd-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for part in ("first", "parked"):
            (folder / part).mkdir()
        first = await first_sync(program, sizes.applications, folder / "first", say)
        rest = await parked(program, sizes.held, sizes.rounds, sizes.idle, folder / "parked", say)
    return [*_first(first, sizes.applications), *_no_op(rest), *_parked(rest)]


def _first(found: FirstSync, applications: int) -> list[Figure]:
    before, after = found.floors
    what = f"{applications:,} applications of {OBJECTS_PER_APPLICATION} objects into an empty cluster"
    runs = f"bare apply {shown(before.seconds, 's')} before, {shown(after.seconds, 's')} after"
    cpu = found.cpu + found.cluster_cpu
    floor_cpu = _mean(before.cpu + before.cluster_cpu, after.cpu + after.cluster_cpu)
    ready = found.started.ready
    return [
        Figure(
            f"{what}, from the start of the process",
            found.started.synced,
            "s",
            _mean(before.seconds, after.seconds),
            "bare apply",
            limit=1.5,
            of_ratio=True,
            note=f"{runs}; requests: {_verbs(found.asked)}",
        ),
        Figure(
            "the same, from ready",
            found.started.synced - ready,
            "s",
            _mean(before.requests, after.requests),
            "requests alone",
            limit=1.5,
            of_ratio=True,
            note=f"ready after {shown(ready, 's')}",
        ),
        Figure(
            "the same, CPU time of client and cluster",
            cpu,
            "s",
            floor_cpu,
            "bare apply",
            note=f"gitopsd {shown(found.cpu, 's')} (first process {shown(found.own_cpu, 's')}), cluster "
            f"{shown(found.cluster_cpu, 's')}; floor {shown(_mean(before.cpu, after.cpu), 's')}, "
            f"{shown(_mean(before.cluster_cpu, after.cluster_cpu), 's')}",
        ),
    ]


def _no_op(found: Parked) -> list[Figure]:
    what = f"sync of {LARGE_OBJECTS:,} objects that changes nothing"
    return [
        Figure(f"{what}: writes", writes(found.no_op_asked), "", limit=0, note=_verbs(found.no_op_asked)),
        Figure(f"{what}, p50", median(found.no_op), "ms", note=spread(found.no_op)),
        Figure(f"{what}, CPU", found.no_op_cpu, "ms", note="all processes of gitopsd, git's look-up included"),
    ]


def _parked(found: Parked) -> list[Figure]:
    without, waiting = found.resting
    few, many = found.latencies
    return [
        Figure(
            f"CPU while {found.held} operations wait, of one core",
            waiting.cpu,
            "%",
            without.cpu or None,
            "with none",
            limit=0.005,
        ),
        Figure(
            f"requests while {found.held} operations wait",
            requests(waiting.asked),
            "",
            limit=0,
            note=f"{requests(without.asked)} with none; {waiting.asked['watch']} watches opened again",
        ),
        *[
            Figure(
                f"sync of one object until {until}, {found.held} operations waiting, p50",
                median(seconds),
                "ms",
                median(floor),
                "with none",
                limit=1.2,
                of_ratio=True,
                note=f"{spread(seconds)}; with none {spread(floor)}",
            )
            for until, seconds, floor in (("live", many.live, few.live), ("over", many.over, few.over))
        ],
    ]


def _mean(one: float, other: float) -> float:
    return (one + other) / 2


def _verbs(asked: Counter[str]) -> str:
    return ", ".join(f"{count:,} {verb}" for verb, count in sorted(asked.items())) or "none"
