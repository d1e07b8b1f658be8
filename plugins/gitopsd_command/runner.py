"""Runs orders through a keeper, a few at a time, and leaves nothing behind."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread
from anyio.abc import Process

from gitopsd.plugin import RenderError, module_command
from gitopsd_command.keeper.copying import remove
from gitopsd_command.keeper.order import Order, Report, pack_order, read_report
from gitopsd_command.keeper.processes import end_marked

_MODULES: Final = str(Path(__file__).resolve().parent.parent)
# Python itself may need it to start; the commands do not get it.
_INHERITED: Final = ("LD_LIBRARY_PATH",)
_PREFIX: Final = "gitopsd-command-"
# Ending everything and removing the folder come after the order's own seconds.
GRACE_SECONDS: Final = 20.0
_TURN_SECONDS: Final = 5.0
_MOST_WORDS: Final = 4 << 10
_MOST_REPORT: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that came to an end, whatever it was; `output` is what the last step printed."""

    report: Report
    output: bytes = field(repr=False)


class Runner:
    """Shared by all plugins of a daemon. `folder` is where private folders are made, "" the system's temporary one."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._swept = not folder
        self._places = anyio.CapacityLimiter(max(2, os.cpu_count() or 1))
        self._threads = anyio.CapacityLimiter(2)

    def new_folder(self, user: str) -> str:
        """A path that does not exist yet. Another user could not go through gitopsd's own folders."""
        base = tempfile.gettempdir() if user or not self._folder else self._folder
        return os.path.join(base, _PREFIX + secrets.token_hex(8))

    async def run(self, order: Order, waiting: Callable[[float], None]) -> Finished:
        """Run the order when it is its turn; `waiting(seconds)` is called before that many seconds of waiting for it.

        Raises `RenderError` if the keeper itself did not do its work.
        """
        await self._turn(waiting)
        try:
            if not self._swept:
                self._swept = True
                await to_thread.run_sync(_sweep, self._folder, limiter=self._threads)
            return await self._kept(order)
        finally:
            self._places.release()

    async def _turn(self, waiting: Callable[[float], None]) -> None:
        while True:
            waiting(_TURN_SECONDS)
            with anyio.move_on_after(_TURN_SECONDS):
                await self._places.acquire()
                return

    async def _kept(self, order: Order) -> Finished:
        # Given up half-way it would be killed and not waited for: asyncio complains of that when the loop ends.
        with anyio.CancelScope(shield=True):
            process = await _started()
        answer, words = bytearray(), bytearray()
        done = False
        try:
            with anyio.move_on_after(order.seconds + GRACE_SECONDS):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_read, process.stderr, words, _MOST_WORDS)
                    tasks.start_soon(_send, process.stdin, pack_order(order))
                    await _read(process.stdout, answer, order.most_output + _MOST_REPORT)
                    done = await process.wait() == 0
        finally:
            with anyio.CancelScope(shield=True):
                await self._ended(process, order.folder, tidy=done)
        line, _, output = bytes(answer).partition(b"\n")
        try:
            return Finished(read_report(line), output)
        except (ValueError, KeyError, TypeError):
            said = words.decode(errors="replace").strip().rpartition("\n")[2][:300]
            raise RenderError(
                "the process that keeps the plugin's commands ended in the middle",
                why=said or f"exit code {process.returncode}",
                hint="is the machine out of memory? It is tried again",
                retryable=True,
            ) from None

    async def _ended(self, process: Process, folder: str, *, tidy: bool) -> None:
        """Close its input, which ends a keeper and all that it keeps; what it cannot do any more is done here."""
        if process.stdin is not None:
            await process.stdin.aclose()
        with anyio.move_on_after(GRACE_SECONDS):
            await process.wait()
        if process.returncode is None:
            process.kill()
        await process.aclose()
        if not tidy:
            await to_thread.run_sync(_clean, folder, limiter=self._threads)


async def _started() -> Process:
    return await anyio.open_process(
        module_command("gitopsd_command.keeper.run", only_from=_MODULES),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={name: os.environ[name] for name in _INHERITED if name in os.environ},
        cwd="/",
        start_new_session=True,
    )


async def _send(stdin: anyio.abc.ByteSendStream | None, order: bytes) -> None:
    """The input stays open: its end would end the run."""
    if stdin is None:
        return
    try:
        await stdin.send(order)
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        return


async def _read(stream: anyio.abc.ByteReceiveStream | None, into: bytearray, most: int) -> None:
    """Everything until the end; beyond `most` bytes it is thrown away."""
    if stream is None:
        return
    try:
        async for data in stream:
            into += data[: max(0, most - len(into))]
    except (anyio.ClosedResourceError, anyio.BrokenResourceError):
        return


def _clean(folder: str) -> None:
    end_marked(folder)
    remove(folder)


def _sweep(folder: str) -> None:
    """Remove what an earlier daemon's keepers left, which happens only if they were killed themselves."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    for name in os.listdir(folder):
        if name.startswith(_PREFIX):
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
