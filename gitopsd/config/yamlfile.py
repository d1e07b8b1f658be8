"""YAML text to plain values that know their places.

Reads what Kubernetes' tools read (YAML 1.1 booleans, no timestamps, merge keys) and refuses what two parsers could
read in two ways (duplicate keys), what would build objects (tags), and what is small until it is walked (aliases,
depth).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn, Protocol

import yaml
from yaml import events

from gitopsd.config.document import Document, Mark, Node
from gitopsd.config.errors import Problems
from gitopsd.config.scalar import resolve, tagged
from gitopsd.core.ids import Position
from gitopsd.core.jsonvalue import JsonValue

MAX_BYTES = 10 * 1024 * 1024
MAX_DEPTH = 100
# Counted on the expanded form: an alias weighs what its anchor weighs, long strings weigh more than short ones.
MAX_WEIGHT = 1_000_000
_CHARACTERS_PER_WEIGHT = 32

# Somebody's password may look like a tag or an alias to YAML: below these keys of the root, messages quote nothing.
_SECRET_BEARING = frozenset({"clusters", "repositories", "repositoryCredentials", "plugins"})

_STANDARD_TAG = "tag:yaml.org,2002:"


def parse(data: bytes, file: str) -> tuple[Document, ...]:
    """The documents in `data`; `file` names it in messages. Raises `ConfigErrors`."""
    problems = Problems()
    documents = tuple(_documents(data, file, problems))
    problems.raise_if_any()
    return documents


class _Event(Protocol):
    """What libyaml's events have, each the attributes of its kind."""

    anchor: str | None
    tag: str | None
    value: str
    implicit: tuple[bool, bool]
    start_mark: Mark


class _RefusedError(Exception):
    """Reading cannot go on; the problem is noted."""


def _documents(data: bytes, file: str, problems: Problems) -> Iterator[Document]:
    if len(data) > MAX_BYTES:
        problems.add(Position(file), "the file is too large", why=f"expected at most {MAX_BYTES // 1024 // 1024} MiB")
        return
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _line_and_column(data[: error.start])
        problems.add(Position(file, line, column), "the file is not text", why="expected UTF-8")
        return
    loader = yaml.CSafeLoader(text)
    try:
        yield from _Composer(loader, file, problems).documents()
    except _RefusedError:
        return
    except yaml.YAMLError as error:
        _note_syntax_error(error, text, file, problems)
    finally:
        loader.dispose()


def _line_and_column(before: bytes) -> tuple[int, int]:
    line = before.count(b"\n") + 1
    return line, len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1


def _note_syntax_error(error: yaml.YAMLError, text: str, file: str, problems: Problems) -> None:
    if isinstance(error, yaml.reader.ReaderError):
        line, column = _line_and_column(text.encode()[: error.position])
        problems.add(Position(file, line, column), "the YAML cannot be read", why="a control character stands here")
        return
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    position = Position(file, mark.line + 1, mark.column + 1) if mark else Position(file)
    why = (getattr(error, "problem", None) or "syntax error").replace("did not find expected", "expected")
    context = getattr(error, "context", None)
    start = getattr(error, "context_mark", None)
    if context:
        why += f", {context}"
    if context and start:
        why += f" that starts at line {start.line + 1}, column {start.column + 1}"
    problems.add(position, "the YAML cannot be read", why=why, hint=_syntax_hint(text, position.line))


def _syntax_hint(text: str, line: int) -> str:
    lines = text.split("\n")
    indent = lines[line - 1][: len(lines[line - 1]) - len(lines[line - 1].lstrip())] if 0 < line <= len(lines) else ""
    return "spaces instead of the tab at the start of the line" if "\t" in indent else ""


def _is(event: object, kind: type[yaml.Event]) -> bool:
    return isinstance(event, kind)


class _Composer:
    """Builds nodes from libyaml's events, counting what they expand to."""

    def __init__(self, loader: yaml.CSafeLoader, file: str, problems: Problems) -> None:
        self._loader = loader
        self._file = file
        self._problems = problems
        self._anchors: dict[str, Node | None] = {}
        self._silent = False

    def _next(self) -> Any:
        return self._loader.get_event()

    def documents(self) -> Iterator[Document]:
        while True:
            event = self._next()
            if event is None or _is(event, events.StreamEndEvent):
                return
            if _is(event, events.DocumentStartEvent):
                self._anchors = {}
                root = self._node(self._next(), 0)
                yield Document(self._file, root)

    def _node(self, event: _Event, depth: int) -> Node:
        if _is(event, events.AliasEvent):
            return self._alias(event)
        if depth > MAX_DEPTH:
            self._refuse(event, "the YAML is nested too deeply", f"expected at most {MAX_DEPTH} levels")
        anchor = event.anchor
        if anchor:
            self._anchors[anchor] = None
        if _is(event, events.ScalarEvent):
            node = self._scalar(event)
        elif _is(event, events.SequenceStartEvent):
            node = self._sequence(event, depth)
        else:
            node = self._mapping(event, depth)
        if anchor:
            self._anchors[anchor] = node
        return node

    def _alias(self, event: _Event) -> Node:
        name = event.anchor or ""
        if name not in self._anchors:
            shown, anchor = ("this alias", "an anchor") if self._silent else (f"the alias *{name}", f"&{name}")
            hint = "quotes around it, if it is text that starts with *"
            self._refuse(event, f"{shown} has no anchor", f"expected {anchor} before it", hint=hint)
        node = self._anchors[name]
        if node is None:
            self._refuse(event, f"the anchor &{name} contains itself", "expected an end")
        return node

    def _scalar(self, event: _Event) -> Node:
        text = event.value
        weight = 1 + len(text) // _CHARACTERS_PER_WEIGHT
        if event.tag is None or event.tag == "!":
            value, error = resolve(text) if event.implicit[0] and event.tag is None else (text, "")
        elif event.tag.startswith(_STANDARD_TAG):
            value, error = tagged(event.tag.removeprefix(_STANDARD_TAG), text)
        else:
            value, error = None, self._tag_refused(event)
        if error:
            self._problems.add(
                self._place(event), error, why="expected plain YAML: text, numbers, booleans, lists, mappings"
            )
        return Node(value, event.start_mark, weight)

    def _sequence(self, event: _Event, depth: int) -> Node:
        self._check_tag(event, "seq")
        items: list[JsonValue] = []
        node = Node(items, event.start_mark)
        while not _is(following := self._next(), events.SequenceEndEvent):
            child = self._node(following, depth + 1)
            node.children[len(items)] = child
            items.append(child.value)
            self._weigh(node, child, following)
        return node

    def _mapping(self, event: _Event, depth: int) -> Node:
        self._check_tag(event, "map")
        node = Node({}, event.start_mark)
        merged: list[tuple[Node, _Event]] = []
        while not _is(following := self._next(), events.MappingEndEvent):
            is_merge = _is(following, events.ScalarEvent) and following.value == "<<" and following.implicit[0]
            name = self._key(following, node)
            if depth == 0:
                self._silent = name in _SECRET_BEARING
            value_event = self._next()
            child = self._node(value_event, depth + 1)
            self._weigh(node, child, value_event)
            if is_merge:
                merged.append((child, value_event))
                continue
            node.children[name] = child
            node.keys[name] = (following.start_mark.line + 1, following.start_mark.column + 1)
        for child, place in merged:
            self._merge(node, child, place)
        node.value = {str(name): child.value for name, child in node.children.items()}
        return node

    def _key(self, event: _Event, node: Node) -> str:
        """A key as text: JSON has no others, and `on` or `1` as a label's key mean themselves."""
        if not _is(event, events.ScalarEvent):
            self._refuse(
                event, "a key is no text", "expected `key: value`", hint="quotes around a value that starts with { or ["
            )
        if event.tag not in (None, "!", _STANDARD_TAG + "str"):
            self._problems.add(self._place(event), self._tag_refused(event), why="expected a plain key")
        name: str = event.value
        if name in node.keys:
            line, column = node.keys[name]
            self._problems.add(
                self._place(event),
                "a key stands here twice" if self._silent else f"the key {name} stands here twice",
                why=f"it is at line {line}, column {column} too",
            )
        return name

    def _merge(self, node: Node, source: Node, event: _Event) -> None:
        """The merge key `<<`: what `source` (a mapping, or a list of them) has and `node` has not."""
        parts = list(source.children.values()) if isinstance(source.value, list) else [source]
        if not all(isinstance(part.value, dict) for part in parts):
            self._problems.add(
                self._place(event),
                "the merge key << has no mapping",
                why="expected an alias of a mapping, or a list of them",
            )
            return
        for part in parts:
            for name, child in part.children.items():
                node.children.setdefault(name, child)

    def _check_tag(self, event: _Event, standard: str) -> None:
        if event.tag not in (None, "!", _STANDARD_TAG + standard):
            self._problems.add(self._place(event), self._tag_refused(event), why="expected plain YAML without tags")

    def _weigh(self, node: Node, child: Node, event: _Event) -> None:
        node.weight += child.weight
        if node.weight > MAX_WEIGHT:
            self._refuse(
                event, "the YAML is too large once its aliases are expanded", f"expected at most {MAX_WEIGHT} values"
            )

    def _tag_refused(self, event: _Event) -> str:
        return "a tag is not allowed" if self._silent else f"the tag {event.tag} is not allowed"

    def _refuse(self, event: _Event, what: str, why: str, *, hint: str = "") -> NoReturn:
        self._problems.add(self._place(event), what, why=why, hint=hint)
        raise _RefusedError

    def _place(self, event: _Event) -> Position:
        return Position(self._file, event.start_mark.line + 1, event.start_mark.column + 1)
