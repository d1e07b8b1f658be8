"""Fields of an object, taken out of it, and out of the field sets that say who owns what.

A field is known by its keys and list positions in one body (`fieldpath.Found`); a field set is the `fieldsV1` of an
entry in `managedFields`
(https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/). Nothing is changed in place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from gitopsd.core.fieldpath import Found
from gitopsd.core.jsonvalue import JsonObject, JsonValue
from gitopsd.core.ownership import identical

_ITSELF: Final = "."


def without(body: JsonObject, fields: Iterable[Found]) -> JsonObject:
    """`body` without `fields`, and without what is empty only because of that."""
    left: JsonValue = body
    for field in sorted(set(fields), key=_order, reverse=True):  # from the end: positions before it stay true
        left = _dropped(left, field)
    return left if isinstance(left, dict) else {}


def without_owned(owned: JsonObject, body: JsonObject, fields: Iterable[Found]) -> JsonObject:
    """The field set `owned` without what `fields` of `body` are in it; nodes that are empty then are gone too."""
    left: JsonObject = owned
    for field in fields:
        left = _released(left, body, field) or {}
    return left


def owned_fields(owned: JsonObject, body: JsonValue) -> Iterator[Found]:
    """The fields of `body` that the field set has, without those by which list items are known: a list item goes with
    all that it has where nothing else of it would be left.
    """
    yield from _owned(owned, body, (), set())


def item_of(items: Sequence[JsonValue], entry: str) -> int | None:
    """The position of the item that a field set's `k:{…}`, `v:…` or `i:…` means; None where that is not one item."""
    if entry.startswith("v:"):
        value = _parsed(entry)
        found = [place for place, item in enumerate(items) if identical(item, value)] if value is not None else []
    else:
        known = known_by(entry)
        found = [place for place, item in enumerate(items) if known and _has_keys(item, known, absent=False)]
    return found[0] if len(found) == 1 else None


def known_by(entry: str) -> Mapping[str, JsonValue]:
    """The fields by which a `k:{…}` knows its item, with their values; empty for any other entry."""
    known = _parsed(entry) if entry.startswith("k:") else None
    return known if isinstance(known, dict) else {}


def children(node: JsonObject) -> list[str]:
    """The entries below a node of a field set; none for a field that is owned as one piece."""
    return [name for name in node if name != _ITSELF]


def leaves(here: JsonValue, so_far: Found = ()) -> Iterator[Found]:
    """Every field that holds no others."""
    if isinstance(here, dict) and here:
        for name, item in here.items():
            yield from leaves(item, (*so_far, name))
    elif isinstance(here, list) and here:
        for position, item in enumerate(here):
            yield from leaves(item, (*so_far, position))
    elif so_far:
        yield so_far


def union(one: JsonObject, other: JsonObject) -> JsonObject:
    """Two field sets as one. A node without children means the field itself; with children it says so by `.`."""
    made = dict(one)
    for name, node in other.items():
        mine = made.get(name)
        if not isinstance(mine, dict) or not isinstance(node, dict):
            made[name] = node
        elif bool(mine) is bool(node):
            made[name] = union(mine, node)
        else:
            made[name] = {_ITSELF: {}, **(mine or node)}
    return made


def minus(one: JsonObject, other: JsonObject) -> JsonObject:
    """What of a field set the other does not have."""
    left: dict[str, JsonValue] = {}
    for name, node in one.items():
        theirs = other.get(name)
        if name not in other:
            left[name] = node
        elif isinstance(node, dict) and isinstance(theirs, dict) and children(node):
            below = minus(node, theirs)
            if children(below):
                left[name] = below
    return left


def _order(field: Found) -> list[tuple[int, str]]:
    return [(-1, step) if isinstance(step, str) else (step, "") for step in field]


def _dropped(here: JsonValue, field: Found) -> JsonValue:
    """`here` without the field; None if it is empty then."""
    step, rest = field[0], field[1:]
    if isinstance(step, str) and isinstance(here, dict) and step in here:
        below = _dropped(here[step], rest) if rest else None
        emptied = below is None and (not rest or here[step] is not None)
        left = {key: below if key == step else item for key, item in here.items() if key != step or not emptied}
        return left or None
    if isinstance(step, int) and isinstance(here, list) and 0 <= step < len(here):
        if not rest:
            return [*here[:step], *here[step + 1 :]] or None
        below = _dropped(here[step], rest)
        return [*here[:step], {} if below is None and here[step] is not None else below, *here[step + 1 :]]
    return here


def _released(node: JsonObject, body: JsonValue, field: Found) -> JsonObject | None:
    """The node without the field; None where nothing is left below it."""
    step, rest = field[0], field[1:]
    name = _entry(node, body, step)
    below = node.get(name)
    if name not in node or not isinstance(below, dict):
        return node
    left = None if not rest else below if not children(below) else _released(below, _child(body, step), rest)
    kept = {key: left if key == name else item for key, item in node.items() if key != name or left is not None}
    return kept if children(kept) else None


def _entry(node: JsonObject, body: JsonValue, step: str | int) -> str:
    """The name under which a node has a step into `body`; "" if it has none."""
    if isinstance(step, str):
        return f"f:{step}"
    if not isinstance(body, list):
        return ""
    for name in node:
        if name.startswith("v:") and item_of(body, name) == step:
            return name
        if name.startswith("k:") and _is_entry_of(body, name, step):
            return name
    return ""


def _is_entry_of(items: Sequence[JsonValue], entry: str, position: int) -> bool:
    """Whether the entry means the item; in what git has, keys that will be defaulted are absent."""
    known = known_by(entry)
    return bool(known) and position < len(items) and _has_keys(items[position], known, absent=True)


def _child(body: JsonValue, step: str | int) -> JsonValue:
    if isinstance(step, str):
        return body.get(step) if isinstance(body, dict) else None
    return body[step] if isinstance(body, list) and step < len(body) else None


def _owned(node: JsonObject, body: JsonValue, so_far: Found, identity: AbstractSet[str]) -> Iterator[Found]:
    for name in children(node):
        below = node[name]
        if not isinstance(below, dict):
            continue
        kind, _, written = name.partition(":")
        if kind == "f" and isinstance(body, dict):
            step: str | int | None = written if written in body and written not in identity else None
        else:
            step = item_of(body, name) if isinstance(body, list) else None
        if step is None:
            continue
        inner = list(_owned(below, _child(body, step), (), known_by(name).keys()))
        if not children(below) or (
            _ITSELF in below and _nothing_else(_child(body, step), inner, known_by(name).keys())
        ):
            yield (*so_far, step)
        else:
            yield from ((*so_far, step, *field) for field in inner)


def _nothing_else(item: JsonValue, fields: Sequence[Found], identity: AbstractSet[str]) -> bool:
    """Whether a list item has no field but `fields` and those by which it is known."""
    return bool(identity) and isinstance(item, dict) and without(item, fields).keys() <= identity


def _has_keys(item: JsonValue, known: Mapping[str, JsonValue], *, absent: bool) -> bool:
    if not isinstance(item, dict):
        return False
    return all(identical(item[name], part) if name in item else absent for name, part in known.items())


def _parsed(entry: str) -> JsonValue:
    try:
        found: JsonValue = json.loads(entry[2:])
    except ValueError:
        return None
    return found
