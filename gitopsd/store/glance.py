"""A look at a state folder from outside: by whoever does not hold it, while another process may."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from gitopsd.core.appstatus import AppStatus
from gitopsd.core.ids import AppName
from gitopsd.store.codec import decode
from gitopsd.store.failure import as_store_error
from gitopsd.store.file import STATE_FILE
from gitopsd.store.frozen import reading_uri
from gitopsd.store.lock import LOCK_FILE

_BUSY_SECONDS: Final = 2.0


def holder(folder: Path) -> int | None:
    """The process that holds the state folder; None if nobody does, 0 for one that cannot be told. Blocks."""
    try:
        lock = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        told = os.read(lock, 32).decode("ascii", errors="replace").split()
        return int(told[0]) if told and told[0].isdigit() else 0
    finally:
        os.close(lock)
    return None


def glance(folder: Path) -> tuple[AppStatus, ...]:
    """The last saved status of each application; what cannot be read is left out. Nothing is written, nor migrated.

    Blocks. Raises `StoreError` for a file that is damaged or not to be opened; no file is no application.
    """
    file = folder / STATE_FILE
    if not file.exists():
        return ()
    try:
        with closing(sqlite3.connect(reading_uri(file), uri=True, timeout=_BUSY_SECONDS)) as connection:
            connection.execute("PRAGMA query_only=ON")
            (sound,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if sound != "ok":
                raise sqlite3.DatabaseError(sound)
            rows = connection.execute("SELECT name, status FROM applications").fetchall()
    except sqlite3.Error as error:
        raise as_store_error(error, file) from None
    found: list[AppStatus] = []
    for name, status in rows:
        try:
            found.append(decode(AppName(name), status, None))
        except ValueError:
            continue
    return tuple(found)
