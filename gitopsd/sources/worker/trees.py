"""Git trees as they lie in the object store, read by ourselves: names are bytes, and nothing is interpreted."""

from __future__ import annotations

from typing import Final, NamedTuple

import pygit2
from pygit2.enums import ObjectType

from gitopsd.sources.wire import Failure, FailureKind

TREE: Final = 0o040000
FILE: Final = 0o100644
EXECUTABLE: Final = 0o100755
LINK: Final = 0o120000
GITLINK: Final = 0o160000

# 100664 is what very old versions of git wrote.
_MODES: Final = {TREE: TREE, FILE: FILE, 0o100664: FILE, EXECUTABLE: EXECUTABLE, LINK: LINK, GITLINK: GITLINK}
_LONGEST_LINK: Final = 4096
_MOST_KNOWN: Final = 100_000


class Entry(NamedTuple):
    """One entry of a tree; `mode` is one of the constants above."""

    name: bytes
    mode: int
    oid: pygit2.Oid


class _Known:
    """Trees that were read, whatever the repository: an id stands for one content. The oldest go when it gets full."""

    def __init__(self) -> None:
        self.trees: dict[pygit2.Oid, dict[bytes, Entry]] = {}
        self._entries = 0

    def add(self, oid: pygit2.Oid, entries: dict[bytes, Entry]) -> None:
        self.trees[oid] = entries
        self._entries += len(entries) + 1
        while self._entries > _MOST_KNOWN and len(self.trees) > 1:
            self._entries -= len(self.trees.pop(next(iter(self.trees)))) + 1


_KNOWN: Final = _Known()


class Trees:
    """Reads trees of one repository, each at most once as long as there is room."""

    def __init__(self, repository: pygit2.Repository) -> None:
        self._odb = repository.odb

    def entries(self, oid: pygit2.Oid) -> dict[bytes, Entry]:
        """The entries of a tree by name; raises `Failure` for a malformed tree, KeyError for a missing one."""
        known = _KNOWN.trees.get(oid)
        if known is None:
            kind, data = self._odb.read(oid)
            if kind != ObjectType.TREE:
                raise Failure(FailureKind.REFUSED, f"object {oid} is no tree")
            known = _parsed(data)
            _KNOWN.add(oid, known)
        return known

    def size(self, oid: pygit2.Oid) -> int:
        """The size of a blob in bytes, without reading it."""
        return self._odb.read_header(oid)[1]

    def blob(self, oid: pygit2.Oid) -> bytes:
        """The content of a blob."""
        kind, data = self._odb.read(oid)
        if kind != ObjectType.BLOB:
            raise Failure(FailureKind.REFUSED, f"object {oid} is no file")
        return data

    def link_target(self, oid: pygit2.Oid) -> bytes:
        """Where a symbolic link points."""
        if self.size(oid) > _LONGEST_LINK:
            raise Failure(FailureKind.REFUSED, f"a symbolic link's target is longer than {_LONGEST_LINK} bytes")
        return self.blob(oid)


def _parsed(data: bytes) -> dict[bytes, Entry]:
    """`mode SP name NUL id` over and over (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects)."""
    entries: dict[bytes, Entry] = {}
    here = 0
    while here < len(data):
        space = data.find(b" ", here, here + 8)
        end = data.find(b"\0", space)
        if space < 0 or end < 0 or end + 21 > len(data):
            raise Failure(FailureKind.REFUSED, "a tree in the repository is malformed")
        name = data[space + 1 : end]
        try:
            mode = _MODES[int(data[here:space], 8)]
        except (KeyError, ValueError):
            raise Failure(FailureKind.REFUSED, f"{name!r} in the repository has an unknown mode") from None
        if name in entries:
            raise Failure(FailureKind.REFUSED, f"{name!r} stands twice in a folder of the repository")
        entries[name] = Entry(name, mode, pygit2.Oid(raw=data[end + 1 : end + 21]))
        here = end + 21
    return entries
