"""Writes a commit as a folder: trees read by ourselves, no checkout, no filter, no hook (G7); links checked first (P3).

What the folder of another commit has already is hard-linked from there: whole subtrees without reading git at all.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import pygit2

from gitopsd.core.jsonvalue import JsonObject, JsonValue, integer, text
from gitopsd.sources.names import tree_name_problem
from gitopsd.sources.wire import Failure, FailureKind
from gitopsd.sources.worker import mirror, trees
from gitopsd.sources.worker.links import escaping
from gitopsd.sources.worker.trees import Entry, Trees

_MOST_NAMED = 20
_DEEPEST = 100
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# The base may be swept away meanwhile, may have too many names already, or lie elsewhere: then the file is written.
_LINK_ELSE_WRITE = frozenset({errno.ENOENT, errno.EMLINK, errno.EXDEV, errno.EPERM})


@dataclass(slots=True)
class _Work:
    """One snapshot in the making."""

    trees: Trees
    max_files: int
    max_bytes: int
    files: int = 0
    size: int = 0
    linked: int = 0
    bad: list[str] = field(default_factory=list)
    links: dict[bytes, bytes] = field(default_factory=dict)

    def count(self, size: int) -> None:
        self.files += 1
        self.size += size
        if self.files > self.max_files:
            raise Failure(FailureKind.LIMIT, f"the commit has more than {self.max_files} files")
        if self.size > self.max_bytes:
            raise Failure(FailureKind.LIMIT, f"the commit's files are larger than {self.max_bytes // 1_000_000} MB")


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder being written (`out`), the same folder of the base if there, and its path (`a/b/`; "" the root)."""

    out: int
    base: int | None
    path: bytes


def snapshot(request: JsonObject) -> Mapping[str, JsonValue]:
    """`mirror`, `commit`, `base` (folder), `base_commit`, `temp`, `final`, limits → `{"files", "bytes", "linked"}`.

    Written as `temp` and renamed to `final` when it is whole. Nothing is left where that fails.
    """
    repository = mirror.opened(text(request, "mirror"))
    base = text(request, "base")
    try:
        return _made(request, repository, base)
    except OSError as error:
        if not base or error.errno not in _LINK_ELSE_WRITE:
            raise
    return _made(request, repository, "")


def _made(request: JsonObject, repository: pygit2.Repository, base: str) -> Mapping[str, JsonValue]:
    work = _Work(Trees(repository), integer(request, "max_files"), integer(request, "max_bytes"))
    root = mirror.tree_of(repository, text(request, "commit"))
    base_root = _base_tree(repository, text(request, "base_commit")) if base else None
    temp = text(request, "temp")
    os.makedirs(temp, mode=0o755)
    try:
        with _folder(temp) as out, _base_folder(base) as before:
            _write_tree(_Place(out, before, b""), work, root, base_root)
        _refuse_what_is_bad(work)
        os.rename(temp, text(request, "final"))
    except BaseException:
        shutil.rmtree(temp, ignore_errors=True)
        raise
    return {"files": work.files, "bytes": work.size, "linked": work.linked}


def _base_tree(repository: pygit2.Repository, commit: str) -> pygit2.Oid | None:
    try:
        return mirror.tree_of(repository, commit) if commit else None
    except Failure:
        return None


def _refuse_what_is_bad(work: _Work) -> None:
    work.bad += [f"{_shown(link)} (a link to {_shown(target)}) {why}" for link, target, why in escaping(work.links)]
    if work.bad:
        more = f" and {len(work.bad) - _MOST_NAMED} more" if len(work.bad) > _MOST_NAMED else ""
        raise Failure(FailureKind.REFUSED, "; ".join(sorted(work.bad)[:_MOST_NAMED]) + more)


def _write_tree(place: _Place, work: _Work, oid: pygit2.Oid, base_oid: pygit2.Oid | None) -> None:
    if place.path.count(b"/") >= _DEEPEST:
        raise Failure(FailureKind.LIMIT, f"the commit's folders are more than {_DEEPEST} deep")
    if place.base is not None and base_oid == oid:
        _link_all(work, place.out, place.base, place.path)
        return
    before = _entries_of_base(work, base_oid)
    for entry in work.trees.entries(oid).values():
        why = tree_name_problem(entry.name)
        if why:
            work.bad.append(f"{_shown(place.path + entry.name)} {why}")
        elif entry.mode == trees.TREE:
            _write_folder(place, work, entry, before.get(entry.name))
        else:
            _write_leaf(place, work, entry, before.get(entry.name))


def _entries_of_base(work: _Work, oid: pygit2.Oid | None) -> Mapping[bytes, Entry]:
    try:
        return work.trees.entries(oid) if oid is not None else {}
    except (KeyError, Failure):
        return {}


def _write_folder(place: _Place, work: _Work, entry: Entry, before: Entry | None) -> None:
    was_folder = before is not None and before.mode == trees.TREE
    os.mkdir(entry.name, 0o755, dir_fd=place.out)
    with (
        _folder(entry.name, place.out) as out,
        _base_folder(entry.name if was_folder and place.base is not None else b"", place.base) as base,
    ):
        inner = _Place(out, base, place.path + entry.name + b"/")
        _write_tree(inner, work, entry.oid, before.oid if before is not None and base is not None else None)


def _write_leaf(place: _Place, work: _Work, entry: Entry, before: Entry | None) -> None:
    if entry.mode == trees.GITLINK:
        os.mkdir(entry.name, 0o755, dir_fd=place.out)  # what git leaves for a submodule that was not asked for
    elif entry.mode == trees.LINK:
        _write_link(place, work, entry.name, work.trees.link_target(entry.oid))
    else:
        work.count(work.trees.size(entry.oid))
        if place.base is not None and before == entry and _linked(entry.name, place.out, place.base):
            work.linked += 1
        else:
            _write_file(work, entry, place.out)


def _write_link(place: _Place, work: _Work, name: bytes, target: bytes) -> None:
    work.count(len(target))
    if not target or b"\0" in target:
        work.bad.append(f"{_shown(place.path + name)} is a link to nothing")
        return
    work.links[place.path + name] = target
    os.symlink(target, name, dir_fd=place.out)


def _write_file(work: _Work, entry: Entry, out: int) -> None:
    mode = 0o555 if entry.mode == trees.EXECUTABLE else 0o444
    file = os.open(entry.name, _NEW_FILE, mode, dir_fd=out)
    try:
        data = memoryview(work.trees.blob(entry.oid))
        while data:
            data = data[os.write(file, data) :]
    finally:
        os.close(file)


def _shown(path: bytes) -> str:
    return repr(path.decode("utf-8", "replace"))


def _linked(name: bytes | str, out: int, base: int) -> bool:
    try:
        os.link(name, name, src_dir_fd=base, dst_dir_fd=out, follow_symlinks=False)
    except OSError as error:
        if error.errno in _LINK_ELSE_WRITE:
            return False
        raise
    return True


def _link_all(work: _Work, out: int, base: int, path: bytes) -> None:
    """Link everything below an unchanged folder. Its names were checked when the base was made; its links are again."""
    with os.scandir(base) as listing:
        for item in listing:
            name = os.fsencode(item.name)
            if item.is_symlink():
                _write_link(_Place(out, base, path), work, name, os.readlink(name, dir_fd=base))
            elif item.is_dir(follow_symlinks=False):
                os.mkdir(name, 0o755, dir_fd=out)
                with _folder(name, out) as inner, _folder(name, base) as inner_base:
                    _link_all(work, inner, inner_base, path + name + b"/")
            else:
                work.count(item.stat(follow_symlinks=False).st_size)
                os.link(name, name, src_dir_fd=base, dst_dir_fd=out, follow_symlinks=False)
                work.linked += 1


@contextmanager
def _folder(name: bytes | str, inside: int | None = None) -> Iterator[int]:
    handle = os.open(name, _FOLDER, dir_fd=inside)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _base_folder(name: bytes | str, inside: int | None = None) -> Iterator[int | None]:
    if not name:
        yield None
        return
    try:
        handle = os.open(name, _FOLDER, dir_fd=inside)
    except OSError:
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)
