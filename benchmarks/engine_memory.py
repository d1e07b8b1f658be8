"""The engine's memory after 1,000 and after 10,000 renders."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from benchmarks.figures import Figure
from benchmarks.processes import memory_bytes
from benchmarks.workload import Workload, make_workload
from gitopsd.plugin import RenderRequest
from gitopsd.plugin.manager import PluginManager
from gitopsd.render.engine import locate
from gitopsd.render.pool import EnginePool

_APPLICATIONS: Final = 50
_FIRST, _LAST = 1_000, 10_000
_IN_FLIGHT: Final = 4
# An engine that has nothing to do gives memory back after three seconds.
_REST_SECONDS: Final = 5.0
_RENDERERS: Final = {"plain": "directory", "kustomize": "kustomize", "helm": "helm"}


async def memory_figures() -> list[Figure]:
    """Raises RuntimeError if there is no engine, or if it ended on the way."""
    binary = locate("", os.environ)
    if binary is None:
        raise RuntimeError("there is no render engine: run `make setup`")
    plugins = PluginManager()
    plugins.load_installed()
    with tempfile.TemporaryDirectory(prefix="gitopsd-bench-", ignore_cleanup_errors=True) as name:
        workload = await anyio.to_thread.run_sync(make_workload, Path(name), _APPLICATIONS)
        async with EnginePool([binary], in_flight=_IN_FLIGHT) as pool:
            renderers = {each.name: each for each in plugins.renderers(pool)}

            async def render(numbers: range) -> None:
                for number in numbers:
                    app = workload.names()[number % _APPLICATIONS]
                    await renderers[_RENDERERS[workload.kind(app)]].render(_request(workload, app))

            async def until(begin: int, end: int) -> int:
                async with anyio.create_task_group() as tasks:
                    for turn in range(_IN_FLIGHT):
                        tasks.start_soon(render, range(begin + turn, end, _IN_FLIGHT))
                await anyio.sleep(_REST_SECONDS)
                (pid,) = pool.pids()
                return memory_bytes(pid)

            first = await until(0, _FIRST)
            began = pool.pids()
            last = await until(_FIRST, _LAST)
            if pool.pids() != began:
                raise RuntimeError("the engine was started anew on the way")
    return [
        Figure(f"memory after {_FIRST:,} renders", first, "MB"),
        Figure(
            f"memory after {_LAST:,} renders",
            last,
            "MB",
            first,
            f"after {_FIRST:,}",
            limit=1.1,
            of_ratio=True,
            note="PSS of one idle worker; 40 % plain, 40 % kustomize, 20 % helm",
        ),
    ]


def _request(workload: Workload, app: str) -> RenderRequest:
    return RenderRequest(app, app, str(workload.tree), app, {}, kube_version="v1.36.3")
