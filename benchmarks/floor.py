"""What a floor gives, and how one is measured in a process of its own."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import aiohttp
import anyio
import uvloop

_DEADLINE_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Floor:
    """`count` objects in `seconds` of the clock on the wall and `cpu_seconds` of the client's own."""

    count: int
    seconds: float
    cpu_seconds: float


class FloorError(Exception):
    """A floor could not be measured; the text says what was refused."""


Work = Callable[[aiohttp.ClientSession], Awaitable[int]]
"""Does what is measured on a session to the API server; returns the count of objects."""


def in_fresh_process(module: str, cluster: Path, *arguments: str) -> Floor:
    """`python -m module CLUSTER ARGUMENTS`, whose last line is the floor as JSON. Raises `FloorError`."""
    command = [sys.executable, "-m", module, str(cluster), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_DEADLINE_SECONDS, check=False)
    if done.returncode:
        raise FloorError(f"{module}: {done.stderr.strip()[-2000:]}")
    return Floor(**json.loads(done.stdout.splitlines()[-1]))


def open_session(cluster: Path) -> aiohttp.ClientSession:
    """A session to the API server of a localcluster's folder, as its administrator; to be closed by the caller."""
    server = json.loads((cluster / "ready.json").read_text(encoding="utf-8"))["server"]
    pki = cluster / "pki"
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    return aiohttp.ClientSession(
        server,
        connector=aiohttp.TCPConnector(limit=0, ssl=context),
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "bench"},
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=2**18,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
    )


def measure(cluster: Path, work: Work) -> Floor:
    """Do `work` on a localcluster's folder, as its administrator. Connecting counts, starting Python does not."""
    return anyio.run(_measure, cluster, work, backend_options={"loop_factory": uvloop.new_event_loop})


def print_floor(found: Floor) -> None:
    """For `in_fresh_process`."""
    print(json.dumps(asdict(found)))


async def ensure_done(response: aiohttp.ClientResponse, allowed: Sequence[int] = (200, 201)) -> bytes:
    """The body of an answer. Raises `FloorError` if it is a refusal."""
    body = await response.read()
    if response.status not in allowed:
        raise FloorError(f"{response.method} {response.url.path}: {response.status} {body[:500].decode()}")
    return body


async def _measure(cluster: Path, work: Work) -> Floor:
    async with open_session(cluster) as session:
        started, cpu = time.perf_counter(), time.process_time()
        count = await work(session)
        return Floor(count, time.perf_counter() - started, time.process_time() - cpu)
