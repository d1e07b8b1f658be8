"""One SQLite file, open: transactions on it, one at a time, in a thread."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
from anyio import AsyncContextManagerMixin
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from gitopsd.core.errors import StoreError
from gitopsd.store.failure import as_store_error
from gitopsd.store.lock import StateLock
from gitopsd.store.schema import prepare

STATE_FILE: Final = "state.db"
_PAGE_BYTES: Final = 4096
_MEGABYTE: Final = 1 << 20
_Answer = TypeVar("_Answer")


class StateFile(AsyncContextManagerMixin):
    """`state.db` in the folder that `lock` holds; `async with` opens and closes it.

    All work happens in threads, one call at a time, in transactions: a process that is killed leaves the state before
    or after a call, never between. `max_megabytes` bounds the file.
    """

    def __init__(self, lock: StateLock, *, max_megabytes: int = 8192) -> None:
        self._lock = lock
        self._max_pages = max_megabytes * _MEGABYTE // _PAGE_BYTES
        self._one_at_a_time = anyio.CapacityLimiter(1)
        self._engine: Engine | None = None
        self.path = Path()

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[StateFile]:
        self.path = self._lock.folder / STATE_FILE
        engine = await self._in_thread(lambda: _opened(self.path, self._max_pages))
        self._engine = engine
        try:
            yield self
        finally:
            self._engine = None
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(engine.dispose, limiter=self._one_at_a_time)

    async def transaction(self, work: Callable[[Connection], _Answer]) -> _Answer:
        """What `work` answers, done in one transaction; committed as soon as this returns, undone if `work` raises.

        One that has begun is finished even if the caller is cancelled: it takes milliseconds. Raises `StoreError`.
        """

        def run(engine: Engine) -> _Answer:
            with engine.begin() as connection:
                return work(connection)

        return await self.use(run)

    async def use(self, work: Callable[[Engine], _Answer]) -> _Answer:
        """What `work` answers, which makes transactions of its own, with nobody else at the file meanwhile.

        Raises `StoreError`.
        """
        engine = self._engine
        if engine is None:
            raise StoreError("the state is not open", where=str(self.path))
        return await self._in_thread(lambda: work(engine))

    async def _in_thread(self, work: Callable[[], _Answer]) -> _Answer:
        def guarded() -> _Answer:
            try:
                return work()
            except SQLAlchemyError as error:
                raise as_store_error(error, self.path) from None
            except OSError as error:
                raise StoreError(
                    "the state cannot be opened", where=str(self.path), why=error.strerror or str(error)
                ) from None

        return await anyio.to_thread.run_sync(guarded, limiter=self._one_at_a_time)


def _engine(file: Path, max_pages: int) -> Engine:
    """One connection, used from whichever thread has the turn. SQLAlchemy begins transactions, not the driver."""
    engine = create_engine(
        URL.create("sqlite", database=str(file)),
        poolclass=StaticPool,
        connect_args={"check_same_thread": False, "isolation_level": None, "timeout": 2.0},
        hide_parameters=True,
    )

    def on_connect(connection: Any, _record: object) -> None:  # the driver's connection, which SQLAlchemy does not type
        # WAL: a write is one append. NORMAL: a power cut may lose the last moments, a killed process nothing; the file
        # stays whole either way.
        for pragma in (
            f"page_size={_PAGE_BYTES}",
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "trusted_schema=OFF",
            "journal_size_limit=4194304",
            f"max_page_count={max_pages}",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return engine


def _opened(file: Path, max_pages: int) -> Engine:
    """Make the file (0600; SQLite gives its side files the same mode) and the tables, or check those that are there."""
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    file.chmod(0o600)
    engine = _engine(file, max_pages)
    try:
        with engine.begin() as connection:
            prepare(connection, file)
    except BaseException:
        engine.dispose()
        raise
    return engine
