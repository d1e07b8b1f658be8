"""YAML as kubectl reads it, without the engine: plain data only, bounded before it is expanded (advisories U2, D8, C3).

Scalars follow sigs.k8s.io/yaml: YAML 1.1 booleans (`yes`, `on`, `y`), no base-60 numbers, timestamps stay text, keys
become text. Error texts name lines and keys, never values.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from gitopsd.core.errors import RenderError
from gitopsd.core.ids import Position
from gitopsd.core.jsonvalue import JsonValue
from gitopsd.plugin.yamlnodes import MAX_DEPTH, PLAIN, Items, Node, Pairs, Scalar, compose

MAX_NODES = 1_000_000

# Longer ones are more than any number of JSON can say, and stay text.
_LONGEST_NUMBER = 300
_BOOLEANS = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")
_MARKER = re.compile(r"(?:---|\.\.\.)(?=[ \t\r\n]|\Z)")


@dataclass(frozen=True, slots=True)
class YamlText:
    """One document of a stream that holds anything but comments.

    `before` is the number of lines above `text`, `line` its first line of content.
    """

    text: str
    before: int
    line: int


def decode_text(data: bytes, file: str) -> str:
    """The bytes of a file as text: UTF-8, or UTF-16 with its mark.

    Raises `RenderError` with the line of the first bad byte.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RenderError("the file is neither UTF-8 nor UTF-16 text", where=str(Position(file, line))) from None


def split_documents(text: str) -> Iterator[YamlText]:
    """Cut a stream at its `---` and `...` lines; documents of comments alone are left out.

    A last line without an end gets one, as kubectl's reader does it.
    """
    text += "" if text.endswith("\n") else "\n"
    lines = text.splitlines(keepends=True) if "\r" not in text else text.replace("\r\n", "\n").splitlines(keepends=True)
    begin, content = 0, 0
    directive = False
    for number, line in enumerate([*lines, "---"]):
        at_end = number == len(lines)
        if not at_end and directive and line.startswith("---"):
            directive = False
        elif at_end or _MARKER.match(line):
            if content:
                yield YamlText("".join(lines[begin:number]), begin, content)
            rest = line[3:].strip()
            inline = line[0] == "-" and bool(rest) and not rest.startswith("#")
            begin, content = (number, number + 1) if inline else (number + 1, 0)
        elif not content and line.startswith("%"):
            directive = True
        elif not content and line.strip() and not line.lstrip().startswith("#"):
            content = number + 1


def parse_yaml(text: str, *, file: str = "", before: int = 0) -> JsonValue:
    """The one document in `text`; None where it holds nothing. `file` and `before` (lines above it) are for messages.

    Raises `RenderError` with file:line:column for syntax errors, a key set twice, a tag that is not plain data, an
    anchor inside of itself, more than `MAX_DEPTH` levels, or more than `MAX_NODES` values after all aliases are
    expanded.
    """
    node = compose(text, file=file, before=before)
    if node is None:
        return None
    if "*" in text and _expanded(node, {}, MAX_DEPTH) > MAX_NODES:
        raise _fault(node, f"more than {MAX_NODES} values after its aliases are expanded")
    return _Reader().read(node)


def parse_json(text: str, *, file: str = "") -> JsonValue:
    """The JSON value in `text`.

    Raises `RenderError` with file:line:column for syntax errors and for a key set twice.
    """

    def unique(pairs: list[tuple[str, JsonValue]]) -> JsonValue:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise RenderError(f"key {twice!r} is set twice", where=file, hint="keep one of the two")
        return found

    def constant(name: str) -> JsonValue:
        raise RenderError(f"{name} is not JSON", where=file)

    def whole(digits: str) -> JsonValue:
        return _whole(int(digits)) if len(digits) <= _LONGEST_NUMBER else broken(digits)

    def broken(digits: str) -> JsonValue:
        number = float(digits)
        if math.isinf(number):
            raise RenderError("a number is larger than any that Kubernetes knows", where=file)
        return _float(number)

    try:
        found: JsonValue = json.loads(
            text, object_pairs_hook=unique, parse_constant=constant, parse_int=whole, parse_float=broken
        )
    except json.JSONDecodeError as error:
        where = Position(file, error.lineno, error.colno)
        raise RenderError(f"not valid JSON: {error.msg}", where=str(where)) from None
    except RecursionError:
        raise RenderError("nested deeper than any manifest", where=file) from None
    return found


class _Reader:
    """Turns the nodes of one document into values."""

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._budget = MAX_NODES

    def read(self, node: Node) -> JsonValue:
        """The value of `node`; what an alias stands for is read again each time, and counted."""
        self._budget -= 1
        if self._budget < 0:
            raise _fault(node, f"more than {MAX_NODES} values after its aliases are expanded")
        if isinstance(node, Scalar):
            return _scalar(node)
        if id(node) in self._open:
            raise _fault(node, "an anchor contains itself")
        if len(self._open) >= MAX_DEPTH:
            raise _fault(node, f"more than {MAX_DEPTH} levels of nesting")
        if node.tag not in ("seq", "map"):
            raise _unknown_tag(node)
        self._open.add(id(node))
        try:
            return self._mapping(node) if isinstance(node, Pairs) else [self.read(item) for item in node.nodes]
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: Pairs) -> dict[str, JsonValue]:
        found: dict[str, JsonValue] = {}
        merged: dict[str, JsonValue] = {}
        for key_node, value_node in node.nodes:
            if isinstance(key_node, Scalar) and (key_node.tag, key_node.text) == (PLAIN, "<<"):
                for each in self._merged(value_node):
                    merged = {**each, **merged}
                continue
            key = self._key(key_node)
            if key in found:
                raise _fault(key_node, f"key {key!r} is set twice", hint="keep one of the two")
            found[key] = self.read(value_node)
        return {**merged, **found}

    def _merged(self, node: Node) -> Iterator[dict[str, JsonValue]]:
        for each in node.nodes if isinstance(node, Items) else (node,):
            found = self.read(each)
            if not isinstance(found, dict):
                raise _fault(each, "<< merges mappings only")
            yield found

    def _key(self, node: Node) -> str:
        found = self.read(node)
        match found:
            case str():
                return found
            case bool():
                return "true" if found else "false"
            case int() | float():
                return str(found)
            case _:
                raise _fault(node, "a key must be text")


def _scalar(node: Scalar) -> JsonValue:
    match node.tag:
        case "plain":
            return _plain(node)
        case "str" | "timestamp":
            return node.text
        case "int" | "float" | "bool" | "null":
            return _tagged(node)
        case "binary":
            return _binary(node)
        case _:
            raise _unknown_tag(node)


def _plain(node: Scalar) -> JsonValue:
    text = node.text
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text in _NULLS:
        return None
    digits = text.replace("_", "")
    if len(digits) <= _LONGEST_NUMBER and _INTEGER.match(digits):
        return _integer(digits)
    if len(digits) <= _LONGEST_NUMBER and _FLOAT.match(digits) and not math.isinf(float(digits)):
        return _float(float(digits))
    if _INFINITE.match(text):
        raise _fault(node, "JSON has no infinite numbers")
    return text


def _tagged(node: Scalar) -> JsonValue:
    found = _plain(node)
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
    fits = {
        "int": is_number and isinstance(found, int),
        "float": is_number,
        "bool": isinstance(found, bool),
        "null": found is None,
    }
    if not fits[node.tag]:
        raise _fault(node, f"the value is not what its tag !!{node.tag} says")
    return found


def _binary(node: Scalar) -> str:
    try:
        return base64.b64decode(node.text, validate=False).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise _fault(node, "!!binary does not hold text in base64") from None


def _expanded(node: Node, known: dict[int, int], depth: int) -> int:
    """How many values `node` stands for. What is too deep or inside of itself counts little: the reader refuses it."""
    size = known.get(id(node))
    if size is None:
        size = known[id(node)] = 1
        if depth and isinstance(node, Items):
            size += sum(_expanded(each, known, depth - 1) for each in node.nodes)
        elif depth and isinstance(node, Pairs):
            size += sum(_expanded(each, known, depth - 1) for pair in node.nodes for each in pair)
        known[id(node)] = size
    return size


def _integer(digits: str) -> JsonValue:
    sign = -1 if digits.startswith("-") else 1
    body = digits.lstrip("+-").lower()
    base = 0 if body[:2] in ("0x", "0b", "0o") else 8 if body.startswith("0") else 10
    return _whole(sign * int(body, base))


def _whole(number: int) -> JsonValue:
    """What is beyond 64 bits becomes a float, as in kubectl."""
    return number if -(2**63) <= number < 2**63 else _float(float(number))


def _float(number: float) -> JsonValue:
    """Whole floats become integers, as Go writes them into JSON: with the digits that tell the float, then zeros."""
    return int(Decimal(repr(number))) if number.is_integer() and abs(number) < 1e21 else number


def _unknown_tag(node: Node) -> RenderError:
    return _fault(node, f"unknown YAML tag {node.tag!r}", hint="manifests are plain data: remove the tag")


def _fault(node: Node, problem: str, hint: str = "") -> RenderError:
    return RenderError(problem, where=str(node.place), hint=hint)
