"""A folder of plain manifests without the engine.

Reads the same files in the same order, and blocks: callers use a thread.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from gitopsd.plugin import (
    Glob,
    Manifest,
    Read,
    ReadKind,
    RenderError,
    RenderRequest,
    RenderResult,
    TracedRenderError,
    resolve_path,
)
from gitopsd_plain.documents import looks_like_manifest, read_manifests
from gitopsd_plain.options import DirectoryOptions

# Argo CD's reposerver.max.combined.directory.manifests.size.
MAX_BYTES: Final = 10 << 20
MAX_DEPTH: Final = 64
SKIP_MARKER: Final = b"+argocd:skip-file-rendering"
_EXTENSIONS: Final = (".yaml", ".yml", ".json", ".jsonnet")


def read_folder(request: RenderRequest, options: DirectoryOptions) -> RenderResult:
    """The manifests of all files that the options choose.

    Raises `TracedRenderError` with file:line of the first fault.
    """
    return _Folder(request.root, request.path, options).render()


class _Folder:
    """One render: what was read so far, and how much."""

    def __init__(self, root: str, path: str, options: DirectoryOptions) -> None:
        self._root = root
        self._path = path
        self._options = options
        self._include = Glob(options.include) if options.include else None
        self._exclude = Glob(options.exclude) if options.exclude else None
        self._reads: set[Read] = set()
        self._warnings: list[str] = []
        self._bytes = 0

    def render(self) -> RenderResult:
        manifests: list[Manifest] = []
        try:
            for file in self._files("", 0):
                manifests.extend(self._manifests(file))
        except RenderError as error:
            raise TracedRenderError(
                error.what, where=error.where, why=error.why, hint=error.hint, reads=tuple(sorted(self._reads))
            ) from None
        return RenderResult(tuple(manifests), tuple(sorted(self._reads)), tuple(self._warnings), uses_cluster=False)

    def _files(self, below: str, depth: int) -> Iterator[str]:
        """Paths below the source's folder; links to files are followed, links to folders are not entered."""
        folder = _join(self._path, below)
        if depth > MAX_DEPTH:
            raise RenderError(f"more than {MAX_DEPTH} levels of folders", where=folder)
        self._reads.add(Read(folder, ReadKind.DIR))
        with os.scandir(os.path.join(self._root, folder)) as entries:
            found = sorted(entries, key=lambda entry: entry.name.encode(errors="surrogateescape"))
        for entry in found:
            name = f"{below}/{entry.name}" if below else entry.name
            if entry.is_dir(follow_symlinks=False):
                if self._options.recurse:
                    yield from self._files(name, depth + 1)
            elif self._resolved(name) is not None and self._wanted(name):
                yield name

    def _resolved(self, name: str) -> str | None:
        """The path of the file after links, None for a link to a folder."""
        file = _join(self._path, name)
        found = resolve_path(self._root, file)
        self._reads.update(found.reads)
        if found.is_dir:
            return None
        if not found.is_file:
            raise RenderError("the link leads nowhere", where=file, hint="remove the link, or add what it points at")
        return found.path

    def _wanted(self, name: str) -> bool:
        if not (self._options.any_extension or name.endswith(_EXTENSIONS)):
            return False
        if self._exclude is not None and self._exclude.matches(name):
            return False
        return self._include is None or self._include.matches(name)

    def _manifests(self, name: str) -> list[Manifest]:
        file, path = _join(self._path, name), self._resolved(name)
        if path is None:
            return []
        self._reads.add(Read(path, ReadKind.FILE))
        with open(os.path.join(self._root, path), "rb") as opened:
            data = opened.read(MAX_BYTES - self._bytes + 1)
        if SKIP_MARKER in data:
            return []
        self._bytes += len(data)
        if self._bytes > MAX_BYTES:
            raise RenderError(
                f"the manifests in {self._path} are larger than the limit of {MAX_BYTES} bytes",
                hint="exclude files that are no manifests, or split the source into several applications",
            )
        if name.endswith(".jsonnet"):
            raise RenderError("Jsonnet needs the render engine", where=file, hint="install gitopsd with its engine")
        try:
            return read_manifests(data, file, self._warnings)
        except RenderError:
            if name.endswith(_EXTENSIONS) or looks_like_manifest(data.decode(errors="replace")):
                raise
            self._warnings.append(f"{file}: skipped, not a Kubernetes manifest")
            return []


def _join(folder: str, name: str) -> str:
    return "/".join(part for part in (folder if folder != "." else "", name) if part) or "."
