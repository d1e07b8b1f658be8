"""The state in one SQLite file."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio
import anyio.to_thread
from anyio import AsyncContextManagerMixin
from sqlalchemy import URL, Connection, Engine, create_engine, delete, event, inspect, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from gitopsd.core.appstatus import AppStatus
from gitopsd.core.errors import StoreError
from gitopsd.core.ids import AppName
from gitopsd.store.codec import decode, encode_status
from gitopsd.store.failure import as_store_error, damaged, newer
from gitopsd.store.lock import StateLock
from gitopsd.store.operations import encode_operation
from gitopsd.store.tables import APPLICATIONS, SCHEMA, SCHEMA_VERSION, TABLES

if TYPE_CHECKING:
    from gitopsd.ports.store import Store

STATE_FILE: Final = "state.db"
_PAGE_BYTES: Final = 4096
_MEGABYTE: Final = 1 << 20
_REMOVED_AT_ONCE: Final = 500
_Answer = TypeVar("_Answer")


class SqliteStore(AsyncContextManagerMixin):
    """`ports.Store` on `state.db` in the folder that `lock` holds; `async with` opens and closes it.

    All work happens in threads, one call at a time, in transactions: a process that is killed leaves the state before
    or after a call, never between. `on_unreadable(application, why)` is called for a row that makes no sense to this
    version; the application starts without a past then, and the others are not concerned. `max_megabytes` bounds the
    file.
    """

    def __init__(
        self, lock: StateLock, on_unreadable: Callable[[AppName, str], None], *, max_megabytes: int = 1024
    ) -> None:
        self._lock = lock
        self._on_unreadable = on_unreadable
        self._max_pages = max_megabytes * _MEGABYTE // _PAGE_BYTES
        self._one_at_a_time = anyio.CapacityLimiter(1)
        self._file = Path()
        self._engine: Engine | None = None

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[SqliteStore]:
        self._file = self._lock.folder / STATE_FILE
        engine = await self._in_thread(lambda: _opened(self._file, self._max_pages))
        self._engine = engine
        try:
            yield self
        finally:
            self._engine = None
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(engine.dispose, limiter=self._one_at_a_time)

    async def statuses(self) -> Mapping[AppName, AppStatus]:
        """The last saved status of each application; its operation has no plan."""
        engine = self._open_engine()
        known, unreadable = await self._in_thread(lambda: _read(engine))
        for name, why in unreadable:
            self._on_unreadable(name, why)
        return known

    async def save(self, statuses: Sequence[AppStatus]) -> None:
        """Keep these, in one transaction; later ones replace earlier ones of the same application."""
        engine = self._open_engine()
        if statuses:
            await self._in_thread(lambda: _write(engine, statuses))

    async def remove(self, names: Sequence[AppName]) -> None:
        """Forget applications that the configuration does not have any more."""
        engine = self._open_engine()
        if names:
            await self._in_thread(lambda: _delete(engine, names))

    def _open_engine(self) -> Engine:
        if self._engine is None:
            raise StoreError("the state is not open", where=str(self._file))
        return self._engine

    async def _in_thread(self, work: Callable[[], _Answer]) -> _Answer:
        """A transaction that has begun is finished even if the caller is cancelled: it takes milliseconds."""

        def guarded() -> _Answer:
            try:
                return work()
            except SQLAlchemyError as error:
                raise as_store_error(error, self._file) from None
            except OSError as error:
                raise StoreError(
                    "the state cannot be opened", where=str(self._file), why=error.strerror or str(error)
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
        # WAL: a write is one append. NORMAL: a power cut may lose the last moments (recomputed), never the file.
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
        _prepare(engine, file)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _prepare(engine: Engine, file: Path) -> None:
    with engine.begin() as connection:
        tables = inspect(connection).get_table_names()
        if not tables:
            TABLES.create_all(connection)
            connection.execute(insert(SCHEMA).values(version=SCHEMA_VERSION))
            return
        if SCHEMA.name not in tables:
            raise damaged(file, "it is a database, and not one of gitopsd")
        version = connection.execute(select(SCHEMA.c.version)).scalar()
    if version is None:
        raise damaged(file, "it has no schema version")
    if version > SCHEMA_VERSION:
        raise newer(file, version, SCHEMA_VERSION)


def _read(engine: Engine) -> tuple[Mapping[AppName, AppStatus], Sequence[tuple[AppName, str]]]:
    with engine.begin() as connection:
        rows = connection.execute(select(APPLICATIONS.c.name, APPLICATIONS.c.status, APPLICATIONS.c.operation)).all()
    known: dict[AppName, AppStatus] = {}
    unreadable: list[tuple[AppName, str]] = []
    for row in rows:
        name = AppName(row.name)
        try:
            known[name] = decode(name, row.status, row.operation)
        except ValueError as error:
            unreadable.append((name, str(error)))
    return known, unreadable


def _write(engine: Engine, statuses: Sequence[AppStatus]) -> None:
    latest = {status.name: status for status in statuses}
    rows = [
        {"name": str(status.name), "status": encode_status(status), "operation": encode_operation(status.operation)}
        for status in latest.values()
    ]
    upsert = insert(APPLICATIONS)
    upsert = upsert.on_conflict_do_update(
        index_elements=[APPLICATIONS.c.name],
        set_={"status": upsert.excluded.status, "operation": upsert.excluded.operation},
    )
    with engine.begin() as connection:
        connection.execute(upsert, rows)


def _delete(engine: Engine, names: Sequence[AppName]) -> None:
    with engine.begin() as connection:
        for first in range(0, len(names), _REMOVED_AT_ONCE):
            connection.execute(
                delete(APPLICATIONS).where(APPLICATIONS.c.name.in_(names[first : first + _REMOVED_AT_ONCE]))
            )


if TYPE_CHECKING:

    def _is_a_store(store: SqliteStore) -> Store:
        return store
