"""The floor of a restart: a bare client that lists whole kinds and parses the answers.

`python -m benchmarks.floor_list CLUSTER_FOLDER /api/v1/configmaps …` for itself; `floor_list` from another program.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import aiohttp
import anyio
import orjson

from benchmarks.floor import Floor, ensure_done, in_fresh_process, measure, print_floor

PATHS: Final = (
    "/api/v1/namespaces",
    "/api/v1/configmaps",
    "/api/v1/secrets",
    "/api/v1/services",
    "/apis/apps/v1/deployments",
)


def floor_list(cluster: Path, paths: Sequence[str] = PATHS) -> Floor:
    """List the collections at `paths`, all at once and each in one answer, in a fresh process. Raises `FloorError`."""
    return in_fresh_process("benchmarks.floor_list", cluster, *paths)


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    cluster, paths = Path(arguments[0]), arguments[1:] or PATHS

    async def work(session: aiohttp.ClientSession) -> int:
        counts: list[int] = []

        async def list_one(path: str) -> None:
            async with session.get(path) as response:
                counts.append(len(orjson.loads(await ensure_done(response))["items"]))

        async with anyio.create_task_group() as tasks:
            for path in paths:
                tasks.start_soon(list_one, path)
        return sum(counts)

    print_floor(measure(cluster, work))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
