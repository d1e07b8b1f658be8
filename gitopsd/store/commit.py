"""Calls that come together share one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import anyio
from anyio import AsyncContextManagerMixin
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from gitopsd.core.errors import StoreError
from gitopsd.store.failure import as_store_error
from gitopsd.store.file import StateFile

_MOST_AT_ONCE: Final = 32
_Answer = TypeVar("_Answer")


@dataclass(slots=True)
class _Call(Generic[_Answer]):
    """Work that somebody waits for, and what came of it."""

    work: Callable[[sqlite3.Connection], _Answer]
    done: anyio.Event = field(default_factory=anyio.Event)
    answers: list[_Answer] = field(default_factory=list)
    error: Exception | None = None


class GroupCommit(AsyncContextManagerMixin):
    """Does work on `file` in the order in which it was asked for; `async with` runs it.

    What comes while a transaction runs waits, and shares the next one. If a transaction fails, each of its parts is
    tried alone, so that nobody gets another's error. Work that was asked for is done even if who asked is cancelled,
    and before the file is left.
    """

    def __init__(self, file: StateFile) -> None:
        self._file = file
        self._waiting: list[_Call[Any]] = []  # each call's answer is of a type of its own
        self._news = anyio.Event()
        self._open = False

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[GroupCommit]:
        self._open = True
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._run)
            try:
                yield self
            finally:
                self._open = False
                self._news.set()

    async def do(self, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """What `work` answers, which runs in a thread. Committed when this returns; what it raises is raised, and then
        nothing of it was done. Raises `StoreError` where the file does not let it.
        """
        if not self._open:
            raise StoreError("the state is not open", where=str(self._file.path))
        call = _Call(work)
        self._waiting.append(call)
        self._news.set()
        await call.done.wait()
        if call.error is not None:
            raise call.error
        return call.answers[0]

    async def _run(self) -> None:
        with anyio.CancelScope(shield=True):  # ends when it is left, and takes milliseconds to get there
            while self._open or self._waiting:
                await self._news.wait()
                self._news = anyio.Event()
                while self._waiting:
                    calls, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
                    await self._commit(calls)

    async def _commit(self, calls: Sequence[_Call[Any]]) -> None:
        try:
            await self._file.use(lambda engine: _together(engine, calls))
        except StoreError as error:  # not even begun
            for call in calls:
                call.error = error
        for call in calls:
            if isinstance(call.error, SQLAlchemyError | sqlite3.Error):
                call.error = as_store_error(call.error, self._file.path)
            call.done.set()


def _together(engine: Engine, calls: Sequence[_Call[Any]]) -> None:
    """All in one transaction, or, if that fails, each in one of its own."""
    error = _attempt(engine, calls)
    if error is None:
        return
    if len(calls) == 1:
        calls[0].error = error
        return
    for call in calls:
        call.error = _attempt(engine, [call])


def _attempt(engine: Engine, calls: Sequence[_Call[Any]]) -> Exception | None:
    """One transaction; why it was undone, if it was."""
    try:
        with engine.begin() as connection:
            driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]  # SQLAlchemy does not type it
            answers = [call.work(driver) for call in calls]
    except Exception as error:  # noqa: BLE001  # handed to whoever asked
        return error
    for call, answer in zip(calls, answers, strict=True):
        call.answers = [answer]
    return None
