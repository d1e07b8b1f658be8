"""JSON merge patches (RFC 7386): what one object became, which fields that touches, and which of them git sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gitopsd.core.fieldpath import Found
from gitopsd.core.jsonvalue import JsonObject, JsonValue, value


def merge_patch(before: JsonObject, after: JsonObject) -> JsonObject:
    """What makes `after` of `before`. Empty where nothing differs; null and absent are the same, and so are numbers of
    one size (a script gives every number back as a float).
    """
    patch: dict[str, JsonValue] = {}
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if same(old, new):
            continue
        patch[key] = merge_patch(old, new) if isinstance(old, Mapping) and isinstance(new, Mapping) else new
    return patch


def same(one: JsonValue, other: JsonValue) -> bool:
    """Whether two values are the same in that sense."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(same(one.get(key), other.get(key)) for key in one.keys() | other.keys())
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    if isinstance(one, Sequence) and isinstance(other, Sequence):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return float(one) == float(other)
    return one == other


def touched(patch: JsonObject, above: Found = ()) -> Iterator[Found]:
    """The fields that a merge patch sets or takes away, lists as a whole; in the patch's order."""
    for key, content in patch.items():
        if isinstance(content, Mapping) and content:
            yield from touched(content, (*above, key))
        else:
            yield (*above, key)


def replaces_a_list(patch: JsonValue) -> bool:
    """Whether it puts a list in the place of one that may have become another since."""
    if isinstance(patch, Mapping):
        return any(map(replaces_a_list, patch.values()))
    return isinstance(patch, Sequence) and not isinstance(patch, str)


def undone(patch: JsonObject, desired: JsonObject) -> Sequence[Found]:
    """The fields of `patch` that git sets otherwise: the next sync, or self-heal, sets them back."""
    return [field for field in touched(patch) if _set_otherwise(field, patch, desired)]


def _set_otherwise(field: Found, patch: JsonObject, desired: JsonObject) -> bool:
    path = [str(step) for step in field]
    wanted = value(desired, *path)
    return wanted is not None and not same(wanted, value(patch, *path))
