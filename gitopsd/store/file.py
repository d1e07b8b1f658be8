"""One SQLite file, open: transactions on it, one at a time, in a thread."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

import anyio
import anyio.to_thread
from anyio import AsyncContextManagerMixin
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from gitopsd.core.errors import StoreError
from gitopsd.store.failure import as_store_error
from gitopsd.store.lock import StateLock
from gitopsd.store.opening import Migration, open_state
from gitopsd.store.shortage import hint_for

STATE_FILE: Final = "state.db"
_Answer = TypeVar("_Answer")


class StateFile(AsyncContextManagerMixin):
    """`state.db` in the folder that `lock` holds; `async with` opens and closes it.

    All work happens in threads, one call at a time, in transactions: a process that is killed leaves the state before
    or after a call, never between. `max_megabytes` bounds the file. `on_migrated` hears if it was brought forward on
    opening.
    """

    def __init__(
        self,
        lock: StateLock,
        *,
        max_megabytes: int = 8192,
        on_migrated: Callable[[Migration], None] = lambda _: None,
    ) -> None:
        self._lock = lock
        self._max_megabytes = max_megabytes
        self._on_migrated = on_migrated
        self._one_at_a_time = anyio.CapacityLimiter(1)
        self._engine: Engine | None = None
        self.path = Path()

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[StateFile]:
        self.path = self._lock.folder / STATE_FILE
        engine, migration = await self._in_thread(lambda: open_state(self.path, self._max_megabytes))
        if migration is not None:
            self._on_migrated(migration)
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
                    "the state cannot be opened",
                    where=str(self.path),
                    why=error.strerror or str(error),
                    hint=hint_for(error, ""),
                ) from None

        return await anyio.to_thread.run_sync(guarded, limiter=self._one_at_a_time)
