"""What a read of a path depends on, as a short text: equal between two commits as long as the read gives the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pygit2

from gitopsd.core.jsonvalue import JsonObject, JsonValue, boolean, sequence, text
from gitopsd.sources.worker import mirror, trees
from gitopsd.sources.worker.trees import Entry, Trees

_MOST_LINKS = 40
_KINDS = {trees.TREE: "d", trees.LINK: "l", trees.GITLINK: "m"}


def fingerprints(request: JsonObject) -> Mapping[str, JsonValue]:
    """`mirror`, `commit`, `reads` ([path, kind] each), `with_modules`, `with_objects` → `{"texts": one for each read}`.

    A file: mode and object id. A folder: a digest of its entries' names and kinds. A missing path: "". A symbolic
    link on the way is followed inside the tree, and is part of the text. Whatever lies in a submodule has its commit:
    nothing in it changes without that. Files read with LFS's objects in place are others than without.
    """
    repository = mirror.opened(text(request, "mirror"))
    found = Trees(repository)
    root = Entry(b"", trees.TREE, mirror.tree_of(repository, text(request, "commit")))
    mark = ",lfs" if boolean(request, "with_objects") else ""
    texts: list[JsonValue] = []
    for read in sequence(request, "reads"):
        path, kind = (str(part) for part in read) if isinstance(read, (list, tuple)) else ("", "")
        print_of = _fingerprint(found, root, path, kind, inside_modules=boolean(request, "with_modules"))
        texts.append(f"{print_of}{mark}" if print_of else "")
    return {"texts": texts}


def _fingerprint(found: Trees, root: Entry, path: str, kind: str, *, inside_modules: bool) -> str:
    links: list[str] = []
    entry = _walk(found, root, path, links, inside_modules=inside_modules)
    if entry is None:
        return ""
    through = ",".join(links) + "|" if links else ""
    if entry.mode == trees.GITLINK and inside_modules:
        return f"{through}module:{entry.oid}"  # without submodules its folder is empty
    if entry.mode == trees.TREE and kind == "dir":
        return f"{through}dir:{_listing(found, entry.oid)}"
    # Who looked for a file where now a folder stands sees the folder come and go, not what is in it.
    oid = "" if entry.mode == trees.TREE else str(entry.oid)
    return f"{through}{entry.mode:o}:{oid}"


def _listing(found: Trees, oid: pygit2.Oid) -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    for entry in sorted(found.entries(oid).values()):
        digest.update(entry.name + b"\0" + _KINDS.get(entry.mode, "f").encode())
    return digest.hexdigest()


def _walk(found: Trees, root: Entry, path: str, links: list[str], *, inside_modules: bool) -> Entry | None:
    """The entry at `path`, links followed; None if there is none, or if the way leaves the tree.

    `inside_modules`: a submodule on the way stands for all in it.
    """
    here = [root]
    todo = [part for part in reversed(path.encode("utf-8", "surrogateescape").split(b"/")) if part not in {b"", b"."}]
    while todo:
        part = todo.pop()
        if part == b"..":
            if len(here) == 1:
                return None
            here.pop()
            continue
        entry = found.entries(here[-1].oid).get(part) if here[-1].mode == trees.TREE else None
        if entry is None:
            return None
        if entry.mode == trees.GITLINK and inside_modules:
            return entry
        if entry.mode != trees.LINK:
            here.append(entry)
            continue
        links.append(str(entry.oid)[:16])
        target = found.link_target(entry.oid)
        if len(links) > _MOST_LINKS or target.startswith(b"/"):
            return None
        todo.extend(part for part in reversed(target.split(b"/")) if part not in {b"", b"."})
    return here[-1]
