"""Plain text of files that SOPS encrypted, from the one process that holds their keys (sops/PROTOCOL.md)."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import anyio
import anyio.to_thread
import structlog
from anyio.abc import TaskGroup, TaskStatus

from gitopsd.core.app import AppSpec
from gitopsd.core.errors import RenderError
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, text
from gitopsd.ports.sops import SopsAccess, SopsKey
from gitopsd.render.frame import FrameError
from gitopsd.render.supplies import NoKeyError
from gitopsd.render.worker import EngineUnusable, EngineWorker, WorkerLost, launch

NAME: Final = "gitopsd-sops"
VARIABLE: Final = "GITOPSD_SOPS"
MEMORY_LIMIT: Final = 512 << 20
DEADLINE_SECONDS: Final = 30.0
_KEYS_SECONDS: Final = 20.0
_GRACE_SECONDS: Final = 2.0
_AT_ONCE: Final = 8
# Turning more than this into base64 or back would hold up the loop.
_IN_THREAD: Final = 256 << 10

_log = structlog.get_logger("gitopsd.render")


def locate_sops(environ: Mapping[str, str]) -> str | None:
    """The program that the environment names, else the one that came with gitopsd; None where there is none."""
    path = environ.get(VARIABLE) or str(Path(__file__).resolve().parent.parent / "bin" / NAME)
    return os.path.abspath(path) if os.path.isfile(path) and os.access(path, os.X_OK) else None


class Sops:
    """Decrypts with the keys of `access`. Its process starts with the first encrypted file; `async with` ends it.

    `command` is the program, None where it is missing. A file that was in work when the process died is tried once
    more, alone in a process of its own.
    """

    def __init__(
        self,
        command: Sequence[str] | None,
        access: SopsAccess,
        *,
        memory_limit: int = MEMORY_LIMIT,
        deadline: float = DEADLINE_SECONDS,
        grace: float = _GRACE_SECONDS,
    ) -> None:
        self._command = None if command is None else (*command, "--memory-limit", str(memory_limit))
        self._access = access
        self._deadline = deadline
        self._grace = grace
        self._generation = 0
        self._worker: EngineWorker | None = None
        self._starting = anyio.Lock()
        self._alone = anyio.Lock()
        self._requests = anyio.CapacityLimiter(_AT_ONCE)
        self._threads = anyio.CapacityLimiter(1)
        self._tasks: TaskGroup | None = None

    async def __aenter__(self) -> Self:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks, self._tasks = self._tasks, None
        if tasks is not None:
            tasks.cancel_scope.cancel()
            # Without the error of the block: the group would wrap it into one of its own.
            await tasks.__aexit__(None, None, None)

    @property
    def generation(self) -> int:
        """Another number whenever the keys became others."""
        return self._generation

    @property
    def pid(self) -> int | None:
        """The process id; None while there is no process."""
        return None if self._worker is None else self._worker.pid

    def reconfigure(self, access: SopsAccess) -> None:
        """Use these keys from now on. The process with the old ones ends; what it worked on is asked again."""
        if access == self._access:
            return
        self._access = access
        self._generation += 1
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill("its keys were replaced")

    async def decrypt(self, spec: AppSpec, cipher: bytes, path: str, syntax: str) -> bytes:
        """The plain text of the file `path`, whose bytes are `cipher`, with the keys that the application's project
        may use. See `supplies.Decrypt`.

        Raises `NoKeyError` where none of them opens it, with its recipients; `RenderError` for all else. Neither ever
        holds a key or anything that was decrypted.
        """
        params: JsonObject = {"path": path, "format": syntax, "content_base64": await self._encoded(cipher)}
        async with self._requests:
            worker = await self._ready()
            try:
                body = await self._ask(worker, {**params, **_may_use(self._access, spec)}, path)
            except WorkerLost:
                body = await self._ask_alone(spec, params, path)
        return await self._decoded(body, path)

    async def _ready(self) -> EngineWorker:
        """The process with the present keys; starts it where there is none."""
        async with self._starting:
            while self._worker is None or not self._worker.usable:
                if self._tasks is None:
                    raise _no_process("gitopsd is ending")
                access = self._access
                started: EngineWorker | str = await self._tasks.start(self._live, access)
                if isinstance(started, str):
                    raise _no_process(started)
                if access is self._access:
                    self._worker = started
                else:
                    started.kill("its keys were replaced")
            return self._worker

    async def _live(self, access: SopsAccess, *, task_status: TaskStatus[EngineWorker | str]) -> None:
        """One process's life. Tells the worker once it has its keys, or why there is none."""
        running: EngineWorker | None = None
        reason = ""
        try:
            async with launch(self._program()) as worker, anyio.create_task_group() as tasks:
                served = _Served(worker)
                tasks.start_soon(served.run)
                reason = await _bring_keys(worker, access)
                if not reason:
                    running = worker
                    task_status.started(worker)
                    reason = await served.ended()
                tasks.cancel_scope.cancel()
        except EngineUnusable as unusable:
            reason = str(unusable)
        if running is None:
            task_status.started(reason or "it ended at once")
        elif self._worker is running:
            self._worker = None
            _log.warning("SOPS process ended", reason=reason)

    def _program(self) -> Sequence[str]:
        if self._command is None:
            raise EngineUnusable(f"{NAME} is not installed")
        return self._command

    async def _ask(self, worker: EngineWorker, params: JsonObject, path: str) -> JsonObject:
        try:
            with anyio.move_on_after(self._deadline + self._grace):
                return await worker.request("decrypt", params, self._deadline)
        except FrameError:
            raise RenderError(f"{path} is too large to be decrypted") from None
        worker.kill("it did not answer")
        raise RenderError(
            f"decrypting {path} was not ready after {self._deadline:g} s",
            hint="where a key service is asked, see whether it answers",
            retryable=True,
        )

    async def _ask_alone(self, spec: AppSpec, params: JsonObject, path: str) -> JsonObject:
        """Ask a process that does nothing else; whatever it dies of is this file's doing."""
        async with self._alone:
            access = self._access
            try:
                async with launch(self._program()) as worker:
                    answer = await self._asked_once(worker, access, {**params, **_may_use(access, spec)}, path)
            except EngineUnusable as unusable:
                raise _no_process(str(unusable)) from None
        if isinstance(answer, RenderError):
            raise answer
        return answer

    async def _asked_once(
        self, worker: EngineWorker, access: SopsAccess, params: JsonObject, path: str
    ) -> JsonObject | RenderError:
        """Errors are returned, because the task group would wrap them."""
        answer: JsonObject | RenderError
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(worker.serve)
            try:
                refused = await _bring_keys(worker, access)
                answer = _no_process(refused) if refused else await self._ask(worker, params, path)
            except RenderError as error:
                answer = error
            except WorkerLost as lost:
                answer = RenderError(
                    f"the SOPS process died of {path}, twice", why=str(lost), hint="look for very large values in it"
                )
            tasks.cancel_scope.cancel()
        return answer

    async def _encoded(self, content: bytes) -> str:
        if len(content) > _IN_THREAD:
            return await anyio.to_thread.run_sync(_base64, content, limiter=self._threads)
        return _base64(content)

    async def _decoded(self, body: JsonObject, path: str) -> bytes:
        error = body.get("error")
        if isinstance(error, Mapping):
            raise _failure(error)
        content = text(mapping(body, "result"), "content_base64")
        try:
            if len(content) > _IN_THREAD:
                return await anyio.to_thread.run_sync(binascii.a2b_base64, content, limiter=self._threads)
            return binascii.a2b_base64(content)
        except binascii.Error:
            raise RenderError(f"the SOPS process gave no answer for {path}") from None


class _Served:
    """A worker that is being served, and why that ended."""

    def __init__(self, worker: EngineWorker) -> None:
        self._worker = worker
        self._done = anyio.Event()
        self._reason = ""

    async def run(self) -> None:
        self._reason = await self._worker.serve()
        self._done.set()

    async def ended(self) -> str:
        await self._done.wait()
        return self._reason


async def _bring_keys(worker: EngineWorker, access: SopsAccess) -> str:
    """Give the process its keys; why it does not take them, or ""."""
    try:
        with anyio.move_on_after(_KEYS_SECONDS):
            body = await worker.request("keys", _keys(access), _KEYS_SECONDS)
            return text(body, "error", "message")
    except WorkerLost as lost:
        return str(lost)
    worker.kill("it did not take its keys")
    return "it did not take its keys in time"


def _keys(access: SopsAccess) -> JsonObject:
    keys: dict[str, JsonValue] = {
        "age": [key.secret.reveal() for key in access.age],
        "pgp": [key.secret.reveal() for key in access.pgp],
    }
    if access.services is not None:
        environment: JsonObject = {name: each.reveal() for name, each in access.services.environment.items()}
        keys["kms"] = {"keys": list(access.services.keys), "environment": environment}
    return keys


def _may_use(access: SopsAccess, spec: AppSpec) -> JsonObject:
    """The numbers of the keys that the application's project may use."""

    def numbers(keys: Sequence[SopsKey]) -> JsonValue:
        return [number for number, key in enumerate(keys) if _allowed(key.projects, spec.project)]

    services = access.services is not None and _allowed(access.services.projects, spec.project)
    return {"age": numbers(access.age), "pgp": numbers(access.pgp), "kms": services}


def _allowed(projects: Sequence[str], project: str) -> bool:
    return not projects or any(fnmatchcase(project, glob) for glob in projects)


def _failure(error: JsonObject) -> RenderError:
    code, message, hint = text(error, "code"), text(error, "message"), text(error, "hint")
    if code == "no_key":
        return NoKeyError(message, hint=hint)
    return RenderError(message, hint=hint, retryable=code in ("deadline", "memory", "internal"))


def _no_process(why: str) -> RenderError:
    return RenderError(
        f"{NAME} is not there to decrypt what SOPS encrypted",
        why=why,
        hint="see the log of gitopsd; `make setup` builds it",
        retryable=True,
    )


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
