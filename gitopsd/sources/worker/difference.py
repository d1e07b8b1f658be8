"""At which paths two commits differ: what an unchanged render cannot have read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Final

import pygit2

from gitopsd.core.jsonvalue import JsonObject, JsonValue, text
from gitopsd.sources.wire import Failure
from gitopsd.sources.worker import mirror, trees
from gitopsd.sources.worker.trees import Entry, Trees

MOST_PATHS: Final = 20_000
_PLAIN: Final = (trees.FILE, trees.EXECUTABLE, trees.TREE)


class _UntellableError(Exception):
    """Links differ: what they lead to would have to be followed in both commits."""


def changes(request: JsonObject) -> Mapping[str, JsonValue]:
    """`mirror`, `before`, `after` → `{"paths": […]}`, or `{"paths": null}` where it cannot be told by paths alone.

    Paths of files that were added, removed or changed, of folders that came or went, and of folders (the root is ".")
    whose entries' names or kinds are others.
    """
    repository = mirror.opened(text(request, "mirror"))
    found = Trees(repository)
    try:
        before, after = (mirror.tree_of(repository, text(request, key)) for key in ("before", "after"))
        paths: list[JsonValue] = list(itertools.islice(_folder(found, before, after, ""), MOST_PATHS + 1))
    except (_UntellableError, UnicodeDecodeError, KeyError, Failure):
        # KeyError and Failure: a force push took the commit before along, so nobody knows what it held.
        return {"paths": None}
    return {"paths": paths if len(paths) <= MOST_PATHS else None}


def _folder(found: Trees, before: pygit2.Oid, after: pygit2.Oid, path: str) -> Iterator[str]:
    if before == after:
        return
    old, new = found.entries(before), found.entries(after)
    if {(name, entry.mode == trees.TREE) for name, entry in old.items()} != {
        (name, entry.mode == trees.TREE) for name, entry in new.items()
    }:
        yield path or "."
    for name in old.keys() | new.keys():
        here = f"{path}/{name.decode()}" if path else name.decode()
        yield from _entry(found, old.get(name), new.get(name), here)


def _entry(found: Trees, before: Entry | None, after: Entry | None, path: str) -> Iterator[str]:
    if before is not None and after is not None and (before.mode, before.oid) == (after.mode, after.oid):
        return
    if any(entry is not None and entry.mode not in _PLAIN for entry in (before, after)):
        raise _UntellableError
    if before is not None and after is not None and before.mode == after.mode == trees.TREE:
        yield from _folder(found, before.oid, after.oid, path)
        return
    yield path
    for entry in (before, after):
        if entry is not None and entry.mode == trees.TREE:
            yield from _everything(found, entry.oid, path)


def _everything(found: Trees, oid: pygit2.Oid, path: str) -> Iterator[str]:
    """All paths below a folder that came or went."""
    for name, entry in found.entries(oid).items():
        if entry.mode not in _PLAIN:
            raise _UntellableError
        here = f"{path}/{name.decode()}"
        yield here
        if entry.mode == trees.TREE:
            yield from _everything(found, entry.oid, here)
