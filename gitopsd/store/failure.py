"""What SQLite says when it fails, in words that help."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from gitopsd.core.errors import StoreError
from gitopsd.store.shortage import MORE_FILES, files_are_short, room_is_short

# https://www.sqlite.org/rescode.html, primary codes (the low byte)
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT)
_HELD: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_LATER: Final = (*_HELD, sqlite3.SQLITE_IOERR)
_VAGUE: Final = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
_FORBIDDEN: Final = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH)
_RECOMPUTED: Final = (
    "only history, pins and operations under way are lost with it, the rest is recomputed from git and the clusters"
)


def as_store_error(error: SQLAlchemyError | sqlite3.Error, file: Path) -> StoreError:
    """`error` as one of ours. The statement and its values stay out: they hold whole statuses. Blocks.

    SQLite has the same two codes for whatever befalls a file: what is short is looked up here.
    """
    code, said = _told(error)
    if code in _DAMAGED:
        return damaged(file, said)
    vague = code in _VAGUE
    if vague and files_are_short():
        return StoreError(
            "the state cannot be opened: too many open files",
            where=str(file),
            why=said,
            hint=MORE_FILES,
            retryable=True,
        )
    if code == sqlite3.SQLITE_FULL or (vague and room_is_short(file.parent)):
        return StoreError(
            "the state cannot be written: no space left",
            where=str(file),
            why=said,
            hint="free some space, or keep less history (revisionHistoryLimit)",
            retryable=True,
        )
    if code in _FORBIDDEN:
        return StoreError(
            "the state cannot be opened or written",
            where=str(file),
            why=said,
            hint=f"make {file.parent} and the files in it writable for the user that gitopsd runs as",
        )
    hint = f"if it stays so, move {file} away: {_RECOMPUTED}"
    if code in _HELD:
        hint = f"wait for the other program that has it open, or end it (`fuser {file}` shows which one it is)"
    elif code == sqlite3.SQLITE_IOERR:
        hint = f"look at the disk (`dmesg`); {hint}"
    return StoreError(
        "the state cannot be read or written",
        where=str(file),
        why=said,
        hint=hint,
        retryable=code in _LATER,
    )


def damaged(file: Path, why: str) -> StoreError:
    """The file is not what was once written."""
    return StoreError(
        "the state file is damaged",
        where=str(file),
        why=why,
        hint=f"move it away (mv {file} {file}.damaged) and start again: {_RECOMPUTED}",
    )


def newer(file: Path, found: str, known: str, written_by: str) -> StoreError:
    """A later gitopsd wrote it: `found` and `known` are revisions, `written_by` is its version ("" if unknown)."""
    writer = f"gitopsd {written_by}" if written_by else "a newer gitopsd"
    copy = file.with_name(before_name(file, found))
    return StoreError(
        f"the state file has revision {found}, this gitopsd knows up to {known}",
        where=str(file),
        why=f"{writer} wrote it",
        hint=f"run that version, or let it bring the file back (gitopsd admin migrate --to {known}); what was there "
        f"before it may be in {copy.name} beside it",
    )


def before_name(file: Path, revision: str) -> str:
    """What the copy of a state file is called that is kept before it is brought to a revision."""
    return f"{file.name}.before-{revision}"


def _told(error: SQLAlchemyError | sqlite3.Error) -> tuple[int, str]:
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, sqlite3.Error):
        code = getattr(original, "sqlite_errorcode", 0)
        return (code & 0xFF if isinstance(code, int) else 0), str(original)
    return 0, type(error).__name__
