"""The daemon that is measured: a child process, asked through its unix socket."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypedDict

import anyio
import anyio.to_thread
import httpx
import orjson

# Asking costs the daemon about a millisecond of CPU, so the pauses grow with what was waited: a hundredth on average.
_POLL_SECONDS: Final = 0.05
_POLL_SHARE: Final = 0.02
_START_SECONDS: Final = 600.0
_STOP_SECONDS: Final = 20.0
_LOG_TAIL: Final = 3000
_UNDER_WAY: Final = frozenset({"Running", "Terminating"})
_RENDERS: Final = "gitopsd_render_seconds_count"


@dataclass(frozen=True, slots=True)
class Started:
    """Seconds from the start of the process: until it said that it is ready, and until all applications were Synced."""

    ready: float
    synced: float


class _Summary(TypedDict):
    """What is read of one application in a list."""

    name: str
    sync: str
    revisions: list[str]
    reconciledAt: str | None
    operationPhase: str | None


class _Operation(TypedDict):
    """What is read of an operation."""

    id: str
    phase: str
    message: str


class _State(TypedDict):
    """What is read of the state of one application."""

    version: str
    summary: _Summary
    operation: _Operation


class _Page(TypedDict):
    """What is read of a list."""

    items: list[_Summary]
    total: int


class Daemon:
    """`async with` starts it and ends it. `began` is the moment of its start (monotonic seconds), `socket` its API.

    With `lag` it is run by `lag_probe`, which writes that file.
    """

    def __init__(self, program: Path, config: Path, state: Path, log: Path, *, lag: Path | None = None) -> None:
        command = [str(program)] if lag is None else [sys.executable, "-m", "benchmarks.lag_probe", str(lag)]
        self._command = [*command, "run", "--config", str(config)]
        self.socket = state / "gitopsd.sock"
        self._log = log

    async def __aenter__(self) -> Self:
        notify = self.socket.parent.parent / "notify.sock"
        notify.unlink(missing_ok=True)
        self._notified = await anyio.create_unix_datagram_socket(local_path=notify)
        transport = httpx.AsyncHTTPTransport(uds=str(self.socket))
        self._client = httpx.AsyncClient(transport=transport, base_url="http://gitopsd", timeout=120)
        with self._log.open("ab") as log:
            self.began = time.monotonic()
            self._process = subprocess.Popen(  # noqa: ASYNC220 - its start is what is measured
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "NOTIFY_SOCKET": str(notify)},
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self._client.aclose()
            await self._notified.aclose()
            self._process.terminate()
            try:
                await anyio.to_thread.run_sync(lambda: self._process.wait(_STOP_SECONDS))
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
                raise RuntimeError(f"the daemon did not end within {_STOP_SECONDS:g} s of SIGTERM") from None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def started(self) -> Started:
        """Wait until every application was looked at and is Synced."""
        with anyio.fail_after(_START_SECONDS):
            await self._ready()
            ready = time.monotonic() - self.began
            while not await self._all_synced():  # noqa: ASYNC110 - another process tells
                await anyio.sleep(max(_POLL_SECONDS, _POLL_SHARE * (time.monotonic() - self.began)))
            return Started(ready, time.monotonic() - self.began)

    async def refresh(self, name: str, *, hard: bool = False) -> None:
        """Ask for a refresh; does not wait for it."""
        query = {"hard": "true"} if hard else {}
        answer = await self._client.post(f"/api/v1/applications/{name}/refresh", params=query)
        answer.raise_for_status()

    async def sync(self, name: str) -> None:
        """Ask for a sync, and wait until it is over. Raises RuntimeError unless it succeeds."""
        answer = await self._client.post(f"/api/v1/applications/{name}/sync", json={})
        answer.raise_for_status()
        begun: _Operation = orjson.loads(answer.content)
        operation, version = begun, ""
        while operation["phase"] in _UNDER_WAY or operation["id"] != begun["id"]:
            state = await self._operation(name, {"seen": version, "wait": "60"} if version else {})
            version, operation = state["version"], state["operation"]
        if operation["phase"] != "Succeeded":
            raise RuntimeError(f"the sync of {name} is {operation['phase']}: {operation['message']}")

    async def sync_status(self, name: str) -> str:
        """`Synced`, `OutOfSync` or `Unknown`."""
        return (await self._operation(name, {}))["summary"]["sync"]

    async def running(self) -> int:
        """How many operations are under way."""
        page = await self._list({"limit": "1000"})
        return sum(item["operationPhase"] == "Running" for item in page["items"])

    async def revisions(self) -> Mapping[str, str]:
        """The commit that each application was compared with last, "" for one that is not Synced."""
        page = await self._list({"limit": "1000"})
        return {item["name"]: "".join(item["revisions"]) if item["sync"] == "Synced" else "" for item in page["items"]}

    async def reconciled(self) -> Mapping[str, str]:
        """When each application was reconciled last (a time as text)."""
        page = await self._list({"limit": "1000"})
        return {item["name"]: item["reconciledAt"] or "" for item in page["items"]}

    async def renders(self) -> int:
        """How many renders were made since its start."""
        answer = await self._client.get("/metrics")
        lines = answer.text.splitlines()
        return sum(int(float(line.rpartition(" ")[2])) for line in lines if line.startswith(_RENDERS))

    async def _ready(self) -> None:
        while True:
            with anyio.move_on_after(1.0):
                message, _ = await self._notified.receive()
                if message.startswith(b"READY=1"):
                    return
            self._check()

    async def _all_synced(self) -> bool:
        """Cheap for the daemon, as it is asked often: one application at the most is written out."""
        self._check()
        with suppress(httpx.TransportError):
            page = await self._list({"limit": "1", "sync": ["OutOfSync", "Unknown"]})
            # After a restart the remembered statuses are there at once; readiness says that all were looked at anew.
            return page["total"] == 0 and (await self._client.get("/readyz")).status_code == 200
        return False

    async def _operation(self, name: str, query: Mapping[str, str]) -> _State:
        answer = await self._client.get(f"/api/v1/applications/{name}/operation", params=query)
        answer.raise_for_status()
        found: _State = orjson.loads(answer.content)
        return found

    async def _list(self, query: Mapping[str, str | list[str]]) -> _Page:
        answer = await self._client.get("/api/v1/applications", params=query)
        answer.raise_for_status()
        found: _Page = orjson.loads(answer.content)
        return found

    def _check(self) -> None:
        code = self._process.poll()
        if code is not None:
            tail = self._log.read_bytes()[-_LOG_TAIL:].decode(errors="replace")
            raise RuntimeError(f"the daemon ended with {code}:\n{tail}")
