"""`include`: globs to files, files to documents."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator

from gitopsd.config.document import Document, KeyPath
from gitopsd.config.errors import ConfigErrors, Problems
from gitopsd.config.files import Files
from gitopsd.config.yamlfile import MAX_BYTES, parse
from gitopsd.core.ids import Position

MAX_FILES = 100_000


def matches(pattern: str) -> list[str]:
    """The files that an absolute glob matches (`**` is any depth; hidden files must be named), sorted."""
    return sorted(path for path in glob.iglob(pattern, recursive=True) if not os.path.isdir(path))


class Includes:
    """Reads included files; each once, however many patterns match it."""

    def __init__(self, main: Document, main_path: str, files: Files, problems: Problems) -> None:
        self._main = main
        self._main_path = main_path
        self._files = files
        self._problems = problems
        self._seen = {os.path.abspath(main_path)}
        self.globs: list[str] = []

    def read(self, patterns: list[str]) -> Iterator[tuple[str, tuple[Document, ...]]]:
        """Each file's path, as it is shown, and its documents; what cannot be read is noted."""
        folder = os.path.dirname(self._main_path)
        for index, pattern in enumerate(patterns):
            place: KeyPath = ("include", index)
            if not pattern or "\0" in pattern:
                self._problems.add(
                    self._main.position(place), f"include[{index}] cannot be used", why="expected a path or a glob"
                )
                continue
            files = self._files_of(folder, pattern)
            if not files:
                self._problems.warn(self._main.position(place), f"include[{index}]: {pattern} matches no file")
            for path in files:
                yield from self._document_of(path, place)

    def _files_of(self, folder: str, pattern: str) -> list[str]:
        # A pattern may match nothing; a plain path that is missing is a slip, and reading it will say so.
        if not glob.has_magic(pattern):
            return [os.path.join(folder, pattern)]
        self.globs.append(os.path.abspath(os.path.join(glob.escape(os.path.abspath(folder)), pattern)))
        return matches(os.path.join(glob.escape(folder), pattern))[:MAX_FILES]

    def _document_of(self, path: str, place: KeyPath) -> Iterator[tuple[str, tuple[Document, ...]]]:
        shown = os.path.normpath(path)
        absolute = os.path.abspath(path)
        if absolute in self._seen:
            return
        self._seen.add(absolute)
        try:
            data = self._files.read(absolute, MAX_BYTES)
        except OSError as error:
            self._problems.add(
                self._main.position(place),
                f"include[{place[1]}]: {shown} cannot be read",
                why=error.strerror or "unknown reason",
            )
            return
        try:
            documents = parse(data, shown)
        except ConfigErrors as errors:
            self._problems.extend(errors.errors, Position(shown))
            return
        yield shown, documents
