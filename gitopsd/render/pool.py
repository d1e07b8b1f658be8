"""The pool of warm render workers (design decision 1).

A request that was in flight when its worker died is tried once more, alone in a worker of its own: so an innocent one
is answered, and the guilty one is known for sure.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import anyio
import structlog
from anyio.abc import TaskGroup

from gitopsd.core.errors import RenderError
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.plugin.engine import EngineAnswer
from gitopsd.plugin.supply import NOTHING, Given, Need, Supply
from gitopsd.render.answer import read_answer, read_result
from gitopsd.render.frame import FrameError
from gitopsd.render.needs import read_needs, supply_frame
from gitopsd.render.poison import Poison
from gitopsd.render.worker import EngineUnusable, EngineWorker, WorkerLost, launch

MEMORY_LIMIT: Final = 1 << 30
_LONGEST_BACKOFF: Final = 5.0
_LONG_LIFE: Final = 10.0
_ROUNDS: Final = 50

_log = structlog.get_logger("gitopsd.render")


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked; `name` is what poison knows it by."""

    method: str
    params: JsonObject
    deadline: float
    name: bytes
    supply: JsonObject


class EnginePool:
    """`plugin.Engine` over `workers` processes that are started in the background and restarted when they end.

    `command` is the engine and its first arguments. `memory_limit` is in bytes of one worker's heap. `in_flight` bounds
    the requests at one worker; the rest waits before its deadline begins. `grace` seconds after a deadline a silent
    worker is killed. `on_restart` hears why a worker ended, `on_wait` how long a request waited for its place, for
    metrics.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        workers: int = 1,
        memory_limit: int = MEMORY_LIMIT,
        in_flight: int = 0,
        grace: float = 2.0,
        on_restart: Callable[[str], None] = lambda _reason: None,
        on_wait: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._command = (*command, "--memory-limit", str(memory_limit))
        self._count = workers
        self._grace = grace
        self._on_restart = on_restart
        self._on_wait = on_wait
        self._poison = Poison()
        self._ready: list[EngineWorker] = []
        self._changed = anyio.Event()
        self._unusable = ""
        self._requests = anyio.CapacityLimiter(workers * (in_flight or 2 * max(2, os.cpu_count() or 2)))
        self._alone = anyio.Lock()
        self._tasks: TaskGroup | None = None
        self._heard_at: float | None = None

    async def __aenter__(self) -> Self:
        self._tasks = anyio.create_task_group()
        self._heard_at = anyio.current_time()
        await self._tasks.__aenter__()
        for _ in range(self._count):
            self._tasks.start_soon(self._keep)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks, self._tasks = self._tasks, None
        if tasks is not None:
            tasks.cancel_scope.cancel()
            # Without the error of the block: the group would wrap it into one of its own.
            await tasks.__aexit__(None, None, None)

    def pids(self) -> tuple[int, ...]:
        """The process ids of the workers that take requests now."""
        return tuple(worker.pid for worker in self._ready if worker.usable)

    async def silence(self, patience: float) -> float:
        """For how many seconds no worker has answered, each asked now and given `patience` seconds.

        0.0 where none can be started: to begin anew would not cure that, and `call` says it.
        """
        now = anyio.current_time()
        with anyio.move_on_after(patience):
            async with anyio.create_task_group() as tasks:
                for worker in [worker for worker in self._ready if worker.usable]:
                    tasks.start_soon(self._hear, worker, tasks.cancel_scope)
        if self._unusable or self._heard_at is None:
            self._heard_at = now
        return 0.0 if self._heard_at >= now else anyio.current_time() - self._heard_at

    async def _hear(self, worker: EngineWorker, enough: anyio.CancelScope) -> None:
        try:
            await worker.ping()
        except WorkerLost:
            return
        self._heard_at = anyio.current_time()
        enough.cancel()

    async def call(self, method: str, params: JsonObject, *, deadline: float, supply: Supply = NOTHING) -> EngineAnswer:
        """See `plugin.Engine.call`."""
        given: dict[Need, Given] = {}
        name = Poison.name(method, params)
        for _ in range(_ROUNDS):
            request = _Request(method, params, deadline, name, supply_frame(supply.roots, given))
            body = await self._answered(request)
            needs = [need for need in read_needs(body) if need not in given]
            if not needs:
                return read_answer(body)
            for need in needs:
                given[need] = await supply.get(need)
        raise RenderError(
            f"rendering needed something more from elsewhere {_ROUNDS} times in a row",
            hint="look for charts or bases that lead to each other",
        )

    async def ask(self, method: str, params: JsonObject, *, deadline: float) -> JsonObject:
        """The result of a method that gives no manifests, as it stands in the answer (engine/PROTOCOL.md, the role
        `rules`); `deadline` in seconds.

        Raises `RenderError` as `call` does: for an error in the answer, for a worker that hangs, and for a request that
        ended two workers.
        """
        request = _Request(method, params, deadline, Poison.name(method, params), {})
        return read_result(await self._answered(request))

    async def _answered(self, request: _Request) -> JsonObject:
        self._poison.check(request.name)
        asked = anyio.current_time()
        async with self._requests:
            self._on_wait(anyio.current_time() - asked)
            worker = await self._worker(request.deadline)
            try:
                body = await self._ask(worker, request)
            except WorkerLost as lost:
                self._poison.add(request.name, str(lost))
                body = await self._ask_alone(request)
        self._poison.clear(request.name)
        return body

    async def _ask(self, worker: EngineWorker, request: _Request) -> JsonObject:
        try:
            with anyio.move_on_after(request.deadline + self._grace):
                return await worker.request(request.method, request.params, request.deadline, request.supply)
        except FrameError as error:
            raise RenderError("the source's options are too large", why=str(error)) from None
        worker.kill("another request kept it from answering")
        self._poison.add(request.name, "it did not answer")
        raise RenderError(
            f"rendering was not ready after {request.deadline:g} s, and its worker had to be ended",
            hint="look for an endless loop in the source, or allow more time",
            retryable=True,
        )

    async def _ask_alone(self, request: _Request) -> JsonObject:
        """Ask a worker that does nothing else; whatever it dies of is this request's doing."""
        async with self._alone:
            try:
                async with launch(self._command) as worker:
                    answer = await self._served(worker, request)
            except EngineUnusable as unusable:
                raise _no_engine(str(unusable)) from None
        if isinstance(answer, RenderError):
            raise answer
        return answer

    async def _served(self, worker: EngineWorker, request: _Request) -> JsonObject | RenderError:
        """Errors are returned, because the task group would wrap them."""
        answer: JsonObject | RenderError
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(worker.serve)
            try:
                answer = await self._ask(worker, request)
            except RenderError as error:
                answer = error
            except WorkerLost as lost:
                self._poison.add(request.name, str(lost))
                answer = RenderError(
                    "the render worker died of this source, twice",
                    why=str(lost),
                    hint="look for endless recursion or very large values in the source",
                )
            tasks.cancel_scope.cancel()
        return answer

    async def _worker(self, deadline: float) -> EngineWorker:
        """The worker with the least to do; waits for one to be ready."""
        with anyio.move_on_after(deadline):
            while True:
                usable = [worker for worker in self._ready if worker.usable]
                if usable:
                    return min(usable, key=lambda worker: worker.load)
                if self._tasks is None or self._unusable:
                    raise _no_engine(self._unusable or "gitopsd is ending")
                await self._changed.wait()
        raise _no_engine("no worker became ready in time")

    def _announce(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def _keep(self) -> None:
        """Keep one worker running until it retires: then another `_keep` has taken its place already."""
        backoff, logged = 0.0, ""
        while True:
            began = anyio.current_time()
            reason, retired = await self._run()
            if retired:
                return
            lived = anyio.current_time() - began
            backoff = 0.0 if lived > _LONG_LIFE else min(_LONGEST_BACKOFF, backoff * 2 or 0.05)
            if reason != logged or backoff < _LONGEST_BACKOFF:
                _log.warning("render worker ended", reason=reason, restart_in_seconds=backoff)
            logged = reason
            self._on_restart(reason)
            await anyio.sleep(backoff)

    async def _run(self) -> tuple[str, bool]:
        """One worker's life: why it ended, and whether it was replaced before."""
        try:
            async with launch(self._command) as worker:
                self._ready.append(worker)
                self._unusable = ""
                self._announce()
                try:
                    return await worker.serve(self._replace), worker.retiring
                finally:
                    self._ready.remove(worker)
        except EngineUnusable as unusable:
            self._unusable = str(unusable)
            self._announce()
            return str(unusable), False

    def _replace(self) -> None:
        if self._tasks is not None:
            self._on_restart("a request was stuck")
            self._tasks.start_soon(self._keep)


def _no_engine(why: str) -> RenderError:
    return RenderError(
        "the render engine is not there to render this source",
        why=why,
        hint="see the log of gitopsd; `gitopsd version` shows the engine that it uses",
        retryable=True,
    )
