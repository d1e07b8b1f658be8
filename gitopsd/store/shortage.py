"""What a machine may be short of when a file cannot be opened or written: room, and open files. All of it blocks."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Final

from gitopsd.core.errors import StoreError

MORE_FILES: Final = "allow more: LimitNOFILE= in the unit, `ulimit -n` in a shell"
MORE_ROOM: Final = "make room there"

# What SQLite has beside the file it was asked for: log, index of the log, journal, folder, and as many to spare.
_FILES_NEEDED: Final = 8
# The least that the index of the log is made with, twice.
_BYTES_NEEDED: Final = 1 << 16


def hint_for(error: OSError, otherwise: str) -> str:
    """What to do about `error`: where something is short, that, and not what else is usual there."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return MORE_FILES
    return MORE_ROOM if error.errno in (errno.ENOSPC, errno.EDQUOT) else otherwise


def files_are_short() -> bool:
    """Whether the process, or the machine, has no open files left."""
    opened: list[int] = []
    try:
        opened.extend(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC) for _ in range(_FILES_NEEDED))
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE)
    finally:
        for each in opened:
            os.close(each)
    return False


def room_is_short(folder: Path) -> bool:
    """Whether nothing more can be put there: no bytes, or no files (where a file system counts them)."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < _BYTES_NEEDED or (found.f_files > 0 and found.f_favail == 0)


def check_room(folder: Path, needed: int, what: str, *, retryable: bool = False) -> None:
    """Raise the `StoreError` that begins with `what` where `needed` bytes have no room in `folder`; raises OSError."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StoreError(what, where=str(folder), why=shortfall(needed, free), hint=MORE_ROOM, retryable=retryable)


def shortfall(needed: int, free: int) -> str:
    """Of two numbers of bytes, in one unit, in which the larger one is larger: "it needs 13 kB, and 8 kB are free"."""
    size, unit = next((size, unit) for size, unit in ((10**6, "MB"), (10**3, "kB"), (1, "bytes")) if needed >= size)
    return f"it needs {-(-needed // size)} {unit}, and {free // size} {unit} are free"
