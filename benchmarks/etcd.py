"""Puts objects into a local cluster's etcd as fast as it takes them: the API server reads JSON there too."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import aiohttp
import anyio
import orjson

from benchmarks.floor import ensure_done

_AT_ONCE: Final = 64
_IN_FLIGHT: Final = 4
_ROOT: Final = "/registry"

Stored = tuple[str, bytes]
"""A path below the root, such as `configmaps/default/settings`, and the object as JSON without `resourceVersion`."""


async def put_all(cluster: Path, stored: Iterable[Stored]) -> int:
    """Put them all; how many there were. Raises `FloorError` if etcd refuses."""
    batches = _batches(iter(stored))
    count = 0

    async def work(session: aiohttp.ClientSession) -> None:
        nonlocal count
        for batch in batches:
            body = orjson.dumps({"success": [{"requestPut": {"key": key, "value": value}} for key, value in batch]})
            async with session.post("http://etcd/v3/kv/txn", data=body) as response:
                await ensure_done(response)
            count += len(batch)

    connector = aiohttp.UnixConnector(path=str(cluster / "etcd.sock"))
    async with aiohttp.ClientSession(connector=connector) as session, anyio.create_task_group() as tasks:
        for _ in range(_IN_FLIGHT):
            tasks.start_soon(work, session)
    return count


def _batches(stored: Iterator[Stored]) -> Iterator[list[tuple[str, str]]]:
    while batch := list(islice(stored, _AT_ONCE)):
        yield [(b64encode(f"{_ROOT}/{path}".encode()).decode(), b64encode(body).decode()) for path, body in batch]
