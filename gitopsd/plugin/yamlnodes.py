"""YAML text as a tree of nodes, with a limit on nesting that holds before anything recurses.

PyYAML's own composer follows nesting on the C stack: a hundred thousand brackets end the process. Its parser's events
do not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypeVar

import yaml
from yaml.events import (
    AliasEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from gitopsd.core.errors import RenderError
from gitopsd.core.ids import Position

MAX_DEPTH: Final = 100
# The tag of an untagged plain scalar, whose text says what it is; other tags are YAML's, without their prefix.
PLAIN: Final = "plain"
_PREFIX: Final = "tag:yaml.org,2002:"


@dataclass(slots=True)
class Scalar:
    """A text with its tag."""

    tag: str
    place: Position
    text: str


@dataclass(slots=True)
class Items:
    """A sequence."""

    tag: str
    place: Position
    nodes: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Pairs:
    """A mapping, with its keys as they stand."""

    tag: str
    place: Position
    nodes: list[tuple[Node, Node]] = field(default_factory=list)


Node: TypeAlias = Scalar | Items | Pairs
_N = TypeVar("_N", Scalar, Items, Pairs)


def compose(text: str, *, file: str, before: int) -> Node | None:
    """The one document in `text`, None where it holds nothing. An alias is the node that it stands for, not a copy.

    `before` is the number of lines above `text` in `file`. Raises `RenderError` with file:line:column.
    """
    parser = yaml.CSafeLoader(text)
    composer = _Composer(parser, file, before)
    try:
        return composer.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Position(file, mark.line + 1 + before, mark.column + 1) if mark else Position(file)
        raise RenderError(error.problem or "not valid YAML", where=str(where)) from None
    except yaml.YAMLError as error:
        raise RenderError("not valid YAML", where=file, why=type(error).__name__) from None
    finally:
        parser.dispose()


class _Composer:
    """One pass over the parser's events."""

    def __init__(self, parser: yaml.CSafeLoader, file: str, before: int) -> None:
        self._parser = parser
        self._file = file
        self._before = before
        self._anchors: dict[str, Node] = {}

    def document(self) -> Node | None:
        self._next()
        if isinstance(self._next(), StreamEndEvent):
            return None
        node = self._node(self._next(), 0)
        self._next()
        after = self._next()
        if not isinstance(after, StreamEndEvent):
            raise self._error(after, "expected one document")
        return node

    def _next(self) -> Event:
        event = self._parser.get_event()
        if event is None:
            raise RenderError("not valid YAML", where=self._file)
        return event

    def _node(self, event: Event, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._error(event, f"more than {MAX_DEPTH} levels of nesting")
        match event:
            case AliasEvent():
                if event.anchor not in self._anchors:
                    raise self._error(event, "an alias of an unknown anchor")
                return self._anchors[event.anchor]
            case ScalarEvent():
                plain = event.tag is None and event.implicit[0]
                scalar = Scalar(PLAIN if plain else _short(event.tag, "str"), self._place(event), event.value)
                return self._anchored(event, scalar)
            case SequenceStartEvent():
                items = self._anchored(event, Items(_short(event.tag, "seq"), self._place(event)))
                while not isinstance(item := self._next(), SequenceEndEvent):
                    items.nodes.append(self._node(item, depth + 1))
                return items
            case MappingStartEvent():
                pairs = self._anchored(event, Pairs(_short(event.tag, "map"), self._place(event)))
                while not isinstance(key := self._next(), MappingEndEvent):
                    pairs.nodes.append((self._node(key, depth + 1), self._node(self._next(), depth + 1)))
                return pairs
            case _:
                raise self._error(event, "not valid YAML")

    def _anchored(self, event: ScalarEvent | SequenceStartEvent | MappingStartEvent, node: _N) -> _N:
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _place(self, event: Event) -> Position:
        mark = event.start_mark
        return Position(self._file, mark.line + 1 + self._before, mark.column + 1) if mark else Position(self._file)

    def _error(self, event: Event, problem: str) -> RenderError:
        return RenderError(problem, where=str(self._place(event)))


def _short(tag: str | None, default: str) -> str:
    return default if tag in (None, "!") else str(tag).removeprefix(_PREFIX)
