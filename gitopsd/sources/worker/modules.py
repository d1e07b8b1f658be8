"""Submodules as a commit declares them: paths and URLs of `.gitmodules`, commits of the tree (advisory G6).

The grammar of the file is that of git-config(1); of what it may say only `path` and `url` are heeded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from gitopsd.core.jsonvalue import JsonObject, JsonValue, integer, text
from gitopsd.sources.names import tree_name_problem
from gitopsd.sources.wire import Failure, FailureKind
from gitopsd.sources.worker import mirror, trees
from gitopsd.sources.worker.trees import Entry, Trees

_LARGEST: Final = 1024 * 1024
_SECTION: Final = re.compile(r'\[\s*(?P<kind>[A-Za-z0-9.-]+)(?:\s+"(?P<name>(?:[^"\\]|\\.)*)")?\s*\]\s*')
_VARIABLE: Final = re.compile(r"(?P<key>[A-Za-z][A-Za-z0-9-]*)\s*(?:=\s*(?P<value>.*))?")
_ESCAPES: Final = {"n": "\n", "t": "\t", "b": "\b"}


def modules(request: JsonObject) -> Mapping[str, JsonValue]:
    """`mirror`, `commit`, `most` → `{"modules": [[path, url, commit], …]}`, sorted by path; what lies at a path without
    being a submodule in the tree is left out, as git does.
    """
    repository = mirror.opened(text(request, "mirror"))
    found = Trees(repository)
    root = mirror.tree_of(repository, text(request, "commit"))
    entry = found.entries(root).get(b".gitmodules")
    if entry is None:
        return {"modules": []}
    if entry.mode not in {trees.FILE, trees.EXECUTABLE} or found.size(entry.oid) > _LARGEST:
        raise _refused("is no plain file of at most 1 MB")
    listed: list[JsonValue] = []
    for path, url in sorted(declared(found.blob(entry.oid)).items()):
        at = _at(found, Entry(b"", trees.TREE, root), path)
        if at is not None and at.mode == trees.GITLINK:
            listed.append([path, url, str(at.oid)])
    if len(listed) > integer(request, "most"):
        raise Failure(FailureKind.LIMIT, f"the commit has more than {integer(request, 'most')} submodules")
    return {"modules": listed}


def declared(data: bytes) -> dict[str, str]:
    """Path → URL of every submodule that a `.gitmodules` declares; raises `Failure` for what cannot be read or used."""
    try:
        lines = data.decode("utf-8").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError:
        raise _refused("is no UTF-8") from None
    named: dict[str, dict[str, str]] = {}
    for name, key, value in _variables(lines):
        named.setdefault(name, {})[key] = value
    found: dict[str, str] = {}
    for name, values in named.items():
        path, url = values.get("path"), values.get("url")
        if path is None or url is None:
            continue
        why = _name_problem(name) or _path_problem(path)
        if why:
            raise _refused(f"declares a submodule whose {why}")
        if path in found:
            raise _refused("declares two submodules of the same path")
        found[path] = url
    return found


def _name_problem(name: str) -> str:
    """git makes folders of names; we make none, and refuse such a one all the same: it means no good."""
    return "name is no plain one" if ".." in name.split("/") or not name or name.startswith(("-", "/")) else ""


def _path_problem(path: str) -> str:
    if path.startswith("-"):
        return "path begins with '-'"
    for part in path.split("/"):
        why = tree_name_problem(part.encode())
        if why:
            return f"path {path[:200]!r} {why}"
    return ""


def _variables(lines: list[str]) -> Iterator[tuple[str, str, str]]:
    """(submodule, key in lower case, value) for each setting in a section of a submodule."""
    name: str | None = None
    rest = iter(lines)
    for line in rest:
        plain = line.strip()
        if plain.startswith("["):
            section = _SECTION.match(plain)
            if section is None:
                raise _refused("cannot be read")
            title = section["name"]
            name = re.sub(r"\\(.)", r"\1", title) if section["kind"].lower() == "submodule" and title else None
            plain = plain[section.end() :]
        if not plain or plain[0] in "#;":
            continue
        variable = _VARIABLE.fullmatch(plain)
        if variable is None:
            raise _refused("cannot be read")
        value = _value(variable["value"] or "", rest)
        if name is not None:
            yield name, variable["key"].lower(), value


def _value(raw: str, rest: Iterator[str]) -> str:
    """A value without its quotes, comments and escapes; a backslash at the end goes on in the next line."""
    while len(raw) - len(raw.rstrip("\\")) & 1:
        raw = raw[:-1] + next(rest, "")
    found: list[str] = []
    quoted = False
    kept = 0  # spaces at the end are no part of it, but for those in quotes
    letters = iter(raw)
    for letter in letters:
        if letter == '"':
            quoted = not quoted
            continue
        if letter in "#;" and not quoted:
            break
        found.append(_escaped(next(letters, "")) if letter == "\\" else letter)
        if quoted or not found[-1].isspace():
            kept = len(found)
    if quoted:
        raise _refused("cannot be read")
    return "".join(found[:kept])


def _escaped(letter: str) -> str:
    if letter not in {"n", "t", "b", '"', "\\"}:
        raise _refused("cannot be read")
    return _ESCAPES.get(letter, letter)


def _at(found: Trees, entry: Entry, path: str) -> Entry | None:
    for part in path.encode().split(b"/"):
        if entry.mode != trees.TREE:
            return None
        inner = found.entries(entry.oid).get(part)
        if inner is None:
            return None
        entry = inner
    return entry


def _refused(why: str) -> Failure:
    return Failure(FailureKind.REFUSED, f".gitmodules {why}")
