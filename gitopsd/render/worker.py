"""One process of the render engine, with many requests in flight.

The process has an empty environment and a session of its own, and ends when its input does, so it never outlives the
daemon.
"""

from __future__ import annotations

import itertools
import math
import signal
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import anyio
import orjson
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
from anyio.streams.memory import MemoryObjectReceiveStream

from gitopsd.core.jsonvalue import JsonObject, integer, text
from gitopsd.plugin.spawning import open_process
from gitopsd.render.answer import is_memory_failure, is_stuck
from gitopsd.render.frame import FrameBuffer, FrameError, pack_frame

PROTOCOL: Final = 1
EXIT_MEMORY: Final = 3
_NO_MEMORY: Final = (b"out of memory", b"cannot allocate", b"cannot map pages")  # as Go's runtime says it at its end
_GREETING_SECONDS: Final = 20.0
_FAREWELL_SECONDS: Final = 2.0
_RETIRE_SECONDS: Final = 1.0
_STDERR_BYTES: Final = 8192
_CHUNK: Final = 256 << 10
# Parsing more than this at once would hold up the loop.
_PARSE_IN_THREAD: Final = 512 << 10


class WorkerLost(Exception):  # noqa: N818 (a state of the pool that never leaves this room)
    """The process ended before it answered; the text says why."""


class EngineUnusable(Exception):  # noqa: N818 (a state of the pool that never leaves this room)
    """The process did not start, or speaks another protocol."""


@dataclass(slots=True)
class _Pending:
    """A request without its answer yet."""

    done: anyio.Event = field(default_factory=anyio.Event)
    answer: JsonObject | None = None
    lost: str = ""


class _Frames:
    """The frames that a process writes."""

    def __init__(self, stdout: ByteReceiveStream) -> None:
        self._stdout = stdout
        self._buffer = FrameBuffer()
        self._ready: deque[bytes] = deque()

    async def receive(self) -> bytes:
        """The next frame. Raises `anyio.EndOfStream` at the end, `FrameError` for one that cannot be."""
        while not self._ready:
            try:
                data = await self._stdout.receive(_CHUNK)
            except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                raise anyio.EndOfStream from None
            self._ready.extend(self._buffer.feed(data))
        return self._ready.popleft()


class EngineWorker:
    """Made by `launch`; `serve` must run for as long as requests are to be answered."""

    def __init__(self, process: Process, stdin: ByteSendStream, frames: _Frames, version: str) -> None:
        self.version = version
        self._process = process
        self._stdin = stdin
        self._frames = frames
        self._ids = itertools.count(1)
        self._pending: dict[int, _Pending] = {}
        self._send, self._outgoing = anyio.create_memory_object_stream[bytes](math.inf)
        self._idle = anyio.Event()
        self._retire = anyio.Event()
        self._parsers = anyio.CapacityLimiter(1)
        self._stderr = bytearray()
        self._killed_because = ""
        self.usable = True

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def load(self) -> int:
        """How many requests are in flight."""
        return len(self._pending)

    @property
    def retiring(self) -> bool:
        """Whether it takes no more requests because one of them will never end."""
        return self._retire.is_set()

    def kill(self, reason: str) -> None:
        """End the process at once; what is pending is lost for `reason`."""
        self.usable = False
        self._killed_because = self._killed_because or reason
        if self._process.returncode is None:
            self._process.kill()

    async def request(
        self, method: str, params: JsonObject, deadline: float, supply: JsonObject | None = None
    ) -> JsonObject:
        """The answer's body: `result`, `error` or `needs`. `supply` is what the request carries besides parameters.

        Raises `WorkerLost`, and `FrameError` for a request that is too large.
        """
        if not self.usable:
            raise WorkerLost(self._killed_because or "it was ending")
        number, pending = next(self._ids), _Pending()
        frame: JsonObject = {
            "id": number,
            "method": method,
            "deadline_ms": _milliseconds(deadline),
            "params": params,
            **(supply or {}),
        }
        self._send.send_nowait(pack_frame(frame))
        self._pending[number] = pending
        try:
            await pending.done.wait()
        finally:
            if self._pending.pop(number, None) is not None and self.usable:
                self._cancel(number)
            self._note_idle()
        if pending.answer is None:
            raise WorkerLost(pending.lost)
        return pending.answer

    async def ping(self) -> None:
        """Return when the process has answered. Raises `WorkerLost`."""
        if not self.usable:
            raise WorkerLost(self._killed_because or "it was ending")
        number, pending = next(self._ids), _Pending()
        # No request has this one's own number, so this cancels nothing, and is answered at once all the same.
        self._send.send_nowait(pack_frame({"id": number, "method": "cancel", "params": {"id": number}}))
        self._pending[number] = pending
        try:
            await pending.done.wait()
        finally:
            self._pending.pop(number, None)
            self._note_idle()
        if pending.answer is None:
            raise WorkerLost(pending.lost)

    def _cancel(self, number: int) -> None:
        self._send.send_nowait(pack_frame({"id": next(self._ids), "method": "cancel", "params": {"id": number}}))

    async def serve(self, on_retire: Callable[[], None] = lambda: None) -> str:
        """Move frames until the process ends; why it did.

        Calls `on_retire` when a replacement is needed before that.
        """
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._write, self._outgoing)
                tasks.start_soon(self._keep_stderr)
                tasks.start_soon(self._leave_when_retired, on_retire)
                await self._read()
                self.usable = False
                with anyio.move_on_after(_FAREWELL_SECONDS):
                    await self._process.wait()
                tasks.cancel_scope.cancel()
        finally:
            self.usable = False
            reason = self._reason()
            for pending in self._pending.values():
                pending.lost = reason
                pending.done.set()
            self._pending.clear()
            self._send.close()
            self._outgoing.close()
        return reason

    async def _read(self) -> None:
        try:
            while True:
                body = await self._parsed(await self._frames.receive())
                if is_stuck(body):
                    self._retire.set()
                if is_memory_failure(body):
                    self.usable = False
                    self._killed_because = text(body, "error", "message")
                    continue
                pending = self._pending.pop(integer(body, "id"), None)
                if pending is not None:
                    pending.answer = body
                    pending.done.set()
        except anyio.EndOfStream:
            return
        except (FrameError, orjson.JSONDecodeError) as error:
            self.kill(f"it broke the protocol: {error}")

    async def _parsed(self, raw: bytes) -> JsonObject:
        if len(raw) > _PARSE_IN_THREAD:
            body = await anyio.to_thread.run_sync(orjson.loads, raw, limiter=self._parsers)
        else:
            body = orjson.loads(raw)
        return body if isinstance(body, dict) else {}

    async def _write(self, outgoing: MemoryObjectReceiveStream[bytes]) -> None:
        try:
            async for frame in outgoing:
                await self._stdin.send(_with_waiting(frame, outgoing))
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            self.usable = False

    async def _keep_stderr(self) -> None:
        if self._process.stderr is None:
            return
        try:
            async for data in self._process.stderr:
                self._stderr += data
                del self._stderr[_STDERR_BYTES:]
        except anyio.ClosedResourceError:
            return

    async def _leave_when_retired(self, on_retire: Callable[[], None]) -> None:
        await self._retire.wait()
        self.usable = False
        on_retire()
        self._note_idle()
        with anyio.move_on_after(_RETIRE_SECONDS):
            await self._idle.wait()
        self.kill("a request that never ends was stuck in the same worker")

    def _note_idle(self) -> None:
        if self.retiring and not self._pending:
            self._idle.set()

    def _reason(self) -> str:
        if self._killed_because:
            return self._killed_because
        code = self._process.returncode
        if code is None:
            return "it closed its output"
        if code == EXIT_MEMORY or any(words in self._stderr for words in _NO_MEMORY):
            return "it used more memory than its limit"
        if code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            return f"it was ended by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
        first = self._stderr.decode(errors="replace").strip().partition("\n")[0][:300]
        return f"it ended with exit code {code}" + (f" ({first})" if first else "")


def _with_waiting(first: bytes, outgoing: MemoryObjectReceiveStream[bytes]) -> bytes:
    """`first` and the frames that wait behind it, up to a chunk: a system call costs more than a small frame."""
    frames, size = [first], len(first)
    while size < _CHUNK:
        try:
            frames.append(outgoing.receive_nowait())
        except (anyio.WouldBlock, anyio.EndOfStream):
            break
        size += len(frames[-1])
    return b"".join(frames) if len(frames) > 1 else first


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))


@asynccontextmanager
async def launch(command: Sequence[str]) -> AsyncIterator[EngineWorker]:
    """Start the engine and read its greeting; the process is gone when the block is left.

    Raises `EngineUnusable` if it does not start, does not greet, or speaks another protocol.
    """
    async with AsyncExitStack() as stack:
        # Given up half-way it would be killed and not waited for: asyncio complains of that when the loop ends.
        with anyio.CancelScope(shield=True):
            try:
                process = await open_process(command, env={}, cwd="/")
            except OSError as error:
                raise EngineUnusable(f"{command[0]} cannot be started: {error.strerror}") from error
            stack.push_async_callback(_farewell, process)
        if process.stdin is None or process.stdout is None:
            raise EngineUnusable("its pipes are missing")
        frames = _Frames(process.stdout)
        yield EngineWorker(process, process.stdin, frames, await _greeting(frames))


async def _greeting(frames: _Frames) -> str:
    """The engine's version."""
    try:
        with anyio.fail_after(_GREETING_SECONDS):
            greeting = orjson.loads(await frames.receive())
    except TimeoutError:
        raise EngineUnusable(f"it did not greet within {_GREETING_SECONDS:g} s") from None
    except (FrameError, orjson.JSONDecodeError, anyio.EndOfStream):
        raise EngineUnusable("it does not speak the engine's protocol; is it the right program?") from None
    spoken = integer(greeting, "protocol")
    if spoken != PROTOCOL:
        raise EngineUnusable(
            f"it speaks protocol {spoken}, this gitopsd speaks {PROTOCOL}: install the engine of the same release"
        )
    return text(greeting, "version")


async def _farewell(process: Process) -> None:
    """Close the input, which ends an engine; kill one that stays."""
    with anyio.CancelScope(shield=True):
        if process.stdin is not None:
            await process.stdin.aclose()
        with anyio.move_on_after(_FAREWELL_SECONDS):
            await process.wait()
        if process.returncode is None:
            process.kill()
        await process.aclose()
