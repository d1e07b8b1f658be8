"""From what was measured to figures with floors and aims."""

from __future__ import annotations

from collections import Counter
from typing import Final

from benchmarks.changes import Pushes
from benchmarks.cluster import requests, writes
from benchmarks.figures import Figure, median, shown, spread
from benchmarks.floors import Floors
from benchmarks.measure import Measured

HEAD: Final = ("Figure", "Measured", "Floor", "Ratio", "Aim", "", "Notes")
# The aims for memory hold for 2,000 objects.
_MEMORY: Final = 200e6


def figures(floors: Floors, measured: Measured) -> list[Figure]:
    """In the order in which they are read best."""
    synced = [item.synced for item in measured.restarts]
    lists = median(measured.lists)
    return [
        Figure(
            "initial sync, from the start of the process",
            measured.initial.synced,
            "s",
            floors.apply,
            "bare apply",
            limit=1.5,
            of_ratio=True,
            note=f"{_asked(measured.initial_asked)}; {shown(measured.initial_cpu, 's')} of CPU",
        ),
        Figure(
            "initial sync, from ready",
            measured.initial.synced - measured.initial.ready,
            "s",
            floors.apply_requests,
            "bare apply, requests alone",
            note=f"git clone {shown(floors.clone, 's')}, bare render {shown(floors.render, 's')}",
        ),
        _restart(synced, lists, measured),
        Figure("API writes of all restarts", writes(measured.restarts_asked), "", limit=0),
        _pushes("push to live, API", measured.pushes, floors),
        _pushes("push to live, `gitopsd app refresh`", measured.pushes_by_command, floors),
        Figure(
            "drift to healed, p50",
            median(measured.drifts),
            "ms",
            median(floors.drifts),
            "watch, bare apply",
            limit=0.150,
            note=spread(measured.drifts),
        ),
        Figure(
            "hard refresh of all",
            measured.hard,
            "s",
            floors.render + floors.fetch,
            "bare render, git fetch",
            limit=3.0,
            note=f"{measured.hard_renders} renders",
        ),
        Figure("idle CPU, of one core", measured.idle.cpu, "%", limit=0.005),
        Figure(
            "API requests while idle",
            requests(measured.idle.asked),
            "",
            limit=0,
            note=f"{measured.idle.asked['watch']} watches opened again",
        ),
        Figure("memory, peak", measured.peak_memory, "MB", limit=_MEMORY, note="PSS of all its processes"),
        Figure("memory, idle", measured.idle.memory, "MB", limit=_MEMORY),
    ]


def _restart(synced: list[float], lists: float, measured: Measured) -> Figure:
    ready = shown(median([item.ready for item in measured.restarts]), "s")
    note = f"ready after {ready}; {_asked(measured.restarts_asked, len(synced))}"
    return Figure("restart, all compared", median(synced), "s", lists, "bare list", limit=2.0, of_ratio=True, note=note)


def _pushes(name: str, found: Pushes, floors: Floors) -> Figure:
    return Figure(
        f"{name}, p50",
        median(found.live),
        "ms",
        median(floors.pushes),
        "ls-remote, fetch, apply",
        limit=0.250,
        note=f"{spread(found.live)}; all applications at the commit after {shown(median(found.everybody), 'ms')}",
    )


def _asked(asked: Counter[str], times: int = 1) -> str:
    verbs = ", ".join(f"{count // times:,} {verb}" for verb, count in sorted(asked.items()))
    return f"requests: {verbs}"
