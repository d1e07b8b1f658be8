"""The files that a configuration is made of, each read once, as they were then."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from stat import S_ISREG
from typing import TypeAlias

Stamp: TypeAlias = "tuple[int, int, int, int]"
"""Device, inode, size and time of change (nanoseconds): differs when a file was written or replaced."""


def stamp(path: str) -> Stamp | None:
    """The file's stamp (a link's target's); None if there is none to be seen."""
    try:
        return _stamp(os.stat(path))
    except (OSError, ValueError):
        return None


def _stamp(found: os.stat_result) -> Stamp:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


@dataclass(slots=True)
class Files:
    """Reads files and remembers what they held and how they looked."""

    _contents: dict[str, bytes] = field(default_factory=dict)
    _stamps: dict[str, Stamp] = field(default_factory=dict)
    _secrets: dict[str, None] = field(default_factory=dict)

    def read(self, path: str, limit: int) -> bytes:
        """The file's bytes. Raises `OSError`, also for what is no regular file or holds more than `limit` bytes."""
        path = os.path.abspath(path)
        if path in self._contents:
            return self._contents[path]
        # Without O_NONBLOCK a named pipe would hold the reader for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file")
            data = file.read(limit + 1)
        if len(data) > limit:
            raise OSError(errno.EFBIG, f"it is larger than {limit // 1024} KiB")
        self._contents[path] = data
        self._stamps[path] = _stamp(found)
        return data

    def hold_secret(self, path: str) -> None:
        """Note that the file holds a secret."""
        self._secrets[os.path.abspath(path)] = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """The absolute paths of all files that hold secrets, also of those that were not read here."""
        return tuple(self._secrets)

    @property
    def stamps(self) -> Mapping[str, Stamp]:
        """Absolute path → how the file looked when it was read, in the order of reading."""
        return dict(self._stamps)

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) over names and contents of all files."""
        total = hashlib.sha256()
        for path, data in sorted(self._contents.items()):
            total.update(hashlib.sha256(os.fsencode(path)).digest())
            total.update(hashlib.sha256(data).digest())
        return total.hexdigest()
