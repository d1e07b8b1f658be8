"""The daemon of a soak: one process after another on the same state."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from types import TracebackType
from typing import Any, Final, Self

import anyio
import httpx
from anyio.abc import TaskStatus

from tests.e2e.world import World
from tests.long.process import Process, running

_COMMAND: Final = (sys.executable, "-m", "tests.soak.runner")
_END_SECONDS: Final = 30.0


class Daemons:
    """Enter it with `async with`; `now` is the one that runs. `problems` are bugs that they told of themselves."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tasks = anyio.create_task_group()
        self._left = anyio.Event()
        self._gone = anyio.Event()
        self.problems: list[str] = []
        self.answers: Counter[str] = Counter()
        self.now: Process

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self.now = await self._tasks.start(self._run)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._tasks.cancel_scope.cancel()
        return await self._tasks.__aexit__(kind, error, trace)

    async def kill(self) -> None:
        """End it as `kill -9` does, and start another one."""
        await self._again(signal.SIGKILL)

    async def restart(self) -> None:
        """End it politely, and start another one."""
        begun = bool(self.now.raw)  # Python itself, before gitopsd runs, ends by the signal
        code = await self._again(signal.SIGTERM)
        if code != 0 and begun:
            self.problems.append(f"told to end it exited with {code}")

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        """Ask its API; None where nobody answers. Answers are counted, those that tell of a bug are problems."""
        transport = httpx.AsyncHTTPTransport(uds=str(self.now.socket))
        async with httpx.AsyncClient(transport=transport, base_url="http://local", timeout=30.0) as client:
            try:
                answer = await client.request(method, f"/api/v1{path}", json=body)
            except httpx.HTTPError:
                self.answers["none"] += 1
                return None
        self.answers[str(answer.status_code)] += 1
        if answer.status_code == 500:
            self.problems.append(f"{method} {path}: {answer.text[:300]}")
        return answer.json() if answer.content else {}

    def look_at_log(self) -> None:
        """Note what it told of its own bugs; forget the rest if there is much of it."""
        for line in self.now.lines:
            if "exception" in line or str(line.get("event", "")).startswith("internal error"):
                self.problems.append(str(dict(line))[:2000])
        if self.now.over and self.now.process.returncode not in (None, 0, -signal.SIGKILL, -signal.SIGTERM):
            self.problems.append(f"it ended by itself with {self.now.process.returncode}: {self.now.raw[-5:]}")
        self.now.restart_log()

    async def _run(self, *, task_status: TaskStatus[Process] = anyio.TASK_STATUS_IGNORED) -> None:
        """One process. In a task of its own, so that who asked for it may be anywhere."""
        self._left, self._gone = left, gone = anyio.Event(), anyio.Event()
        async with running(self._world, _COMMAND) as process:
            task_status.started(process)
            await left.wait()
        gone.set()

    async def _again(self, number: signal.Signals) -> int:
        self.now.signal(number)
        code = await self.now.ended(_END_SECONDS)
        self.look_at_log()
        self._left.set()
        await self._gone.wait()
        self.now = await self._tasks.start(self._run)
        return code
