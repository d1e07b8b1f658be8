"""Which renderer a source gets: the one it names, else the one whose marker file is in its folder, else plain
manifests.

Source: https://argo-cd.readthedocs.io/en/stable/user-guide/tool_detection/
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gitopsd.core.errors import RenderError
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.manifest import Read, ReadKind
from gitopsd.plugin.discovery import Discovering
from gitopsd.plugin.failure import TracedRenderError
from gitopsd.plugin.paths import ResolvedPath, resolve_path
from gitopsd.plugin.renderer import Renderer
from gitopsd.render.overrides import Chosen, overridden

FALLBACK: Final = "directory"
# What `plugin: {}` without a name asks for.
BY_DISCOVERY: Final = "plugin"


@dataclass(frozen=True, slots=True)
class Choice:
    """The renderer and its options, the source's folder after links, and what was looked at to find them.

    `explicit` is the renderer that is asked for by name, "" for none, `BY_DISCOVERY` for any that discovers the
    folder: then `renderer` is what the folder gets if none does. `chosen` is what is written, overrides in git merged.
    """

    renderer: Renderer
    path: str
    reads: tuple[Read, ...]
    chosen: Chosen

    @property
    def options(self) -> JsonObject:
        """The renderer's block."""
        return self.chosen.options

    @property
    def explicit(self) -> str:
        """The renderer that is asked for."""
        return self.chosen.explicit


class Chooser:
    """The renderers of one daemon."""

    def __init__(self, renderers: Sequence[Renderer]) -> None:
        self._renderers = {renderer.name: renderer for renderer in renderers}
        self._discovering = tuple(each for each in renderers if isinstance(each, Discovering) and each.discovers)

    def named(self, name: str) -> Renderer:
        """Raises `RenderError` with the known names."""
        found = self._renderers.get(name)
        if found is None:
            near = difflib.get_close_matches(name, self._renderers, n=1)
            raise RenderError(
                f"no renderer is named {name!r}",
                hint=f"did you mean {near[0]}?" if near else f"the installed ones are {', '.join(self._renderers)}",
            )
        return found

    def choose(self, root: str, path: str, written: Chosen, *, app: str, origin: str) -> Choice:
        """Resolve `path` below `root`, merge overrides in git into what is written, and choose.

        Blocks for a few system calls.

        `origin` (`URL at COMMIT`) is for messages. Raises `RenderError` for a path that leaves the repository, is
        absolute, does not exist or is no folder, and for a renderer that nobody brings.
        """
        if path.startswith("/"):
            raise RenderError(f"path {path!r} is absolute", hint="a source's path is relative to the repository's root")
        folder = resolve_path(root, path)
        if not folder.is_dir:
            raise _no_folder(root, path, folder, origin)
        reads = list(folder.reads)
        chosen = overridden(root, folder.path, app, written, reads)
        explicit = chosen.explicit
        if explicit and explicit != BY_DISCOVERY:
            return Choice(self._asked_for(chosen, origin, reads), folder.path, tuple(reads), chosen)
        for renderer in self._renderers.values():
            if any(_is_file(root, folder.path, marker, reads) for marker in renderer.markers):
                return Choice(renderer, folder.path, tuple(reads), chosen)
        return Choice(self.named(FALLBACK), folder.path, tuple(reads), chosen)

    def _asked_for(self, chosen: Chosen, origin: str, reads: list[Read]) -> Renderer:
        try:
            return self.named(chosen.explicit)
        except RenderError as error:
            file = chosen.files.get("source.plugin.name", "")
            raise TracedRenderError(
                error.what,
                where=file,
                why=f"the file of {origin} names it" if file else "",
                hint=error.hint,
                reads=tuple(reads),
            ) from None

    @property
    def discovering(self) -> tuple[Discovering, ...]:
        """The renderers that want to be asked, in their order."""
        return self._discovering


def _is_file(root: str, folder: str, name: str, reads: list[Read]) -> bool:
    """Whether a file is there; what was looked at is added to `reads`."""
    found = resolve_path(root, name, base=folder)
    reads.extend(found.reads)
    if found.is_file:
        reads.append(Read(found.path, ReadKind.FILE))
    return found.is_file


def _joined(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"


def _no_folder(root: str, path: str, found: ResolvedPath, origin: str) -> RenderError:
    if found.is_file:
        reads = (*found.reads, Read(found.path, ReadKind.FILE))
        return TracedRenderError(f"path {path!r} is a file, not a folder", why=origin, reads=reads)
    parent, _, wanted = found.path.rpartition("/")
    with os.scandir(os.path.join(root, parent)) as entries:
        folders = sorted(entry.name for entry in entries if entry.is_dir() and entry.name != ".git")
    near = difflib.get_close_matches(wanted, folders, n=1) or folders[:1]
    return TracedRenderError(
        f"path {path!r} does not exist in {origin}",
        hint=f"the nearest folder is {_joined(parent or '.', near[0])!r}" if near else "the repository has no folders",
        reads=(*found.reads, Read(parent or ".", ReadKind.DIR)),
    )
