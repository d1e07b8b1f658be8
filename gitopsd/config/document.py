"""A YAML document as plain values that know their places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from gitopsd.core.ids import Position
from gitopsd.core.jsonvalue import JsonValue

PathKey: TypeAlias = "str | int"
KeyPath: TypeAlias = "tuple[PathKey, ...]"


class Mark(Protocol):
    """A place as libyaml counts: from 0."""

    line: int
    column: int


class Node:
    """One value of a document: `value` plain (shared between aliases, never to be changed), its place, and its
    children's."""

    __slots__ = ("children", "column", "keys", "line", "value", "weight")

    def __init__(self, value: JsonValue, mark: Mark, weight: int = 1) -> None:
        self.value = value
        self.line = mark.line + 1
        self.column = mark.column + 1
        self.weight = weight
        self.children: dict[PathKey, Node] = {}
        self.keys: dict[str, tuple[int, int]] = {}


class Document:
    """One YAML document of `file`."""

    def __init__(self, file: str, root: Node) -> None:
        self.file = file
        self.root = root

    @property
    def value(self) -> JsonValue:
        """The document as plain values."""
        return self.root.value

    def position(self, path: Sequence[PathKey] = (), *, key: bool = False) -> Position:
        """Where the value at `path` stands (its key, if `key`); its nearest known ancestor if there is none."""
        node = self.root
        place = (node.line, node.column)
        for step in path:
            child = node.children.get(step)
            if child is None:
                return Position(self.file, *place)
            inherited = (child.line, child.column)
            place = node.keys.get(step, inherited) if key and isinstance(step, str) else inherited
            node = child
        return Position(self.file, *place)
