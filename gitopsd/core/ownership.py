"""Compare's fast path: can field ownership alone tell that an apply would change nothing?

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/ and the `fieldsV1` encoding of
https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/. Never guesses: wherever the
encoding leaves a doubt the answer is False, and a server-side dry-run is the judge. A null that we own and that is not
there (`creationTimestamp: null` of a template) is as it was applied. Objects are as a JSON parser makes
them, of dicts and lists: asking for these is quick, asking for any mapping is not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Final

from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, objects, text

FIELD_MANAGER: Final = "gitopsd"
_IDENTITY: Final = frozenset({"name", "namespace"})


def unchanged(
    desired: JsonObject, live: JsonObject, *, manager: str = FIELD_MANAGER, owned: JsonObject | None = None
) -> bool:
    """True only if applying `desired` again as `manager` would leave `live` as it is.

    That is: `manager` owns exactly the fields that `desired` has, and each has the desired value. False means "not
    known". `owned` is the manager's field set, where it is not the one in `live`.
    """
    if desired.get("apiVersion") != live.get("apiVersion"):
        return False
    if owned is None:
        owned = applied_fields(live, text(desired, "apiVersion"), manager=manager)
    if owned is None:
        return False
    wanted = {key: item for key, item in desired.items() if key not in ("apiVersion", "kind")}
    metadata = {key: item for key, item in mapping(desired, "metadata").items() if key not in _IDENTITY}
    if metadata:
        wanted["metadata"] = metadata
    else:
        wanted.pop("metadata", None)
    return _same_mapping(wanted, live, owned)


def applied_fields(live: JsonObject, api_version: str, *, manager: str = FIELD_MANAGER) -> JsonObject | None:
    """The field set of `manager`'s applies; None if there is none, or it was recorded at another version."""
    for entry in objects(live, "metadata", "managedFields"):
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            return mapping(entry, "fieldsV1") if entry.get("apiVersion") == api_version else None
    return None


def _same(desired: JsonValue, live: JsonValue, owned: JsonValue) -> bool:
    if not isinstance(owned, dict):
        return False
    if not owned or (len(owned) == 1 and "." in owned):
        return identical(desired, live)
    if isinstance(desired, dict) and isinstance(live, dict):
        return _same_mapping(desired, live, owned)
    if isinstance(desired, list) and isinstance(live, list):
        return _same_list(desired, live, owned)
    return False


def _same_mapping(desired: JsonObject, live: JsonObject, owned: JsonObject) -> bool:
    # A loop, and no sets: every field of every object comes by here.
    if len(desired) != len(owned) - ("." in owned):
        return False
    for key, item in desired.items():
        fields = owned.get("f:" + key)
        if fields is None:
            return False
        if key not in live:
            if item is not None or fields != {}:
                return False
        elif not _same(item, live[key], fields):
            return False
    return True


def _same_list(desired: Sequence[JsonValue], live: Sequence[JsonValue], owned: JsonObject) -> bool:
    entries = [name for name in owned if name != "."]
    if len(entries) != len(desired):
        return False
    if all(name.startswith("v:") for name in entries):
        return _same_set(desired, live, entries)
    if all(name.startswith("k:") for name in entries):
        return _same_by_key(desired, live, owned, entries)
    return False


def _same_set(desired: Sequence[JsonValue], live: Sequence[JsonValue], entries: Sequence[str]) -> bool:
    try:
        values = [json.loads(name[2:]) for name in entries]
    except ValueError:
        return False
    if not all(item in values for item in desired):
        return False
    return _in_order([_place(live, partial(identical, item)) for item in desired])


def _same_by_key(
    desired: Sequence[JsonValue], live: Sequence[JsonValue], owned: JsonObject, entries: Sequence[str]
) -> bool:
    """Lists of type `map`: items are known by some of their fields; an absent one of these was defaulted."""
    try:
        keys = [(name, json.loads(name[2:])) for name in entries]
    except ValueError:
        return False
    positions: list[int | None] = []
    for item in desired:
        if not isinstance(item, dict):
            return False
        matching = [(name, key) for name, key in keys if _has_key(item, key, absent=True)]
        if len(matching) != 1:
            return False
        name, key = matching[0]
        position = _place(live, partial(_is_keyed, key))
        if position is None or not _same(item, live[position], owned[name]):
            return False
        positions.append(position)
    return _in_order(positions)


def _has_key(item: JsonObject, key: JsonValue, *, absent: bool = False) -> bool:
    if not isinstance(key, dict):
        return False
    return all(identical(item[name], part) if name in item else absent for name, part in key.items())


def _is_keyed(key: JsonValue, item: JsonValue) -> bool:
    return isinstance(item, dict) and _has_key(item, key)


def _place(items: Sequence[JsonValue], matches: Callable[[JsonValue], bool]) -> int | None:
    """The place of the one item that `matches`; None where there is none or more than one."""
    found = [position for position, item in enumerate(items) if matches(item)]
    return found[0] if len(found) == 1 else None


def _in_order(positions: Sequence[int | None]) -> bool:
    known = [position for position in positions if position is not None]
    return len(known) == len(positions) and all(first < second for first, second in pairwise(known))


def identical(first: JsonValue, second: JsonValue) -> bool:
    """Equality as JSON has it: unlike in Python, `true` is not 1 and `1` is not `1.0`."""
    if type(first) is not type(second):
        return False
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(identical(item, second[key]) for key, item in first.items())
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(identical, first, second))
    return first == second
