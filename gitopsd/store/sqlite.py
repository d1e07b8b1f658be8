"""The statuses of applications in the state file."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from anyio import AsyncContextManagerMixin
from sqlalchemy import Connection, Engine, delete, select
from sqlalchemy.dialects.sqlite import insert

from gitopsd.core.appstatus import AppStatus
from gitopsd.core.ids import AppName
from gitopsd.store.codec import decode, encode_status
from gitopsd.store.file import StateFile
from gitopsd.store.lock import StateLock
from gitopsd.store.opening import Migration
from gitopsd.store.operations import encode_operation
from gitopsd.store.tables import APPLICATIONS

if TYPE_CHECKING:
    from gitopsd.ports.store import Store

_REMOVED_AT_ONCE: Final = 500


class SqliteStore(AsyncContextManagerMixin):
    """`ports.Store` on the state file in the folder that `lock` holds; `async with` opens and closes it.

    `file` is what it stands on, for others that keep something there. `on_unreadable(application, why)` is called for a
    row that makes no sense to this version; the application starts without a past then, and the others are not
    concerned. The other arguments as for `StateFile`.
    """

    def __init__(
        self,
        lock: StateLock,
        on_unreadable: Callable[[AppName, str], None],
        *,
        max_megabytes: int = 8192,
        on_migrated: Callable[[Migration], None] = lambda _: None,
    ) -> None:
        self._on_unreadable = on_unreadable
        self.file = StateFile(lock, max_megabytes=max_megabytes, on_migrated=on_migrated)

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[SqliteStore]:
        async with self.file:
            yield self

    async def statuses(self) -> Mapping[AppName, AppStatus]:
        """The last saved status of each application; its operation has no plan."""
        known, unreadable = await self.file.use(_read)
        for name, why in unreadable:
            self._on_unreadable(name, why)
        return known

    async def save(self, statuses: Sequence[AppStatus]) -> None:
        """Keep these, in one transaction; later ones replace earlier ones of the same application."""
        if statuses:
            rows = list({status.name: status for status in statuses}.values())
            await self.file.transaction(lambda connection: _write(connection, rows))

    async def remove(self, names: Sequence[AppName]) -> None:
        """Forget applications that the configuration does not have any more."""
        if names:
            await self.file.transaction(lambda connection: _delete(connection, names))


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


def _write(connection: Connection, statuses: Sequence[AppStatus]) -> None:
    rows = [
        {"name": str(status.name), "status": encode_status(status), "operation": encode_operation(status.operation)}
        for status in statuses
    ]
    upsert = insert(APPLICATIONS)
    upsert = upsert.on_conflict_do_update(
        index_elements=[APPLICATIONS.c.name],
        set_={"status": upsert.excluded.status, "operation": upsert.excluded.operation},
    )
    connection.execute(upsert, rows)


def _delete(connection: Connection, names: Sequence[AppName]) -> None:
    for first in range(0, len(names), _REMOVED_AT_ONCE):
        connection.execute(delete(APPLICATIONS).where(APPLICATIONS.c.name.in_(names[first : first + _REMOVED_AT_ONCE])))


if TYPE_CHECKING:

    def _is_a_store(store: SqliteStore) -> Store:
        return store
