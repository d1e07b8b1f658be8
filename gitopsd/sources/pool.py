"""The pool of git workers: one kept warm, more side by side while there is work, each killed at its deadline."""

from __future__ import annotations

import math
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.abc
import orjson
from anyio import to_thread

from gitopsd.core.jsonvalue import JsonObject, JsonValue, boolean, text
from gitopsd.plugin.process import module_command
from gitopsd.plugin.spawning import open_process
from gitopsd.sources.limits import GitLimits
from gitopsd.sources.names import safe_join
from gitopsd.sources.wire import HEADER, MAX_FRAME, Failure, FailureKind, encode, failure_in

# Larger frames are packed and parsed in a thread: 1 MB of JSON takes a few milliseconds.
_LARGE = 256 * 1024
# All that a worker inherits; credentials in the daemon's environment are not its business (S9).
_INHERITED = ("LD_LIBRARY_PATH", "SSL_CERT_DIR", "SSL_CERT_FILE")


def default_worker_command() -> tuple[str, ...]:
    """This Python, isolated from its environment and working folder."""
    return module_command("gitopsd.sources.worker.__main__")


@dataclass(slots=True, eq=False)
class Worker:
    """One process, one request at a time. `trust` is the CA bundle that it was started with ("" for the system's)."""

    process: anyio.abc.Process
    home: Path
    trust: str
    idle_since: float = 0.0

    @property
    def pid(self) -> int:
        """The process' id."""
        return self.process.pid

    async def call(self, request: Mapping[str, JsonValue], seconds: float) -> JsonObject:
        """Send a request and return its answer, or raise `Failure`. A worker that did not answer is dead."""
        answered = False
        try:
            with anyio.fail_after(seconds):
                answer = await self._exchange({**request, "seconds": math.ceil(seconds)})
            answered = True
        except TimeoutError:
            raise Failure(FailureKind.DEADLINE, f"no answer within {seconds:g} s") from None
        except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            raise Failure(FailureKind.DIED, "the git worker ended in the middle of the request") from None
        finally:
            if not answered:
                self.kill()
        if failure := failure_in(answer):
            raise failure
        return answer

    async def _exchange(self, request: Mapping[str, JsonValue]) -> JsonObject:
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise anyio.BrokenResourceError
        await stdin.send(encode(request))
        return await _answer(stdout)

    def kill(self) -> None:
        """End the process and whatever it started, at once."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # it ended by itself


async def _answer(stream: anyio.abc.ByteReceiveStream) -> JsonObject:
    """Read one frame, however it was cut in pieces."""
    received = bytearray()
    wanted = HEADER.size
    sized = False
    while len(received) < wanted:
        received += await stream.receive()
        if not sized and len(received) >= HEADER.size:
            (size,) = HEADER.unpack_from(received)
            if size > MAX_FRAME:
                raise anyio.BrokenResourceError
            wanted, sized = HEADER.size + size, True
    body = memoryview(received)[HEADER.size :]
    try:
        answer = await to_thread.run_sync(orjson.loads, body) if len(body) > _LARGE else orjson.loads(body)
    except ValueError:
        raise anyio.BrokenResourceError from None
    if not isinstance(answer, dict):
        raise anyio.BrokenResourceError
    return answer


class WorkerPool(anyio.AsyncContextManagerMixin):
    """Lends workers. `folder` holds their homes, each with mode 0700 and gone with its worker."""

    def __init__(self, folder: Path, limits: GitLimits, command: Sequence[str]) -> None:
        self._folder = folder
        self._limits = limits
        self._command = tuple(command)
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._extra = anyio.Event()
        self._warmed = anyio.Event()

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncIterator[WorkerPool]:
        self._places = anyio.CapacityLimiter(self._limits.workers)
        # One place stays free for what needs no network, so that hanging servers cannot stop what is already here.
        self._network = anyio.CapacityLimiter(max(1, self._limits.workers - 1))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._warm)
            tasks.start_soon(self._end_idle_ones)
            try:
                yield self
            finally:
                tasks.cancel_scope.cancel()
                for worker in (*self._idle, *self._busy):
                    await self._end(worker)
                self._idle.clear()

    def workers(self) -> Sequence[int]:
        """The process ids of all workers, busy or not."""
        return [worker.pid for worker in (*self._busy, *self._idle)]

    async def local(self, request: Mapping[str, JsonValue]) -> JsonObject:
        """Have a request answered that needs no network; raises `Failure`."""
        async with self._places:
            return await self._with_worker(request, self._limits.local_seconds, "", _nothing)

    async def remote(
        self, request: Mapping[str, JsonValue], seconds: float, *, trust: str, begin: Callable[[], None]
    ) -> JsonObject:
        """Have a request answered by a worker whose CA bundle is `trust`; raises `Failure`.

        `begin` is called when a worker is there and the request goes out; waiting before that does not count towards
        `seconds`.
        """
        async with self._network, self._places:
            return await self._with_worker(request, seconds, trust, begin)

    async def _with_worker(
        self, request: Mapping[str, JsonValue], seconds: float, trust: str, begin: Callable[[], None]
    ) -> JsonObject:
        await self._bury()
        if not self._idle and not trust:
            await self._warmed.wait()
        worker = self._taken(trust) or await self._started(trust)
        self._busy.add(worker)
        alive = False
        try:
            begin()
            answer = await worker.call(request, seconds)
            alive = True
            return answer
        except Failure as failure:
            alive = failure.kind not in {FailureKind.DEADLINE, FailureKind.DIED}
            raise
        finally:
            self._busy.discard(worker)
            if alive:
                worker.idle_since = anyio.current_time()
                self._idle.append(worker)
                self._extra.set()
            else:
                await self._end(worker)

    def _taken(self, trust: str) -> Worker | None:
        """The idle worker that worked last: the warmest, and the others can end."""
        for index in range(len(self._idle) - 1, -1, -1):
            if self._idle[index].trust == trust:
                return self._idle.pop(index)
        return None

    async def _bury(self) -> None:
        """Forget workers that died while idle (an OOM kill): nobody's request needs to fail for them."""
        for worker in [worker for worker in self._idle if worker.process.returncode is not None]:
            self._idle.remove(worker)
            await self._end(worker)

    async def _started(self, trust: str) -> Worker:
        while self._idle and len(self._idle) + len(self._busy) >= self._limits.workers:
            await self._end(self._idle.pop(0))
        worker = await self._process(trust)
        self._busy.add(worker)
        ready = False
        try:
            hello: dict[str, JsonValue] = {
                "memory_bytes": self._limits.memory_bytes,
                "file_bytes": max(self._limits.pack_bytes, self._limits.snapshot_bytes),
            }
            answer = await worker.call(hello, self._limits.start_seconds)
            ready = boolean(answer, "ready")
        except Failure as failure:
            words = await self._last_words(worker)
            if trust and "certificates" in words:
                raise Failure(FailureKind.TLS, "what is to be trusted (`ca`) holds no certificates") from None
            raise Failure(failure.kind, f"the git worker did not start: {words}") from None
        finally:
            if not ready:
                await self._end(worker)
        if not ready:
            raise Failure(FailureKind.DIED, f"the git worker did not start: {text(answer, 'why')}")
        return worker

    async def _process(self, trust: str) -> Worker:
        home = Path(await to_thread.run_sync(self._home, trust))
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        if trust:
            environment.update(SSL_CERT_FILE=safe_join(str(home), "ca.pem"), SSL_CERT_DIR=safe_join(str(home), "none"))
        environment.update(HOME=str(home), LC_ALL="C.UTF-8", GITOPSD_GIT_TIMEOUT=f"{self._limits.lookup_seconds:g}")
        try:
            async with await anyio.open_file(safe_join(str(home), "stderr"), "wb") as complaints:
                process = await open_process(self._command, stderr=complaints.wrapped, env=environment, cwd=str(home))
        except OSError as error:
            await to_thread.run_sync(_removed, home)
            raise Failure(FailureKind.DIED, f"the git worker did not start: {os.strerror(error.errno or 0)}") from None
        return Worker(process, home, trust)

    def _home(self, trust: str) -> str:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        home = tempfile.mkdtemp(prefix="worker-", dir=self._folder)
        if trust:
            Path(safe_join(home, "ca.pem")).write_text(trust, encoding="utf-8")
            Path(safe_join(home, "none")).mkdir()
        return home

    async def _last_words(self, worker: Worker) -> str:
        lines = (await anyio.Path(safe_join(str(worker.home), "stderr")).read_text("utf-8", "replace")).splitlines()
        last = lines[-1] if lines else ""
        return "".join(letter for letter in last if letter.isprintable())[:300] or "it said nothing"

    async def _end(self, worker: Worker) -> None:
        with anyio.CancelScope(shield=True):
            self._busy.discard(worker)
            worker.kill()
            await worker.process.aclose()
            await to_thread.run_sync(_removed, worker.home)

    async def _warm(self) -> None:
        """Start the first worker before anybody asks. Its failure waits for the first request, which tries again."""
        try:
            worker = await self._started("")
            self._busy.discard(worker)
            worker.idle_since = anyio.current_time()
            self._idle.append(worker)
        except Failure:
            return
        finally:
            self._warmed.set()

    async def _end_idle_ones(self) -> None:
        while True:
            await self._extra.wait()
            self._extra = anyio.Event()
            while len(self._idle) > 1:
                wait = self._idle[0].idle_since + self._limits.idle_seconds - anyio.current_time()
                if wait > 0:
                    await anyio.sleep(wait)
                    continue
                await self._end(self._idle.pop(0))


def _nothing() -> None:
    """Nobody wants to know when a local request begins."""


def _removed(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
