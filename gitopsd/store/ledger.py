"""The journal's rows: each function is one step of a transaction.

The statements go to the driver's connection directly, because one sync writes some ten rows and a thousand
applications may begin at once: a statement takes 2 to 6 µs there and 25 to 30 µs through SQLAlchemy (measured).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar

from gitopsd.core.app import Source
from gitopsd.core.childapps import ChildRecord
from gitopsd.core.errors import StoreError
from gitopsd.core.history import Deletion, HistoryEntry, Past, Pin
from gitopsd.core.ids import AppName
from gitopsd.core.manifest import Desired
from gitopsd.core.operation import Operation
from gitopsd.store.children import decode_child, encode_child
from gitopsd.store.history import (
    decode_deletion,
    decode_entry,
    decode_pin,
    decode_sources,
    encode_deletion,
    encode_entry,
    encode_pin,
    encode_sources,
)
from gitopsd.store.manifests import pack_desired, unpack_desired
from gitopsd.store.operations import decode_operation, operation_json
from gitopsd.store.plans import pack_plan, unpack_plan
from gitopsd.store.seal import Seal

_Read = TypeVar("_Read")
_NAMING: Final = ("operations", "history", "pins", "deletions", "holds")
_DROP: Final = (
    "DELETE FROM manifests WHERE name = ?1"
    " AND NOT EXISTS (SELECT 1 FROM operations WHERE manifests = ?1)"
    " AND NOT EXISTS (SELECT 1 FROM history WHERE manifests = ?1)"
    " AND NOT EXISTS (SELECT 1 FROM pins WHERE manifests = ?1)"
    " AND NOT EXISTS (SELECT 1 FROM deletions WHERE manifests = ?1)"
    " AND NOT EXISTS (SELECT 1 FROM holds WHERE manifests = ?1)"
)
_KEEP_OPERATION: Final = (
    "INSERT INTO operations (app, id, state, plan, manifests) VALUES (?, ?, ?, ?, ?) ON CONFLICT (app) DO UPDATE SET "
    "id = excluded.id, state = excluded.state, plan = excluded.plan, manifests = excluded.manifests"
)
_KEEP_ENTRY: Final = (
    "INSERT INTO history (app, id, body, sources, manifests) VALUES (?, ?, ?, ?, ?) ON CONFLICT (app, id) DO UPDATE "
    "SET body = excluded.body, sources = excluded.sources, manifests = excluded.manifests"
)
_KEEP_PIN: Final = (
    "INSERT INTO pins (app, body, manifests) VALUES (?, ?, ?) ON CONFLICT (app) DO UPDATE SET body = excluded.body, "
    "manifests = excluded.manifests"
)
_KEEP_DELETION: Final = (
    "INSERT INTO deletions (app, body, manifests) VALUES (?, ?, ?) ON CONFLICT (app) DO UPDATE SET "
    "body = excluded.body, manifests = excluded.manifests"
)
_KEEP_COUNT: Final = (
    "INSERT INTO history_counts (app, counted) VALUES (?, ?) ON CONFLICT (app) DO UPDATE SET counted = excluded.counted"
)
_KEEP_HOLD: Final = (
    "INSERT INTO holds (app, manifests) VALUES (?, ?) ON CONFLICT (app) DO UPDATE SET manifests = excluded.manifests"
)
_KEEP_CHILD: Final = (
    "INSERT INTO children (name, parent, sealed) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
    "parent = excluded.parent, sealed = excluded.sealed"
)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The rows, read and written in the transaction of `connection`.

    `unreadable` is called for rows that make no sense, with their application and why.
    """

    connection: sqlite3.Connection
    seal: Seal
    unreadable: Callable[[AppName, str], None]

    def begin(self, app: AppName, operation: Operation, wanted: Desired) -> Operation:
        """Keep an operation with its plan and manifests in the place of the one before."""
        begun = replace(operation, manifests=self._keep_manifests(wanted))
        plan = None if begun.plan is None else self.seal.seal(pack_plan(begun.plan, wanted), _plan_of(app))
        before = self._names("SELECT manifests FROM operations WHERE app = ?", app)
        row = (app, begun.id, operation_json(begun), plan, begun.manifests)
        self.connection.execute(_KEEP_OPERATION, row)
        self._drop(before - {begun.manifests})
        return begun

    def note(self, app: AppName, operation: Operation) -> None:
        """Keep how far it came. Raises `StoreError` if it never began."""
        update = "UPDATE operations SET state = ? WHERE app = ? AND id = ? AND manifests != ''"
        if self.connection.execute(update, (operation_json(operation), app, operation.id)).rowcount != 1:
            raise StoreError("the operation is not in the journal", where=app)

    def end(self, app: AppName, operation: Operation, past: Past | None) -> None:
        """It is not in flight any more; `past` is the history from now on."""
        before = self._names("SELECT manifests FROM operations WHERE app = ? AND id = ?", app, operation.id)
        told = operation_json(operation.outcome)
        update = "UPDATE operations SET state = ?, plan = NULL, manifests = '' WHERE app = ? AND id = ?"
        self.connection.execute(update, (told, app, operation.id))
        if past is not None:
            before |= self._write_past(app, past)
        self._drop(before)

    def in_flight(self) -> Mapping[AppName, Operation]:
        """All operations that are not over, each with its plan."""
        found: dict[AppName, Operation] = {}
        for name, state, plan, manifests in self.connection.execute(
            "SELECT app, state, plan, manifests FROM operations WHERE manifests != '' ORDER BY app"
        ).fetchall():
            app = AppName(name)
            operation = self._readable(app, partial(self._operation, app, state, plan, manifests))
            if operation is not None:
                found[app] = operation
        return found

    def ended(self) -> Mapping[AppName, Operation]:
        """The last operation of each application, where it is over."""
        found: dict[AppName, Operation] = {}
        rows = self.connection.execute("SELECT app, state FROM operations WHERE manifests = '' ORDER BY app")
        for name, state in rows.fetchall():
            app = AppName(name)
            operation = self._readable(app, partial(decode_operation, state))
            if operation is not None:
                found[app] = operation
        return found

    def past(self, app: AppName) -> Past:
        """History and pin."""
        entries = self._entries(app)
        counted = self.connection.execute("SELECT counted FROM history_counts WHERE app = ?", (app,)).fetchone()
        pin = self.connection.execute("SELECT body FROM pins WHERE app = ?", (app,)).fetchone()
        return Past(
            tuple(entries),
            None if pin is None else self._readable(app, partial(decode_pin, pin[0])),
            0 if counted is None else counted[0],
        )

    def save_past(self, app: AppName, past: Past) -> None:
        """History and pin from now on."""
        self._drop(self._write_past(app, past))

    def pins(self) -> Mapping[AppName, Pin]:
        """All pins."""
        rows = self.connection.execute("SELECT app, body FROM pins ORDER BY app").fetchall()
        read = {AppName(app): self._readable(AppName(app), partial(decode_pin, body)) for app, body in rows}
        return {app: pin for app, pin in read.items() if pin is not None}

    def manifests(self, name: str) -> Desired:
        """The objects and hooks of that name. Raises `StoreError` if they are not there or cannot be decrypted."""
        row = self.connection.execute("SELECT sealed FROM manifests WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise StoreError("these manifests are not kept (any more)", where=name, hint="sync from git instead")
        try:
            return unpack_desired(self.seal.unseal(_bytes(row[0]), _manifests_of(name)))
        except (ValueError, LookupError) as error:
            raise StoreError("these manifests make no sense to this version", where=name, why=str(error)) from None

    def lost_key(self) -> StoreError | None:
        """What to say if the newest manifests were sealed with another key."""
        row = self.connection.execute("SELECT sealed FROM manifests ORDER BY rowid DESC LIMIT 1").fetchone()
        return self.seal.lost_key() if row is not None and self.seal.lost(_bytes(row[0])) else None

    def keep(self, app: AppName, wanted: Desired) -> str:
        """Keep manifests until something of the application names them, or others are kept."""
        name = self._keep_manifests(wanted)
        before = self._names("SELECT manifests FROM holds WHERE app = ?", app)
        self.connection.execute(_KEEP_HOLD, (app, name))
        self._drop(before - {name})
        return name

    def deletions(self) -> Sequence[Deletion]:
        """All deletions."""
        rows = self.connection.execute("SELECT app, body FROM deletions ORDER BY app").fetchall()
        read = [self._readable(AppName(app), partial(decode_deletion, app, body)) for app, body in rows]
        return [deletion for deletion in read if deletion is not None]

    def save_deletion(self, deletion: Deletion) -> None:
        """Keep how far it came; manifests that were kept for it and that it names now are its own."""
        app = deletion.app
        before = self._names("SELECT manifests FROM deletions WHERE app = ?", app)
        self.connection.execute(_KEEP_DELETION, (app, encode_deletion(deletion), deletion.manifests))
        self.connection.execute("DELETE FROM holds WHERE app = ? AND manifests = ?", (app, deletion.manifests))
        self._drop(before - {deletion.manifests})

    def children(self) -> Sequence[ChildRecord]:
        """All applications that others brought."""
        rows = self.connection.execute("SELECT name, parent, sealed FROM children ORDER BY name").fetchall()
        read = [
            self._readable(AppName(name), partial(self._child, name, parent, sealed)) for name, parent, sealed in rows
        ]
        return [child for child in read if child is not None]

    def child_names(self) -> Collection[AppName]:
        """The names of all of them, also of those that cannot be read."""
        return frozenset(AppName(name) for (name,) in self.connection.execute("SELECT name FROM children"))

    def save_child(self, child: ChildRecord) -> None:
        """Keep it in the place of the one of its name."""
        sealed = self.seal.seal(encode_child(child), _child_of(child.name, child.parent))
        self.connection.execute(_KEEP_CHILD, (child.name, child.parent, sealed))

    def remove_child(self, name: AppName) -> None:
        """Drop its row."""
        self.connection.execute("DELETE FROM children WHERE name = ?", (name,))

    def forget(self, app: AppName) -> None:
        """Drop all rows of an application."""
        before: set[str] = set()
        for table in _NAMING:
            before |= self._names(f"SELECT DISTINCT manifests FROM {table} WHERE app = ?", app)  # noqa: S608  # our own tables
            self.connection.execute(f"DELETE FROM {table} WHERE app = ?", (app,))  # noqa: S608  # our own tables
        self.connection.execute("DELETE FROM history_counts WHERE app = ?", (app,))
        self._drop(before)

    def _keep_manifests(self, wanted: Desired) -> str:
        content = pack_desired(wanted)
        name = self.seal.name(content)
        if self.connection.execute("SELECT 1 FROM manifests WHERE name = ?", (name,)).fetchone() is None:
            row = (name, self.seal.seal(content, _manifests_of(name)))
            self.connection.execute("INSERT INTO manifests (name, sealed) VALUES (?, ?)", row)
        return name

    def _drop(self, names: Iterable[str]) -> None:
        """Drop those manifests among them that nothing names any more."""
        for name in names:
            self.connection.execute(_DROP, (name,))

    def _names(self, query: str, *values: str) -> set[str]:
        return {row[0] for row in self.connection.execute(query, values)}

    def _write_past(self, app: AppName, past: Past) -> set[str]:
        """Make the rows equal to `past`; the names of manifests that it may have ceased to name."""
        rows = self.connection.execute("SELECT id, body, manifests FROM history WHERE app = ?", (app,)).fetchall()
        known = {number: body for number, body, _ in rows}
        before = {name for _, _, name in rows}
        for entry in past.entries:
            body = encode_entry(entry)
            if known.pop(entry.id, None) != body:
                sources = self.seal.seal(encode_sources(entry.sources), _sources_of(app, entry.id))
                self.connection.execute(_KEEP_ENTRY, (app, entry.id, body, sources, entry.manifests))
        for number in known:
            self.connection.execute("DELETE FROM history WHERE app = ? AND id = ?", (app, number))
        self.connection.execute(_KEEP_COUNT, (app, past.counted))
        before |= self._names("SELECT manifests FROM pins WHERE app = ?", app)
        if past.pin is not None:
            self.connection.execute(_KEEP_PIN, (app, encode_pin(past.pin), past.pin.manifests))
        else:
            self.connection.execute("DELETE FROM pins WHERE app = ?", (app,))
        named = {entry.manifests for entry in past.entries} | ({past.pin.manifests} if past.pin is not None else set())
        for held in self._names("SELECT manifests FROM holds WHERE app = ?", app) & named:
            self.connection.execute("DELETE FROM holds WHERE app = ? AND manifests = ?", (app, held))
        return before - named

    def _entries(self, app: AppName) -> Sequence[HistoryEntry]:
        rows = self.connection.execute(
            "SELECT id, body, sources FROM history WHERE app = ? ORDER BY id", (app,)
        ).fetchall()
        read = [self._readable(app, partial(self._entry, app, number, body, sources)) for number, body, sources in rows]
        return [entry for entry in read if entry is not None]

    def _entry(self, app: AppName, number: int, body: str, sources: bytes) -> HistoryEntry:
        return decode_entry(number, body, self._sources(app, number, sources))

    def _sources(self, app: AppName, number: int, sealed: bytes) -> tuple[Source, ...]:
        """The sources of an entry; none if the key was lost: what was deployed and when is still worth knowing."""
        try:
            content = self.seal.unseal(_bytes(sealed), _sources_of(app, number))
        except StoreError:
            return ()
        return decode_sources(content)

    def _operation(self, app: AppName, state: str, sealed: bytes | None, manifests: str) -> Operation:
        operation = replace(decode_operation(state), manifests=manifests)
        if sealed is None:
            return operation
        content = self.seal.unseal(_bytes(sealed), _plan_of(app))
        return replace(operation, plan=unpack_plan(content, self.manifests(manifests)))

    def _child(self, name: str, parent: str, sealed: object) -> ChildRecord:
        return decode_child(AppName(name), AppName(parent), self.seal.unseal(_bytes(sealed), _child_of(name, parent)))

    def _readable(self, app: AppName, read: Callable[[], _Read]) -> _Read | None:
        """What `read` gives; None, and word of it, if a row makes no sense."""
        try:
            return read()
        except (StoreError, ValueError, LookupError) as error:
            self.unreadable(app, str(error))
            return None


def _bytes(cell: object) -> bytes:
    """What a column of bytes holds; nothing if it holds something else."""
    return cell if isinstance(cell, bytes) else b""


def _plan_of(app: AppName) -> str:
    return f"plan of {app}"


def _manifests_of(name: str) -> str:
    return f"manifests {name}"


def _child_of(name: str, parent: str) -> str:
    return f"child {name} of {parent}"


def _sources_of(app: AppName, number: int) -> str:
    return f"sources of {app} {number}"
