"""All floors that need no daemon, measured on a cluster of their own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import orjson

from benchmarks.api import Api, Values
from benchmarks.changes import Scene, bare_drifts, bare_lookup, bare_pushes
from benchmarks.cluster import SETTLE_SECONDS, LocalCluster, local_cluster
from benchmarks.floor_apply import floor_apply, path_of, write_objects
from benchmarks.floor_list import floor_list
from benchmarks.floor_render import render_all
from benchmarks.wanted import objects
from benchmarks.workload import Workload


@dataclass(frozen=True, slots=True)
class Floors:
    """Seconds. `apply` includes the start of the process, `apply_requests` does not."""

    render: float
    clone: float
    fetch: float
    apply: float
    apply_requests: float
    pushes: Sequence[float]
    drifts: Sequence[float]
    objects: int


async def measure_floors(workload: Workload, folder: Path, names: Sequence[str]) -> Floors:
    """In `folder`; pushes and drifts change the applications `names`."""
    rendered = render_all(workload)
    wanted = objects(rendered.rendered)
    write_objects(folder / "objects.jsonl", wanted)
    clone, fetch = bare_lookup(workload, folder / "clone.git")
    with local_cluster(folder / "cluster") as cluster:
        await anyio.sleep(SETTLE_SECONDS)
        began = time.monotonic()
        applied = floor_apply(cluster.folder, folder / "objects.jsonl")
        seconds = time.monotonic() - began
        async with Api(cluster.folder) as api, anyio.create_task_group() as tasks:
            values = Values(api)
            await tasks.start(values.run)
            scene = Scene(workload, api, values)
            bodies = {path_of(orjson.loads(body)): body for body in wanted}
            pushes = await bare_pushes(scene, names, bodies, folder / "clone.git")
            drifts = await bare_drifts(scene, names, bodies)
            tasks.cancel_scope.cancel()
    return Floors(rendered.seconds, clone, fetch, seconds, applied.seconds, pushes, drifts, applied.count)


def bare_list(cluster: LocalCluster, expected: int) -> float:
    """Seconds of `floor_list`, the start of its process included. Raises RuntimeError if objects are missing."""
    began = time.monotonic()
    found = floor_list(cluster.folder)
    seconds = time.monotonic() - began
    if found.count < expected:
        raise RuntimeError(f"{found.count} objects are listed, {expected} were applied")
    return seconds
