"""What a tree holds all in all: counted without writing anything, and remembered by the tree's id.

So the limits are kept before a byte is written, and the next commit is counted by what it changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import pygit2

from gitopsd.sources.names import tree_name_problem
from gitopsd.sources.wire import Failure, FailureKind
from gitopsd.sources.worker import trees
from gitopsd.sources.worker.trees import Entry, Trees

_DEEPEST: Final = 100
_MOST_KNOWN: Final = 50_000
_KNOWN: Final[dict[pygit2.Oid, Census]] = {}


@dataclass(frozen=True, slots=True)
class Limits:
    """How many files a commit may have, and how many bytes in them."""

    files: int
    size: int

    def check(self, files: int, size: int) -> None:
        """Raise `Failure` where there is more."""
        if files > self.files:
            raise Failure(FailureKind.LIMIT, f"the commit has more than {self.files} files")
        if size > self.size:
            raise Failure(FailureKind.LIMIT, f"the commit's files are larger than {self.size // 1_000_000} MB")


@dataclass(slots=True)
class Census:
    """Files and their bytes (links count), and by path: where links point, submodules' commits, what is refused."""

    files: int = 0
    size: int = 0
    depth: int = 0
    links: dict[bytes, bytes] = field(default_factory=dict)
    modules: dict[bytes, str] = field(default_factory=dict)
    bad: dict[bytes, str] = field(default_factory=dict)

    def add(self, name: bytes, inner: Census) -> None:
        """Count what is below a folder."""
        self.files += inner.files
        self.size += inner.size
        self.depth = max(self.depth, inner.depth + 1)
        prefix = name + b"/"
        self.links.update((prefix + path, target) for path, target in inner.links.items())
        self.modules.update((prefix + path, commit) for path, commit in inner.modules.items())
        self.bad.update((prefix + path, why) for path, why in inner.bad.items())


def census(found: Trees, oid: pygit2.Oid, limits: Limits, level: int = 0) -> Census:
    """The census of a tree; raises `Failure` beyond the limits, KeyError for what is missing."""
    if level >= _DEEPEST:
        raise Failure(FailureKind.LIMIT, f"the commit's folders are more than {_DEEPEST} deep")
    known = _KNOWN.get(oid)
    if known is None:
        known = Census()
        for entry in found.entries(oid).values():
            _count(known, found, entry, limits, level)
            # Trees may name one another again and again: what fits into a kilobyte can stand for a billion files.
            limits.check(known.files + len(known.bad) + len(known.modules), known.size)
        _KNOWN[oid] = known
        while len(_KNOWN) > _MOST_KNOWN:
            del _KNOWN[next(iter(_KNOWN))]
    limits.check(known.files, known.size)
    if level + known.depth >= _DEEPEST:
        raise Failure(FailureKind.LIMIT, f"the commit's folders are more than {_DEEPEST} deep")
    return known


def _count(total: Census, found: Trees, entry: Entry, limits: Limits, level: int) -> None:
    why = tree_name_problem(entry.name)
    if why:
        total.bad[entry.name] = why
    elif entry.mode == trees.TREE:
        total.add(entry.name, census(found, entry.oid, limits, level + 1))
    elif entry.mode == trees.GITLINK:
        total.modules[entry.name] = str(entry.oid)
    elif entry.mode == trees.LINK:
        target = found.link_target(entry.oid)
        total.files += 1
        total.size += len(target)
        total.links[entry.name] = target
        if not target or b"\0" in target:
            total.bad[entry.name] = "is a link to nothing"
    else:
        total.files += 1
        total.size += found.size(entry.oid)
