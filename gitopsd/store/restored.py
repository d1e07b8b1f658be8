"""What a state file from a backup must not do: go on with what was under way when the backup was made.

The cluster went on since. A sync of last week must not be finished today, nor may objects be deleted because they were
to be deleted then, and an application that another one brought may have left git. What is to be done now is decided
anew, from git and the clusters as they are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from gitopsd.core.annotations import SKIP_RECONCILE
from gitopsd.core.childapps import merged
from gitopsd.core.deletion_record import ORPHAN, RESTORED
from gitopsd.core.document import Document, canonical
from gitopsd.core.history import Deletion, DeletionPhase
from gitopsd.core.operation import Operation, Phase
from gitopsd.store.history import decode_deletion, encode_deletion
from gitopsd.store.ledger import Ledger
from gitopsd.store.operations import decode_operation, operation_json
from gitopsd.store.seal import Seal

_UNNAMED: Final = (
    "DELETE FROM manifests WHERE name NOT IN (SELECT manifests FROM operations UNION SELECT manifests FROM history"
    " UNION SELECT manifests FROM pins UNION SELECT manifests FROM deletions UNION SELECT manifests FROM holds)"
)


@dataclass(frozen=True, slots=True)
class Marked:
    """The applications whose syncs were `interrupted`, whose deletions wait for a word (`held`), that are `pinned`, and
    `children` that rest until the applications that brought them are synced, by name.
    """

    interrupted: Sequence[str]
    held: Sequence[str]
    pinned: Sequence[str]
    children: Sequence[str]


def mark_restored(connection: sqlite3.Connection, seal: Seal | None, made: datetime, now: datetime) -> Marked:
    """End the syncs, and hold the deletions, that were under way when the backup was `made`, and let the applications
    rest that others brought; in the transaction of `connection`. Without a `seal` nobody can read the last of these.
    """
    interrupted = _interrupt(connection, made, now)
    held = _hold(connection, made, now)
    connection.execute(_UNNAMED)
    pinned = [str(name) for (name,) in connection.execute("SELECT app FROM pins ORDER BY app")]
    return Marked(interrupted, held, pinned, _let_rest(connection, seal, held) if seal is not None else ())


def _interrupt(connection: sqlite3.Connection, made: datetime, now: datetime) -> Sequence[str]:
    found = set()
    for app, state in connection.execute("SELECT app, state FROM operations WHERE manifests != ''").fetchall():
        ended = _ended(state, made, now)
        keep = "UPDATE operations SET state = ?, plan = NULL, manifests = '' WHERE app = ?"
        connection.execute(keep, (ended or state, app))
        found.add(str(app))
    for app, state in connection.execute("SELECT name, operation FROM applications").fetchall():
        ended = _ended(state, made, now) if state is not None else None
        if ended is not None:
            connection.execute("UPDATE applications SET operation = ? WHERE name = ?", (ended, app))
            found.add(str(app))
    return sorted(found)


def _ended(state: object, made: datetime, now: datetime) -> str | None:
    """An operation that was under way, ended; None for one that was over, or that makes no sense."""
    operation = _decoded(state)
    if operation is None or operation.phase.done:
        return None
    return operation_json(_interrupted(operation, made, now))


def _decoded(state: object) -> Operation | None:
    try:
        return decode_operation(state if isinstance(state, str) else "")
    except ValueError:
        return None


def _interrupted(operation: Operation, made: datetime, now: datetime) -> Operation:
    """Without a digest: it is no attempt at anything, so nothing is tried again because of it and no hook runs anew."""
    message = f"interrupted: the state was restored from a backup of {_shown(made)}, when this was under way"
    return replace(
        operation, digest="", phase=Phase.ERROR, message=message, finished_at=now, plan=None, manifests="", failing=""
    )


def _hold(connection: sqlite3.Connection, made: datetime, now: datetime) -> Sequence[str]:
    """Those that only lie in wait are forgotten: the next start makes them anew for the applications that are there."""
    held = []
    for app, body in connection.execute("SELECT app, body FROM deletions ORDER BY app").fetchall():
        deletion = _read(str(app), body)
        if deletion is None or deletion.done or deletion.cascade == ORPHAN:
            continue
        if not deletion.under_way:
            connection.execute("DELETE FROM deletions WHERE app = ?", (app,))
            connection.execute("DELETE FROM holds WHERE app = ?", (app,))
            continue
        # Begun anew: an approval that was given before counts no more.
        waiting = replace(
            deletion,
            phase=DeletionPhase.HELD,
            confirmed=False,
            began=now,
            details={**deletion.details, RESTORED: _shown(made)},
        )
        connection.execute("UPDATE deletions SET body = ? WHERE app = ?", (encode_deletion(waiting), app))
        held.append(str(app))
    return held


def _read(app: str, body: object) -> Deletion | None:
    try:
        return decode_deletion(app, body if isinstance(body, str) else "")
    except ValueError:
        return None


def _let_rest(connection: sqlite3.Connection, seal: Seal, held: Collection[str]) -> Sequence[str]:
    """Each child gets the annotation that nobody is to work for it, which its parent's manifest does not have: the next
    sync of its parent takes it away, if git still has the child. The parent's last sync is no attempt at that.
    """
    ledger = Ledger(connection, seal, lambda _app, _why: None)
    resting = []
    for child in ledger.children():
        if child.name not in held:
            body = merged(child.manifest.body(), {"metadata": {"annotations": {SKIP_RECONCILE: "true"}}})
            ledger.save_child(replace(child, manifest=Document(canonical(body)), digest="", deleting=None))
            resting.append(str(child.name))
            _forget_attempt(connection, child.parent)
    return resting


def _forget_attempt(connection: sqlite3.Connection, app: str) -> None:
    for table, column, key in (("applications", "operation", "name"), ("operations", "state", "app")):
        row = connection.execute(f"SELECT {column} FROM {table} WHERE {key} = ?", (app,)).fetchone()  # noqa: S608  # our own tables
        operation = _decoded(row[0]) if row is not None else None
        if operation is not None:
            forgotten = operation_json(replace(operation, digest=""))
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (forgotten, app))  # noqa: S608  # our own tables


def _shown(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
