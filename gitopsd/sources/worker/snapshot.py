"""Writes a commit as a folder: trees read by ourselves, no checkout, no filter, no hook (G7); links checked first (P3).

Three ways, each for what the one before lacks: a spare copy of another commit's folder, in which only what differs is
written; hard links to another commit's folder; plain writing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import pygit2

from gitopsd.core.jsonvalue import JsonObject, JsonValue, boolean, integer, sequence, text
from gitopsd.sources.names import safe_join
from gitopsd.sources.wire import Failure, FailureKind
from gitopsd.sources.worker import mirror, pointers, trees
from gitopsd.sources.worker.census import Limits, census
from gitopsd.sources.worker.linking import LINK_ELSE_WRITE, base_folder, folder, link_all, linked
from gitopsd.sources.worker.links import escaping
from gitopsd.sources.worker.trees import Entry, Trees

_MOST_NAMED: Final = 20
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class _Module:
    """A submodule's snapshot (`root`), and the links of it and of the submodules in it, by path below it."""

    root: str
    links: Mapping[bytes, bytes]


@dataclass(slots=True)
class _Work:
    """One snapshot in the making. `modules` is None where submodules are off, `objects` "" where LFS is."""

    trees: Trees
    limits: Limits
    modules: Mapping[bytes, _Module] | None
    objects: str
    files: int = 0
    size: int = 0
    linked: int = 0
    missing: dict[str, int] = field(default_factory=dict)

    def count(self, size: int, files: int = 1) -> None:
        self.files += files
        self.size += size
        self.limits.check(self.files, self.size)


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder being written (`out`), the same folder of the base if there, and its path (`a/b/`; "" the root)."""

    out: int
    base: int | None
    path: bytes


@dataclass(frozen=True, slots=True)
class _Before:
    """Trees of what is there: in the folder itself (a spare), and in the base."""

    here: pygit2.Oid | None
    base: pygit2.Oid | None


def snapshot(request: JsonObject) -> Mapping[str, JsonValue]:
    """`mirror`, `commit`, `temp`, `final`, limits → `{"files", "bytes", "linked"}`, or what LFS has to bring first.

    `base` is another snapshot, of `base_commit`; `spare_commit` is what lies at `temp` already. `modules` are `[path,
    root, [[path, mirror, commit], …]]` of submodules' snapshots where those are wanted (`with_modules`), `objects` is
    the folder of LFS objects where that is: with some of them missing the answer is `{"missing": {id: bytes}}`.

    Written as `temp` and renamed to `final` when it is whole. Nothing is left where that fails.
    """
    repository = mirror.opened(text(request, "mirror"))
    for spare, base in ((True, True), (False, True), (False, False)):
        if spare and not text(request, "spare_commit"):
            continue
        try:
            return _made(request, repository, spare=spare, base=base)
        except (OSError, KeyError) as error:
            if not base or (isinstance(error, OSError) and error.errno not in LINK_ELSE_WRITE):
                raise
    raise Failure(FailureKind.INTERNAL, "no way to make a snapshot")


def _made(request: JsonObject, repository: pygit2.Repository, *, spare: bool, base: bool) -> Mapping[str, JsonValue]:
    work = _work(request, repository)
    root = mirror.tree_of(repository, text(request, "commit"))
    _check(work, root)
    temp = text(request, "temp")
    try:
        before = _before(request, repository, spare=spare, base=base)
        if before.here is None:
            shutil.rmtree(temp, ignore_errors=True)
            os.makedirs(temp, mode=0o755)
        with folder(temp) as out, base_folder(text(request, "base") if before.base else "") as below:
            _write_tree(_Place(out, below, b""), work, root, before)
        if work.missing:
            shutil.rmtree(temp)
            return {"missing": dict(work.missing)}
        os.rename(temp, text(request, "final"))
    except BaseException:
        shutil.rmtree(temp, ignore_errors=True)
        raise
    return {"files": work.files, "bytes": work.size, "linked": work.linked}


def _work(request: JsonObject, repository: pygit2.Repository) -> _Work:
    limits = Limits(integer(request, "max_files"), integer(request, "max_bytes"))
    modules: dict[bytes, _Module] | None = {} if boolean(request, "with_modules") else None
    for item in sequence(request, "modules"):
        if modules is None or not isinstance(item, list):
            continue
        path, root, parts = item
        links: dict[bytes, bytes] = {}
        for inner, place, commit in parts if isinstance(parts, list) else ():
            theirs = mirror.opened(str(place))
            counted = census(Trees(theirs), mirror.tree_of(theirs, str(commit)), limits)
            prefix = f"{inner}/".encode() if inner else b""
            links.update((prefix + link, target) for link, target in counted.links.items())
        modules[str(path).encode()] = _Module(str(root), links)
    return _Work(Trees(repository), limits, modules, text(request, "objects"))


def _before(request: JsonObject, repository: pygit2.Repository, *, spare: bool, base: bool) -> _Before:
    """What can be built upon; a spare whose commit is not known any more is none."""
    here = _base_tree(repository, text(request, "spare_commit")) if spare else None
    if spare and here is None:
        raise KeyError("what the spare was made of")
    return _Before(here, _base_tree(repository, text(request, "base_commit")) if base else None)


def _base_tree(repository: pygit2.Repository, commit: str) -> pygit2.Oid | None:
    try:
        return mirror.tree_of(repository, commit) if commit else None
    except Failure:
        return None


def _check(work: _Work, root: pygit2.Oid) -> None:
    """Everything that can be refused before a byte is written, named all at once."""
    counted = census(work.trees, root, work.limits)
    work.count(counted.size, counted.files)
    bad = [f"{_shown(path)} {why}" for path, why in counted.bad.items()]
    links = dict(counted.links)
    for path in counted.modules if work.modules is not None else ():
        module = work.modules.get(path) if work.modules is not None else None
        if module is None:
            bad.append(f"{_shown(path)} is a submodule that .gitmodules does not tell of")
        else:
            links.update((path + b"/" + link, target) for link, target in module.links.items())
    bad += [f"{_shown(link)} (a link to {_shown(target)}) {why}" for link, target, why in escaping(links)]
    if bad:
        raise _refused(bad)


def _refused(bad: list[str]) -> Failure:
    more = f" and {len(bad) - _MOST_NAMED} more" if len(bad) > _MOST_NAMED else ""
    return Failure(FailureKind.REFUSED, "; ".join(sorted(bad)[:_MOST_NAMED]) + more)


def _write_tree(place: _Place, work: _Work, oid: pygit2.Oid, before: _Before) -> None:
    if before.here == oid:
        return
    if before.here is None and place.base is not None and before.base == oid:
        work.linked += sum(1 for _ in link_all(place.out, place.base))
        return
    wanted = work.trees.entries(oid)
    here = work.trees.entries(before.here) if before.here is not None else {}
    for name, entry in here.items():
        new = wanted.get(name)
        if new != entry and not (new is not None and new.mode == entry.mode == trees.TREE):
            _remove(entry, place.out)
    there = _entries_of_base(work, before.base)
    for name, entry in wanted.items():
        if here.get(name) == entry:
            continue
        if entry.mode == trees.TREE:
            _writefolder(place, work, entry, here.get(name), there.get(name))
        else:
            _write_leaf(place, work, entry, there.get(name))


def _entries_of_base(work: _Work, oid: pygit2.Oid | None) -> Mapping[bytes, Entry]:
    try:
        return work.trees.entries(oid) if oid is not None else {}
    except (KeyError, Failure):
        return {}


def _writefolder(place: _Place, work: _Work, entry: Entry, here: Entry | None, before: Entry | None) -> None:
    there = here.oid if here is not None and here.mode == trees.TREE else None
    if there is None:
        os.mkdir(entry.name, 0o755, dir_fd=place.out)
    was_folder = before is not None and before.mode == trees.TREE
    with (
        folder(entry.name, place.out) as out,
        base_folder(entry.name if was_folder and place.base is not None else b"", place.base) as base,
    ):
        inner = _Place(out, base, place.path + entry.name + b"/")
        below = before.oid if before is not None and base is not None else None
        _write_tree(inner, work, entry.oid, _Before(there, below))


def _write_leaf(place: _Place, work: _Work, entry: Entry, before: Entry | None) -> None:
    if entry.mode == trees.GITLINK:
        os.mkdir(entry.name, 0o755, dir_fd=place.out)  # what git leaves for a submodule that was not asked for
        if work.modules is not None:
            _mount(place, work, entry.name)
    elif entry.mode == trees.LINK:
        os.symlink(work.trees.link_target(entry.oid), entry.name, dir_fd=place.out)
    elif place.base is not None and before == entry and linked(entry.name, place.out, place.base):
        work.linked += 1
    else:
        _write_file(work, entry, place.out)


def _mount(place: _Place, work: _Work, name: bytes) -> None:
    module = (work.modules or {})[place.path + name]
    with folder(name, place.out) as out, folder(module.root) as base:
        for size in link_all(out, base, sizes=True):
            work.count(size)


def _write_file(work: _Work, entry: Entry, out: int) -> None:
    mode = 0o555 if entry.mode == trees.EXECUTABLE else 0o444
    data = work.trees.blob(entry.oid)
    pointer = pointers.parsed(data) if work.objects else None
    if pointer is not None:
        _write_object(work, pointer, entry, mode, out)
        return
    with _new_file(entry.name, mode, out) as file:
        _written(file, data)


def _write_object(work: _Work, pointer: pointers.Pointer, entry: Entry, mode: int, out: int) -> None:
    """The object that a pointer of LFS stands for; one that is not there yet is noted."""
    work.count(pointer.size, 0)
    source = safe_join(work.objects, pointer.oid)
    if not os.path.exists(source):
        work.missing[pointer.oid] = pointer.size
    elif mode == 0o444:
        os.link(source, entry.name, dst_dir_fd=out, follow_symlinks=False)
    else:
        with open(source, "rb") as stored, _new_file(entry.name, mode, out) as file:
            while data := stored.read(1024 * 1024):
                _written(file, data)


def _written(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


@contextmanager
def _new_file(name: bytes, mode: int, out: int) -> Iterator[int]:
    file = os.open(name, _NEW_FILE, mode, dir_fd=out)
    try:
        yield file
    finally:
        os.close(file)


def _remove(entry: Entry, out: int) -> None:
    if entry.mode in {trees.TREE, trees.GITLINK}:
        shutil.rmtree(entry.name, dir_fd=out)
    else:
        os.unlink(entry.name, dir_fd=out)


def _shown(path: bytes) -> str:
    return repr(path.decode("utf-8", "replace"))
