"""What SQLite says when it fails, in words that help."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from gitopsd.core.errors import StoreError

# https://www.sqlite.org/rescode.html, primary codes (the low byte)
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT)
_LATER: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR)
_FORBIDDEN: Final = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH)
_RECOMPUTED: Final = (
    "only history, pins and operations under way are lost with it, the rest is recomputed from git and the clusters"
)


def as_store_error(error: SQLAlchemyError | sqlite3.Error, file: Path) -> StoreError:
    """`error` as one of ours. The statement and its values stay out: they hold whole statuses."""
    code, said = _told(error)
    if code in _DAMAGED:
        return damaged(file, said)
    if code == sqlite3.SQLITE_FULL:
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
    return StoreError(
        "the state cannot be read or written",
        where=str(file),
        why=said,
        hint=f"if it stays so, move {file} away: {_RECOMPUTED}",
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


def newer(file: Path, found: int, known: int) -> StoreError:
    """A later gitopsd wrote it."""
    return StoreError(
        f"the state file has schema version {found}, this gitopsd knows up to {known}",
        where=str(file),
        why="a newer gitopsd wrote it",
        hint=f"run that version, or move the file away: {_RECOMPUTED}",
    )


def _told(error: SQLAlchemyError | sqlite3.Error) -> tuple[int, str]:
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, sqlite3.Error):
        code = getattr(original, "sqlite_errorcode", 0)
        return (code & 0xFF if isinstance(code, int) else 0), str(original)
    return 0, type(error).__name__
