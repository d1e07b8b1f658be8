"""A private, writable copy of a snapshot. Nothing is hard-linked: a snapshot's files are shared by many commits."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

_CHUNK: Final = 1 << 20
_FILES_BETWEEN_LOOKS: Final = 64
_DEEPEST: Final = 200
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class NotCopied(Exception):  # noqa: N818  # an outcome of the run that is reported, not an error of the keeper
    """The snapshot cannot be copied; the text says why."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose the copy is; -1 leaves it with the present user."""

    uid: int = -1
    gid: int = -1

    def takes(self, path: str) -> None:
        """Give `path` (a link itself) to the owner."""
        if self.uid >= 0:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


@dataclass(slots=True)
class Copying:
    """One copy. `look` is called now and then, and raises to stop. Executable bits are left out unless `keep_modes`."""

    owner: Owner
    look: Callable[[], None]
    keep_modes: bool = False
    _links: list[str] = field(default_factory=list)
    _files: int = 0

    def copy(self, root: str, to: str) -> None:
        """Copy the tree at `root` to the new folder `to`, without the root's `.git`. Raises `NotCopied`."""
        try:
            self._folder(root, to, 0)
        except OSError as error:
            raise NotCopied(f"{error.strerror} ({_below(root, error.filename)})") from None
        self._check_links(to)

    def _folder(self, source: str, to: str, depth: int) -> None:
        if depth > _DEEPEST:
            raise NotCopied(f"folders are more than {_DEEPEST} deep")
        os.mkdir(to, 0o700)
        self.owner.takes(to)
        with os.scandir(source) as entries:
            for entry in entries:
                if depth == 0 and entry.name == ".git":
                    continue
                self._entry(entry, f"{to}/{entry.name}", depth)

    def _entry(self, entry: os.DirEntry[str], to: str, depth: int) -> None:
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), to)
            self._links.append(to)
        elif entry.is_dir(follow_symlinks=False):
            self._folder(entry.path, to, depth + 1)
            return
        elif entry.is_file(follow_symlinks=False):
            self._file(entry.path, to)
        else:
            raise NotCopied(f"{entry.name!r} is neither a file nor a folder nor a link")
        self.owner.takes(to)

    def _file(self, source: str, to: str) -> None:
        self._files += 1
        if self._files % _FILES_BETWEEN_LOOKS == 0:
            self.look()
        reading = os.open(source, _READ)
        try:
            runs = self.keep_modes and os.fstat(reading).st_mode & stat.S_IXUSR
            writing = os.open(to, _WRITE, 0o700 if runs else 0o600)
            try:
                self._bytes(reading, writing)
            finally:
                os.close(writing)
        finally:
            os.close(reading)

    def _bytes(self, reading: int, writing: int) -> None:
        while data := os.read(reading, _CHUNK):
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(writing, rest) :]
            if len(data) == _CHUNK:
                self.look()

    def _check_links(self, to: str) -> None:
        """Snapshots were checked when they were made; a folder of `gitopsd render` was not (P1)."""
        real = os.path.realpath(to)
        for link in self._links:
            found = os.path.realpath(link)
            if found != real and not found.startswith(f"{real}/"):
                raise NotCopied(f"the link {os.path.relpath(link, to)!r} leaves the repository")


def remove(folder: str) -> None:
    """Remove a private folder, whatever modes and depths its commands left. What cannot be removed stays.

    Folders within are moved beside it first: a path to the deepest one could be longer than the system takes.
    """
    pending = [folder]
    moved = 0
    while pending:
        here = pending.pop()
        for entry in _entries(here):
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    moved += 1
                    beside = f"{folder}.{moved}"
                    # A folder that is moved must be writable itself.
                    os.chmod(entry.path, 0o700)
                    os.rename(entry.path, beside)
                    pending.append(beside)
                else:
                    os.unlink(entry.path)
        with suppress(OSError):
            os.rmdir(here)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    with suppress(OSError):
        os.chmod(folder, 0o700)
        with os.scandir(folder) as entries:
            return list(entries)
    return []


def _below(root: str, path: object) -> str:
    return os.path.relpath(path, root) if isinstance(path, str) and path.startswith(root) else "in the private folder"
