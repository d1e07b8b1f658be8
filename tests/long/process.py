"""A daemon in a process of its own, as the long runs start it again and again."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
import httpx

from tests.cluster_fixture import ROOT
from tests.e2e.child import Child
from tests.e2e.world import World

DEADLINE_SECONDS: Final = 90.0
GITOPSD: Final = (sys.executable, "-m", "gitopsd.cli", "run")


class Process(Child):
    """`tests.e2e.child.Child` that is asked through its API whether it is where it should be."""

    def kill(self) -> None:
        """As `kill -9`."""
        if self.process.returncode is None:
            self.process.kill()

    async def ask(self, name: str) -> dict[str, Any] | None:
        """What the API tells of an application; None where it cannot be asked (any more)."""
        try:
            answer = await self.get(f"/api/v1/applications/{self.world.full(name)}")
        except httpx.HTTPError:
            return None
        if answer.status_code != 200:
            return None
        told: dict[str, Any] = answer.json()
        return told

    async def poke(self, name: str, wait: float = 0) -> None:
        """Have an application reconciled, and `wait` so many seconds at most for that, if the process still lives."""
        with contextlib.suppress(httpx.HTTPError):
            transport = httpx.AsyncHTTPTransport(uds=str(self.socket))
            async with httpx.AsyncClient(transport=transport, base_url="http://local", timeout=wait + 20) as client:
                path = f"/api/v1/applications/{self.world.full(name)}/refresh"
                await client.post(path, params={"wait": str(wait)} if wait else {}, json={})

    async def until_told(
        self, name: str, wanted: Callable[[dict[str, Any]], object], seconds: float = DEADLINE_SECONDS
    ) -> bool:
        """Wait until the API tells of the application what is wanted, asked after each line of the log. Whether it did:
        the process may end before. Raises `AssertionError` after `seconds`.
        """
        told: dict[str, Any] | None = None
        with anyio.move_on_after(seconds):
            while not self.over:
                count = len(self.raw)
                told = await self.ask(name)
                if told is not None and wanted(told):
                    return True
                if len(self.raw) == count and not self.over:
                    self._news = anyio.Event()
                    with anyio.move_on_after(1.0):  # what the log does not tell
                        await self._news.wait()
            return False
        raise AssertionError(f"{_short(told)}\nthe end of the log:\n" + "\n".join(self.raw[-40:]))


def _short(told: Mapping[str, Any] | None) -> str:
    if told is None:
        return "its API told nothing"
    operation = told["operation"] or {}
    parts = {"sync": told["summary"]["sync"], "health": told["summary"]["health"], "decision": told["decision"]}
    parts |= {key: operation.get(key) for key in ("phase", "message", "stage", "stages", "failing")}
    parts["hooks"] = {item["name"]: item["outcome"] for item in operation.get("hooks", ())}
    return str(parts)


def failure(error: BaseException) -> str:
    """The first of the errors that task groups wrapped, in its own words."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__


@asynccontextmanager
async def running(
    world: World, command: Sequence[str] = GITOPSD, before: Callable[[Process], None] | None = None
) -> AsyncIterator[Process]:
    """`command --config …` on the world's configuration; killed at the end if it still runs. `before` is called as soon
    as there is a process.
    """
    world.write()
    async with anyio.create_task_group() as tasks:
        process = await anyio.open_process(
            [*command, "--config", str(world.path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=dict(world.environ),
            cwd=ROOT,
            start_new_session=True,
        )
        child = Process(world, process)
        if before is not None:
            before(child)
        tasks.start_soon(child.read)
        try:
            yield child
        finally:
            with anyio.CancelScope(shield=True):
                child.kill()
                await process.wait()
                tasks.cancel_scope.cancel()
                await process.aclose()
