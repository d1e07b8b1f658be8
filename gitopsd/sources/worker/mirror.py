"""Bare mirrors: open, make, tell whether one is whole, find commits by id (never by a revision expression, G5)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import pygit2
from pygit2.enums import ObjectType

from gitopsd.core.jsonvalue import JsonObject, JsonValue, text
from gitopsd.sources.names import safe_join
from gitopsd.sources.wire import Failure, FailureKind

_CONFIG = """[core]
\trepositoryformatversion = 0
\tbare = true
\tfilemode = true
[http]
\tfollowRedirects = false
"""
_HEX = frozenset("0123456789abcdef")
_PACK_TRAILER = 20
_OPEN: dict[str, tuple[tuple[int, int], pygit2.Repository]] = {}
_MOST_OPEN = 32


def opened(path: str) -> pygit2.Repository:
    """The mirror at `path`, kept open between requests; a mirror that was remade meanwhile is opened anew."""
    try:
        info = os.stat(safe_join(path, "HEAD"))
    except OSError:
        raise Failure(FailureKind.MIRROR, "the mirror is not there") from None
    identity = (info.st_ino, info.st_mtime_ns)
    known = _OPEN.pop(path, None)
    if known is None or known[0] != identity:
        known = (identity, pygit2.Repository(path))
    _OPEN[path] = known
    while len(_OPEN) > _MOST_OPEN:
        _OPEN.pop(next(iter(_OPEN)))
    return known[1]


def made(path: str) -> pygit2.Repository:
    """The mirror at `path`, made first if it is not there. Its configuration is always ours."""
    if not os.path.exists(safe_join(path, "HEAD")):
        os.makedirs(path, mode=0o700, exist_ok=True)
        pygit2.init_repository(path, bare=True)
    config = safe_join(path, "config")
    with open(config + ".new", "w", encoding="utf-8") as file:
        file.write(_CONFIG)
    os.replace(config + ".new", config)
    return opened(path)


def tidy(request: JsonObject) -> Mapping[str, JsonValue]:
    """`mirror` → `{"whole": bool, "packs": int}`: sweep up what a killed fetch left, and look at the packs' ends.

    A pack repeats its checksum at the end of its index, so a cut one shows without reading it whole. Only for a
    mirror that nobody else works on.
    """
    path = text(request, "mirror")
    objects = safe_join(path, "objects")
    if not os.path.isdir(objects):
        return {"whole": False, "packs": 0}
    for leftover in _leftovers(path):
        os.unlink(leftover)
    packs = safe_join(objects, "pack")
    names = sorted(os.listdir(packs)) if os.path.isdir(packs) else []
    indexes = [name for name in names if name.endswith(".idx")]
    whole = all(_same_end(packs, name, name.removesuffix(".idx") + ".pack") for name in indexes)
    return {"whole": whole and os.path.exists(safe_join(path, "HEAD")), "packs": len(indexes)}


def commit(request: JsonObject) -> Mapping[str, JsonValue]:
    """`mirror`, `id` (7 to 40 digits) → `{"commit": full id}`, tags peeled, or `{"missing": true}`."""
    wanted = text(request, "id")
    if not 7 <= len(wanted) <= 40 or not _HEX.issuperset(wanted):
        raise Failure(FailureKind.REFUSED, "this is not a commit id")
    repository = opened(text(request, "mirror"))
    try:
        found = repository.get(wanted)
    except ValueError as error:
        if "ambiguous" in str(error).lower():
            raise Failure(FailureKind.NO_COMMIT, f"{wanted} begins the ids of several objects") from None
        raise
    if found is None:
        return {"missing": True}
    try:
        peeled = found.peel(ObjectType.COMMIT)
    except (pygit2.GitError, ValueError):
        raise Failure(FailureKind.NO_COMMIT, f"{wanted} is the id of a {found.type_str}") from None
    return {"commit": str(peeled.id)}


def tree_of(repository: pygit2.Repository, commit_id: str) -> pygit2.Oid:
    """The root tree of a commit given by its full id."""
    found = repository.get(commit_id) if len(commit_id) == 40 and _HEX.issuperset(commit_id) else None
    if found is None or found.type != ObjectType.COMMIT:
        raise Failure(FailureKind.MISSING, f"commit {commit_id[:12]} is not in the mirror")
    return found.peel(ObjectType.TREE).id


def _leftovers(path: str) -> Iterator[str]:
    for folder, _, names in os.walk(path):
        inside_pack = folder.endswith("/objects/pack")
        for name in names:
            if name.endswith(".lock") or (inside_pack and name.startswith(("pack_git2_", "tmp_", ".tmp"))):
                yield safe_join(folder, name)


def _same_end(folder: str, index: str, pack: str) -> bool:
    try:
        with open(safe_join(folder, index), "rb") as file:
            file.seek(-2 * _PACK_TRAILER, os.SEEK_END)
            noted = file.read(_PACK_TRAILER)
        with open(safe_join(folder, pack), "rb") as file:
            file.seek(-_PACK_TRAILER, os.SEEK_END)
            return file.read(_PACK_TRAILER) == noted
    except OSError:
        return False
