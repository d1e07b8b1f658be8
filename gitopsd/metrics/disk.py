"""How much room there is on disk; asked for at each scrape, in its thread."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from gitopsd.metrics.gathered import Rows
from gitopsd.metrics.metric import Metric
from gitopsd.metrics.names import DISK_FREE, DISK_SIZE, STATE_BYTES

DISK_METRICS = (DISK_FREE, DISK_SIZE, STATE_BYTES)


def disk(state: Path, cache: Path) -> Mapping[Metric, Rows]:
    """The rows of `DISK_METRICS`; a folder that cannot be looked at has none."""
    sizes = {name: size for name, path in (("state", state), ("cache", cache)) if (size := _size(path)) is not None}
    return {
        DISK_FREE: [((name,), float(free)) for name, (free, _) in sizes.items()],
        DISK_SIZE: [((name,), float(whole)) for name, (_, whole) in sizes.items()],
        STATE_BYTES: [((), float(sum(_file_sizes(state))))],
    }


def _size(path: Path) -> tuple[int, int] | None:
    """Free for who is not root, and in all."""
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def _file_sizes(folder: Path) -> Iterator[int]:
    """Only the folder's own files: the cache is below it where nothing else was configured, and can be huge."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    yield entry.stat(follow_symlinks=False).st_size
    except OSError:
        return
