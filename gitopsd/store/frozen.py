"""A state folder on a file system that nobody writes to: a snapshot of a disk, a volume that is mounted read-only."""

from __future__ import annotations

import os
from pathlib import Path


def is_frozen(folder: Path) -> bool:
    """Whether its file system is mounted read-only. Blocks; raises OSError."""
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def reading_uri(file: Path) -> str:
    """SQLite's URI of a database that is only read.

    Where nothing can be written SQLite cannot make the side files that it wants of a database with a write-ahead log,
    and has to be told that it needs none; with a log beside it, it reads that (https://www.sqlite.org/wal.html, 5).
    """
    log = file.with_name(f"{file.name}-wal")
    frozen = is_frozen(file.parent) and not (log.exists() and log.stat().st_size)
    return f"{file.absolute().as_uri()}?mode=ro{'&immutable=1' if frozen else ''}"
