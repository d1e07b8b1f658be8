"""Ignored fields as the cluster has them: what is applied of an object that is there where `RespectIgnoreDifferences`
is on, and what a dry-run is asked of.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from gitopsd.core.document import Document, canonical
from gitopsd.core.fieldpath import Found
from gitopsd.core.fieldset import children, known_by
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, objects
from gitopsd.core.normalize import ObjectRules
from gitopsd.core.ownership import identical


class _Absent(NamedTuple):
    """No value; `there`: what would hold it is there."""

    there: bool


_Value: TypeAlias = "JsonValue | _Absent"
_NOT_THERE: Final = _Absent(there=False)
_LEFT_OUT: Final = _Absent(there=True)


def respecting(
    desired: JsonObject,
    live: JsonObject,
    rules: ObjectRules,
    found_in_live: Iterable[Found] = (),
    found_in_desired: Iterable[Found] = (),
) -> Document:
    """`desired` with each ignored field as `live` has it; left out where `live` has none.

    List items go by what they are known by, and else by their place. An item that is in git alone stays as it is there;
    of an item that is in the cluster alone nothing is taken, unless the whole item is ignored. The `found_…` are fields
    that jq expressions found.
    """
    owners = [mapping(entry, "fieldsV1") for entry in objects(live, "metadata", "managedFields")]
    left: JsonValue = desired
    ignored = [field for field in (*rules.ignored(desired, live), *found_in_desired) if field[0] != "status"]
    for field in sorted(set(ignored), key=_order, reverse=True):
        value = _counterpart(desired, live, field, owners)
        if value is not _NOT_THERE:
            left = _with(left, field, value)
    known = {_identity(desired, field, owners) for field in ignored}
    for field in dict.fromkeys((*rules.ignored(live, live), *found_in_live)):
        if field[0] != "status" and _identity(live, field, owners) not in known:
            left = _added(left, live, field, owners)
    return Document(canonical(left if isinstance(left, dict) else {}))


def _order(field: Found) -> list[tuple[int, str]]:
    return [(-1, step) if isinstance(step, str) else (step, "") for step in field]


def _counterpart(body: JsonValue, other: JsonValue, field: Found, owners: Sequence[JsonObject]) -> _Value:
    """What stands in `other` at the field of `body`; _LEFT_OUT where only the field itself is missing."""
    if not field:
        return other
    step, rest = field[0], field[1:]
    if isinstance(step, str) and isinstance(body, dict) and isinstance(other, dict):
        if step not in other:
            return _LEFT_OUT
        return _counterpart(body.get(step), other[step], rest, _below(owners, f"f:{step}"))
    if isinstance(step, int) and isinstance(body, list) and isinstance(other, list):
        place = _place(body, step, other, owners)
        if place is not None:
            return _counterpart(body[step], other[place], rest, _below_item(owners, other[place]))
    return _NOT_THERE


def _with(here: JsonValue, field: Found, value: _Value) -> JsonValue:
    """`here` with the field at that value, or without it."""
    step, rest = field[0], field[1:]
    if isinstance(step, str) and isinstance(here, dict):
        if rest:
            return {**here, step: _with(here[step], rest, value)} if step in here else here
        kept = {key: item for key, item in here.items() if key != step}
        return kept if isinstance(value, _Absent) else {**kept, step: value}
    if isinstance(step, int) and isinstance(here, list) and step < len(here):
        if rest:
            return [*here[:step], _with(here[step], rest, value), *here[step + 1 :]]
        return [*here[:step], *([] if isinstance(value, _Absent) else [value]), *here[step + 1 :]]
    return here


def _added(here: JsonValue, live: JsonValue, field: Found, owners: Sequence[JsonObject]) -> JsonValue:
    """`here` with a field that `live` has and `here` does not."""
    step, rest = field[0], field[1:]
    if isinstance(step, str) and isinstance(live, dict) and step in live:
        if not isinstance(here, dict):
            return here
        below = _below(owners, f"f:{step}")
        if rest:
            inner = here.get(step, [] if isinstance(live[step], list) else {})
            grown = _added(inner, live[step], rest, below)
            return {**here, step: grown} if step in here or grown else here
        return here if step in here else {**here, step: live[step]}
    if isinstance(step, int) and isinstance(live, list) and isinstance(here, list) and step < len(live):
        place = _place(live, step, here, owners)
        if place is None:
            return here if rest else [*here, live[step]]
        if rest:
            inner = _added(here[place], live[step], rest, _below_item(owners, live[step]))
            return [*here[:place], inner, *here[place + 1 :]]
    return here


def _identity(body: JsonValue, field: Found, owners: Sequence[JsonObject]) -> str:
    """The field by names alone: list items by what they are known by."""
    parts: list[JsonValue] = []
    here, trees = body, owners
    for step in field:
        if isinstance(step, str):
            parts.append(step)
            here = here.get(step) if isinstance(here, dict) else None
            trees = _below(trees, f"f:{step}")
        else:
            item = here[step] if isinstance(here, list) and step < len(here) else None
            keys = _keys(here if isinstance(here, list) else [], trees)
            parts.append([_key(item, keys)] if keys else [step])
            here, trees = item, _below_item(trees, item)
    return json.dumps(parts, sort_keys=True, default=dict)


def _place(
    items: Sequence[JsonValue], position: int, others: Sequence[JsonValue], owners: Sequence[JsonObject]
) -> int | None:
    """Where in `others` the item stands that `items` has at `position`."""
    item = items[position]
    keys = _keys(items, owners) or _keys(others, owners)
    if keys:
        known = _key(item, keys)
        found = [place for place, other in enumerate(others) if _same_key(known, _key(other, keys))]
        return found[0] if len(found) == 1 else None
    if not isinstance(item, dict):
        return next((place for place, other in enumerate(others) if identical(item, other)), None)
    return position if len(items) == len(others) else None


def _keys(items: Sequence[JsonValue], owners: Sequence[JsonObject]) -> tuple[str, ...]:
    """The fields by which the items of a list are known: as the API server has them, else their names."""
    for tree in owners:
        for name in children(tree):
            if name.startswith("k:"):
                return tuple(sorted(known_by(name)))
    names = [item.get("name") for item in items if isinstance(item, dict)]
    written = [name for name in names if isinstance(name, str)]
    return ("name",) if items and len(written) == len(items) == len(set(written)) else ()


def _key(item: JsonValue, keys: Sequence[str]) -> Mapping[str, JsonValue]:
    return {key: item[key] for key in keys if key in item} if isinstance(item, dict) else {}


def _same_key(one: Mapping[str, JsonValue], other: Mapping[str, JsonValue]) -> bool:
    """A key that one of them does not have was defaulted."""
    common = one.keys() & other.keys()
    return bool(common) and all(identical(one[name], other[name]) for name in common)


def _below(owners: Sequence[JsonObject], name: str) -> list[JsonObject]:
    return [node for tree in owners if isinstance(node := tree.get(name), dict)]


def _below_item(owners: Sequence[JsonObject], item: JsonValue) -> list[JsonObject]:
    found: list[JsonObject] = []
    for tree in owners:
        for name in children(tree):
            node = tree[name]
            known = known_by(name)
            if known and isinstance(node, dict) and _same_key(known, _key(item, tuple(known))):
                found.append(node)
    return found
