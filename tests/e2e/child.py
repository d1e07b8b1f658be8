"""The daemon as a process of its own, heard through its log, asked through its doors, ended by signals."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import httpx
from anyio.abc import Process

from tests.e2e.world import World

DEADLINE_SECONDS: Final = 60.0

Line = Mapping[str, Any]


class Child:
    """A daemon in another process. `lines` are those of its log, as they come."""

    def __init__(self, world: World, process: Process) -> None:
        self.world = world
        self.process = process
        self.lines: list[Line] = []
        self.raw: list[str] = []
        self._news = anyio.Event()
        self.over = False

    async def read(self) -> None:
        """Take the log in until the process closes it."""
        assert self.process.stderr is not None
        rest = b""
        async for chunk in self.process.stderr:
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                self._take(line.decode())
            self._tell()
        self.over = True
        self._tell()

    async def until(self, wanted: Callable[[Child], object], seconds: float = DEADLINE_SECONDS) -> None:
        """Wait until `wanted` holds, looked at after each line of the log."""
        with anyio.move_on_after(seconds):
            while not wanted(self):
                assert not self.over, "it ended:\n" + "\n".join(self.raw[-40:])
                self._news = anyio.Event()
                await self._news.wait()
            return
        raise AssertionError("never came true; the end of the log:\n" + "\n".join(self.raw[-40:]))

    async def until_line(self, *words: str, seconds: float = DEADLINE_SECONDS) -> None:
        """Wait for a line of the log with all of `words`."""
        await self.until(lambda child: child.has_line(*words), seconds)

    async def until_synced(self, *names: str, seconds: float = DEADLINE_SECONDS) -> None:
        """Wait until each application was looked at and its last line says Synced and Healthy."""
        full = {self.world.full(name) for name in names}
        await self.until(lambda child: full <= child.at_rest() & child.looked_at(), seconds)

    def has_line(self, *words: str) -> bool:
        """Whether a line has all of `words`."""
        return any(all(word in line for word in words) for line in self.raw)

    def at_rest(self) -> set[str]:
        """The applications whose last line about their status says Synced and Healthy."""
        last: dict[str, bool] = {}
        for line in self.lines:
            if line.get("event") == "status":
                last[line["application"]] = (line["sync"], line["health"]) == ("Synced", "Healthy")
        return {name for name, good in last.items() if good}

    def looked_at(self) -> set[str]:
        """The applications that were reconciled since the start, well or not."""
        return {line["application"] for line in self.lines if line.get("event") == "reconciled"}

    def restart_log(self) -> None:
        """Forget the lines that came so far."""
        self.lines.clear()
        self.raw.clear()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    async def ended(self, seconds: float) -> int:
        """Wait for its end; the exit code."""
        with anyio.fail_after(seconds):
            return await self.process.wait()

    @property
    def socket(self) -> Path:
        """The unix socket of the API."""
        return self.world.folder / "state" / "gitopsd.sock"

    @property
    def public(self) -> str:
        """The URL of the public door, as the log tells it."""
        (ready,) = [line for line in self.lines if line.get("event") == "ready"]
        return f"http://{ready['listen']}"

    async def get(self, path: str, *, public: bool = False, **headers: str) -> httpx.Response:
        """Ask one of its doors."""
        transport = None if public else httpx.AsyncHTTPTransport(uds=str(self.socket))
        base = self.public if public else "http://local"
        async with httpx.AsyncClient(transport=transport, base_url=base, timeout=20.0, trust_env=False) as client:
            return await client.get(path, headers=headers)

    async def refresh(self, name: str) -> None:
        """Have an application reconciled, and wait for it. Right after a start the API may not be there yet."""
        await self.until(lambda child: child.socket.exists())
        transport = httpx.AsyncHTTPTransport(uds=str(self.socket))
        async with httpx.AsyncClient(transport=transport, base_url="http://local", timeout=40.0) as client:
            path = f"/api/v1/applications/{self.world.full(name)}/refresh"
            answer = await client.post(path, params={"wait": "30"}, json={})
            assert answer.status_code == 200, answer.text

    def _take(self, line: str) -> None:
        self.raw.append(line)
        try:
            parsed = json.loads(line)
        except ValueError:
            return
        if isinstance(parsed, dict):
            self.lines.append(parsed)

    def _tell(self) -> None:
        self._news.set()


@asynccontextmanager
async def child(
    world: World, *, environ: Mapping[str, str] | None = None, limits: str = "", within: Sequence[str] = ()
) -> AsyncIterator[Child]:
    """The daemon as a process; killed at the end if it still runs. `limits` are options of a shell's `ulimit`, `within`
    is a command that becomes the one which follows it.
    """
    world.write()
    limited = ["sh", "-c", f'ulimit {limits}; exec "$@"', "sh"] if limits else []
    async with anyio.create_task_group() as tasks:
        process = await anyio.open_process(
            [*within, *limited, sys.executable, "-m", "gitopsd.cli", "run", "--config", str(world.path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**world.environ, **(environ or {})},
            cwd=world.folder,
            start_new_session=True,
        )
        running = Child(world, process)
        tasks.start_soon(running.read)
        try:
            yield running
        finally:
            with anyio.CancelScope(shield=True):
                if process.returncode is None:
                    process.kill()
                await process.wait()
                tasks.cancel_scope.cancel()
                await process.aclose()


class Systemd:
    """The socket that `NOTIFY_SOCKET` names, and what came on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self.seen: list[str] = []

    async def until(self, *words: str, seconds: float = DEADLINE_SECONDS) -> str:
        """Wait for the next message with all of `words`."""
        with anyio.fail_after(seconds):
            while True:
                await anyio.wait_readable(self._socket)
                message = self._socket.recv(4096).decode()
                self.seen.append(message)
                if all(word in message for word in words):
                    return message

    def close(self) -> None:
        """No more."""
        self._socket.close()
        os.unlink(self.path)
