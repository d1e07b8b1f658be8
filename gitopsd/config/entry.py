"""Where one application is written, and how to complain about it."""

from __future__ import annotations

from dataclasses import dataclass

from gitopsd.config.document import Document, KeyPath
from gitopsd.config.errors import Problems
from gitopsd.config.validation import shown_path
from gitopsd.core.ids import Position
from gitopsd.core.jsonvalue import JsonValue


@dataclass(frozen=True, slots=True)
class EntryPlace:
    """An application's place. `metadata` and `spec` are key paths (equal in lists, apart in manifests).

    `folder` is what relative repository paths start from; `administrator` is true for the main file.
    """

    document: Document
    metadata: KeyPath
    spec: KeyPath
    folder: str
    administrator: bool
    problems: Problems

    def shown(self, path: KeyPath = ()) -> str:
        """The key path of a field of the spec, from the document's root."""
        return shown_path(self.spec + path)

    def local(self, path: KeyPath) -> str:
        """The key path of a field of the spec, from the spec."""
        return shown_path(path)

    def value(self, path: KeyPath) -> JsonValue:
        """The plain value of a field of the spec; None if it is absent."""
        here: JsonValue = self.document.value
        for step in self.spec + path:
            if isinstance(here, dict) and isinstance(step, str):
                here = here.get(step)
            elif isinstance(here, list) and isinstance(step, int) and step < len(here):
                here = here[step]
            else:
                return None
        return here

    def position(self, path: KeyPath = (), *, key: bool = False) -> Position:
        """Where a field of the spec stands."""
        return self.document.position(self.spec + path, key=key)

    def refuse(self, path: KeyPath, what: str, *, why: str = "", hint: str = "", key: bool = False) -> None:
        """Note an error at a field of the spec."""
        self.problems.add(self.position(path, key=key), what, why=why, hint=hint)
