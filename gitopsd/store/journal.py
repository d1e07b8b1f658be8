"""The journal in the state file."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import anyio
import anyio.to_thread
from anyio import AsyncContextManagerMixin

from gitopsd.core.childapps import ChildRecord
from gitopsd.core.errors import StoreError
from gitopsd.core.history import Deletion, Past, Pin
from gitopsd.core.ids import AppName
from gitopsd.core.manifest import Desired
from gitopsd.core.operation import Operation
from gitopsd.store.commit import GroupCommit
from gitopsd.store.file import StateFile
from gitopsd.store.ledger import Ledger
from gitopsd.store.seal import KEY_FILE, Seal

if TYPE_CHECKING:
    from gitopsd.ports.journal import Journal

_READERS: Final = 1
_Answer = TypeVar("_Answer")


class SqliteJournal(AsyncContextManagerMixin):
    """`ports.Journal` in `file`, which is open; `async with` opens and closes it.

    `key_file` holds the key of what is encrypted, and is made if it is missing; None is `state.key` beside the file.
    `on_unreadable(application, why)` is called for a row that makes no sense to this version or cannot be decrypted:
    the application goes on without it, and the others are not concerned. `on_lost_key` is called on opening if what is
    there was encrypted with another key.
    """

    def __init__(
        self,
        file: StateFile,
        on_unreadable: Callable[[AppName, str], None],
        *,
        key_file: Path | None = None,
        on_lost_key: Callable[[StoreError], None] = lambda _: None,
    ) -> None:
        self._file = file
        self._key_file = key_file
        self._on_unreadable = on_unreadable
        self._on_lost_key = on_lost_key
        self._commits = GroupCommit(file)
        self._seal: Seal | None = None

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[SqliteJournal]:
        path = self._key_file or self._file.path.parent / KEY_FILE
        self._seal = await anyio.to_thread.run_sync(Seal.open, path, limiter=anyio.CapacityLimiter(_READERS))
        async with self._commits:
            lost = await self._do(lambda ledger: ledger.lost_key())
            if lost is not None:
                self._on_lost_key(lost)
            yield self

    def key(self, purpose: str) -> bytes:
        """A key made of that of what is kept, the same after a restart. RuntimeError while it is not open."""
        if self._seal is None:
            raise RuntimeError("the journal is not open: enter it first")
        return self._seal.key(purpose)

    async def begin(self, app: AppName, operation: Operation, wanted: Desired) -> Operation:
        """Keep an operation with its plan and all that it applies; the operation with its `manifests`."""
        return await self._do(lambda ledger: ledger.begin(app, operation, wanted))

    async def note(self, app: AppName, operation: Operation) -> None:
        """Keep how far it came. `StoreError` if it is not in flight."""
        await self._do(lambda ledger: ledger.note(app, operation))

    async def end(self, app: AppName, operation: Operation, past: Past | None) -> None:
        """It is over; `past` is the history from now on, None if unchanged."""
        await self._do(lambda ledger: ledger.end(app, operation, past))

    async def in_flight(self) -> Mapping[AppName, Operation]:
        """The operations that have begun and not ended."""
        return await self._do(lambda ledger: ledger.in_flight())

    async def ended(self) -> Mapping[AppName, Operation]:
        """How the last operations ended that were in flight."""
        return await self._do(lambda ledger: ledger.ended())

    async def past(self, app: AppName) -> Past:
        """Its history and pin."""
        return await self._do(lambda ledger: ledger.past(app))

    async def save_past(self, app: AppName, past: Past) -> None:
        """Its history and pin from now on."""
        await self._do(lambda ledger: ledger.save_past(app, past))

    async def pins(self) -> Mapping[AppName, Pin]:
        """Of all applications that are pinned."""
        return await self._do(lambda ledger: ledger.pins())

    async def manifests(self, name: str) -> Desired:
        """The objects and hooks of that name."""
        return await self._do(lambda ledger: ledger.manifests(name))

    async def keep(self, app: AppName, wanted: Desired) -> str:
        """Keep these for a deletion that will name them; their name."""
        return await self._do(lambda ledger: ledger.keep(app, wanted))

    async def deletions(self) -> Sequence[Deletion]:
        """All that were saved and not forgotten."""
        return await self._do(lambda ledger: ledger.deletions())

    async def save_deletion(self, deletion: Deletion) -> None:
        """Keep how far it came."""
        await self._do(lambda ledger: ledger.save_deletion(deletion))

    async def children(self) -> Sequence[ChildRecord]:
        """The applications that others brought."""
        return await self._do(lambda ledger: ledger.children())

    async def child_names(self) -> Collection[AppName]:
        """The names of all applications that others brought, also of those that cannot be read."""
        return await self._do(lambda ledger: ledger.child_names())

    async def save_child(self, child: ChildRecord) -> None:
        """Keep it in the place of the one of its name."""
        await self._do(lambda ledger: ledger.save_child(child))

    async def remove_child(self, name: AppName) -> None:
        """It is not there any more."""
        await self._do(lambda ledger: ledger.remove_child(name))

    async def forget(self, app: AppName) -> None:
        """Nothing of this application is needed any more."""
        await self._do(lambda ledger: ledger.forget(app))

    async def _do(self, work: Callable[[Ledger], _Answer]) -> _Answer:
        seal = self._seal
        if seal is None:
            raise StoreError("the journal is not open", where=str(self._file.path))
        unreadable: list[tuple[AppName, str]] = []

        def run(connection: sqlite3.Connection) -> _Answer:
            unreadable.clear()  # it may be the second attempt
            return work(Ledger(connection, seal, lambda app, why: unreadable.append((app, why))))

        answer = await self._commits.do(run)
        for app, why in unreadable:
            self._on_unreadable(app, why)
        return answer


if TYPE_CHECKING:

    def _is_a_journal(journal: SqliteJournal) -> Journal:
        return journal
