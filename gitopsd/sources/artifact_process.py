"""One process of the engine's `fetch` role for each request: its own address space, deadline and end (decision 12)."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence

import anyio
import anyio.abc
import orjson

from gitopsd.core.jsonvalue import JsonObject, JsonValue
from gitopsd.plugin.spawning import open_process
from gitopsd.sources.wire import HEADER, Failure, FailureKind, encode, failure_in

# All that a fetch inherits: proxies and credentials come with the request, in no environment and no argument (S9).
_INHERITED = ("SSL_CERT_DIR", "SSL_CERT_FILE")
_GRACE_SECONDS = 5.0
_LARGEST_ANSWER = 64 * 1024 * 1024


class FetchProcesses:
    """Runs fetches, at most `most` side by side. `command` starts one; None where gitopsd runs without its engine."""

    def __init__(self, command: Sequence[str] | None, *, most: int, memory_bytes: int) -> None:
        self._command = (*command, f"--memory-limit={memory_bytes}") if command else None
        self._most = most
        self._places: anyio.CapacityLimiter | None = None
        self._running: set[int] = set()

    def running(self) -> Sequence[int]:
        """The process ids of all fetches."""
        return tuple(self._running)

    async def ask(self, begin: Callable[[], Mapping[str, JsonValue]], seconds: float) -> JsonObject:
        """The answer to the request that `begin` gives when there is a place for it, which then has `seconds`.

        Raises `Failure`.
        """
        if self._command is None:
            raise Failure(FailureKind.NO_ENGINE, "charts, artifacts and files are fetched by gitopsd's engine")
        if self._places is None:
            self._places = anyio.CapacityLimiter(self._most)
        async with self._places:
            return await self._ask(self._command, begin(), seconds)

    async def _ask(self, command: Sequence[str], request: Mapping[str, JsonValue], seconds: float) -> JsonObject:
        try:
            with anyio.fail_after(seconds + _GRACE_SECONDS):
                body = await self._exchange(command, encode(request))
        except TimeoutError:
            raise Failure(FailureKind.DEADLINE, f"no answer within {seconds:g} s") from None
        try:
            answer = orjson.loads(body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise Failure(FailureKind.DIED, "the fetch process gave an answer that cannot be read")
        if failure := failure_in(answer):
            raise failure
        return answer

    async def _exchange(self, command: Sequence[str], frame: bytes) -> bytes:
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        try:
            process = await open_process(command, stderr=subprocess.DEVNULL, env=environment, cwd="/")
        except OSError as error:
            raise Failure(FailureKind.DIED, f"the fetch did not start: {os.strerror(error.errno or 0)}") from None
        self._running.add(process.pid)
        try:
            return await _answer(process, frame)
        finally:
            with anyio.CancelScope(shield=True):
                _kill(process)
                await process.aclose()
            self._running.discard(process.pid)


async def _answer(process: anyio.abc.Process, frame: bytes) -> bytes:
    """Send a frame and read one, however it was cut in pieces."""
    received = bytearray()
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        raise Failure(FailureKind.DIED, "the fetch process has no pipes")
    try:
        await stdin.send(frame)
        await stdin.aclose()
        async for piece in stdout:
            received += piece
            if len(received) > _LARGEST_ANSWER:
                break
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        received.clear()
    if len(received) < HEADER.size or HEADER.unpack_from(received)[0] != len(received) - HEADER.size:
        with anyio.move_on_after(_GRACE_SECONDS):
            await process.wait()
        raise Failure(FailureKind.DIED, f"the fetch process ended without an answer ({_ending(process.returncode)})")
    return bytes(received[HEADER.size :])


def _ending(code: int | None) -> str:
    if code is None:
        return "it was stopped"
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}; perhaps its memory limit"


def _kill(process: anyio.abc.Process) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it ended by itself
