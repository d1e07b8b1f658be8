"""Paths that an application names, resolved link by link under the root of its snapshot (advisories P1, P7).

The file system is asked before a renderer starts, and every link and every part that is not there counts as a read: the
answer may change with them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass

from gitopsd.core.errors import RenderError
from gitopsd.core.manifest import Read, ReadKind
from gitopsd.plugin.failure import TracedRenderError

# As many as Linux follows for one path.
MAX_LINKS = 40
MAX_LENGTH = 4096


@dataclass(frozen=True, slots=True)
class ResolvedPath:
    """Where a path leads after all links, relative to the root ("." is the root), and what is there.

    With neither `is_dir` nor `is_file` nothing is there, and `path` is the first part that is missing.
    """

    path: str
    is_dir: bool = False
    is_file: bool = False
    reads: tuple[Read, ...] = ()

    @property
    def exists(self) -> bool:
        """Whether a file or a folder is there."""
        return self.is_dir or self.is_file


def resolve_path(root: str, named: str, *, base: str = ".", what: str = "path") -> ResolvedPath:
    """Follow `named` from `base`, or from the root where it begins with `/`, without ever leaving `root`.

    `what` names the field in messages. Raises `RenderError` for anything that leaves the repository, for links in a
    circle, and for names that are no paths (URLs, control characters). Blocks for a few system calls on a local folder.
    """
    if len(named) > MAX_LENGTH or not named.isprintable():
        raise RenderError(
            f"{what} is not a path", hint="a path is text of printable characters, relative to the repository"
        )
    if "://" in named:
        raise RenderError(f"{what} {named!r} leaves the repository", hint="name a file of the repository, not a URL")
    parts = named.split("/") if named.startswith("/") else [*base.split("/"), *named.split("/")]
    return _Walk(root, f"{what} {named!r}").follow(parts)


class _Walk:
    """One walk through the snapshot; `here` are the parts of the folder that was reached, free of links."""

    def __init__(self, root: str, subject: str) -> None:
        self._root = root
        self._subject = subject
        self._here: list[str] = []
        self._reads: list[Read] = []
        self._links = 0

    def follow(self, parts: list[str]) -> ResolvedPath:
        rest = list(reversed(parts))
        mode = stat.S_IFDIR
        while rest:
            part = rest.pop()
            if part in ("", "."):
                continue
            if part == "..":
                self._up()
                mode = stat.S_IFDIR
                continue
            found = self._look(part)
            if found is None:
                return self._missing(part, rest)
            if stat.S_ISLNK(found):
                rest.extend(reversed(self._target(part)))
                mode = stat.S_IFDIR
                continue
            if not stat.S_ISDIR(found) and any(each not in ("", ".") for each in rest):
                return self._missing(part, rest)
            self._here.append(part)
            mode = found
        return ResolvedPath("/".join(self._here) or ".", stat.S_ISDIR(mode), stat.S_ISREG(mode), tuple(self._reads))

    def _up(self) -> None:
        if not self._here:
            raise self._refused("leaves the repository")
        self._here.pop()

    def _look(self, part: str) -> int | None:
        try:
            return os.lstat(os.path.join(self._root, *self._here, part)).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._refused(f"cannot be opened: {error.strerror}") from error

    def _missing(self, part: str, rest: list[str]) -> ResolvedPath:
        if _lowest(len(self._here) + 1, reversed(rest)) < 0:
            raise self._refused("leaves the repository")
        path = "/".join([*self._here, part])
        return ResolvedPath(path, reads=(*self._reads, Read(path, ReadKind.MISSING)))

    def _target(self, part: str) -> list[str]:
        link = "/".join([*self._here, part])
        self._links += 1
        if self._links > MAX_LINKS:
            raise self._refused(f"goes round in a circle at the link {link!r}", where=link)
        target = os.readlink(os.path.join(self._root, link))
        self._reads.append(Read(link, ReadKind.FILE))
        if target.startswith("/") or _lowest(len(self._here), target.split("/")) < 0:
            raise self._refused(f"leaves the repository by the link {link!r}", where=link)
        return target.split("/")

    def _refused(self, why: str, where: str = "") -> TracedRenderError:
        return TracedRenderError(
            f"{self._subject} {why}", where=where, hint="name a path inside of the repository", reads=tuple(self._reads)
        )


def _lowest(depth: int, parts: Iterable[str]) -> int:
    """The lowest depth below the root that `parts`, taken as plain folders, lead to."""
    lowest = depth
    for part in parts:
        depth += -1 if part == ".." else part not in ("", ".")
        lowest = min(lowest, depth)
    return lowest
