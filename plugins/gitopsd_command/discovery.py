"""Whether a plugin's patterns match a file below a source's folder. Blocks: callers use a thread.

`fileName` follows Go's filepath.Glob (`*` stays within one name), `find.glob` knows `**` besides: any depth.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from gitopsd.plugin import Discover, Discovered, Glob, Read, ReadKind, RenderError, is_glob, resolve_path

_ANY_DEPTH: Final = "**"
_MOST_ENTRIES: Final = 1_000_000


def matches(root: str, path: str, discover: Discover) -> Discovered:
    """Whether the file name or glob matches below `path`. Raises `RenderError` for one that leaves the folder.

    A plain name depends on that file alone, a pattern on the names in the folders that were looked into.
    """
    pattern = discover.file_name or discover.glob
    if not is_glob(pattern):
        found = resolve_path(root, pattern, base=path, what="discover")
        looked = (Read(found.path, ReadKind.FILE),) if found.is_file else ()
        looked = (Read(found.path, ReadKind.DIR),) if found.is_dir else looked
        return Discovered(found.exists, (*found.reads, *looked))
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise RenderError(f"the discovery pattern {pattern!r} leaves the source's folder")
    if discover.file_name:
        parts = ["*" if part == _ANY_DEPTH else part for part in parts]
    walk = _Walk(root)
    matched = any(True for _ in walk.below(path, parts))
    return Discovered(matched, tuple(sorted(walk.reads)))


class _Walk:
    """One search; remembers the folders that it listed, and counts what is in them."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._left = _MOST_ENTRIES
        self.reads: set[Read] = set()

    def below(self, folder: str, parts: list[str]) -> Iterator[str]:
        """The paths below `folder` that the parts of a pattern match."""
        first, rest = parts[0], parts[1:]
        if first == _ANY_DEPTH and not rest:
            first, rest = "*", []
        if first == _ANY_DEPTH:
            yield from self.below(folder, rest)
            for name, is_folder in self._entries(folder):
                if is_folder:
                    yield from self.below(_joined(folder, name), parts)
            return
        wanted = Glob(first)
        for name, is_folder in self._entries(folder):
            if not wanted.matches(name):
                continue
            if not rest:
                yield _joined(folder, name)
            elif is_folder:
                yield from self.below(_joined(folder, name), rest)

    def _entries(self, folder: str) -> list[tuple[str, bool]]:
        """Names, and whether they are folders; links to folders are not entered."""
        self.reads.add(Read(folder, ReadKind.DIR))
        with os.scandir(os.path.join(self._root, folder)) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries if entry.name != ".git"]
        found.sort()
        self._left -= len(found)
        if self._left < 0:
            raise RenderError(f"discovery looked at more than {_MOST_ENTRIES} files", hint="make the pattern narrower")
        return found


def _joined(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"
