"""A whole copy of a state file, made while others may read and write it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from gitopsd.core.errors import StoreError
from gitopsd.store.failure import as_store_error
from gitopsd.store.shortage import MORE_ROOM, check_room


def copy_database(source: sqlite3.Connection, target: Path, purpose: str) -> None:
    """Copy what `source` sees at this moment to `target` (0600, on the disk), replacing what is there. Blocks.

    Nobody waits for it: in WAL mode a reader holds up no writer. Raises `StoreError`, and then leaves nothing;
    `purpose` begins its text: "the backup".
    """
    check_room(target.parent, size_of(source), f"{purpose} cannot be made", retryable=True)
    part = target.with_name(f"{target.name}.part")
    try:
        forget_parts(target)
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        with closing(sqlite3.connect(part, isolation_level=None)) as copy:
            copy.execute(
                "PRAGMA journal_mode=OFF"
            ).close()  # a copy that is cut off is nothing that could be brought back
            copy.execute("PRAGMA synchronous=OFF").close()
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE").close()  # one file, without side files
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target)
    except sqlite3.Error as error:
        _drop(part)
        told = as_store_error(error, part)
        raise StoreError(
            f"{purpose} cannot be made",
            where=told.where,
            why=told.why or told.what,
            hint=MORE_ROOM if error.sqlite_errorcode == sqlite3.SQLITE_FULL else told.hint,
            retryable=told.retryable,
        ) from None
    except OSError as error:
        _drop(part)
        raise StoreError(
            f"{purpose} cannot be made", where=str(part), why=error.strerror or str(error), retryable=True
        ) from None


def forget_parts(target: Path) -> None:
    """Remove what a copy left that was cut off by a kill, with its side files: SQLite must not take them for another
    copy's. Raises OSError.
    """
    for part in target.parent.glob(f"{target.name}.part*"):
        part.unlink()


def size_of(source: sqlite3.Connection) -> int:
    """Bytes of the whole database, what is not in its file yet included."""
    (pages,) = source.execute("PRAGMA page_count").fetchone()
    (size,) = source.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(size)


def _drop(part: Path) -> None:
    with contextlib.suppress(OSError):  # what was in its way is told already
        part.unlink(missing_ok=True)
