"""What an apply would change of an object, as a server-side dry-run shows it, and what of that is the apply's doing.

A dry-run also shows what webhooks and defaults do to any write today. So a difference between the object as it is and
as it would be counts only where it is ours: in a field that our manager owns now, or would own then. The field sets
that the API server records say both (docs/decisions/0012-only-our-own-fields-differ.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from gitopsd.core.fieldset import children, item_of, known_by
from gitopsd.core.jsonvalue import JsonObject, JsonValue
from gitopsd.core.ownership import identical

_PLAIN: Final = re.compile(r"[A-Za-z0-9_$][\w$-]*")


class Effect(NamedTuple):
    """One field that would change: `before` and `after` hold its value, and are empty where it is not there."""

    path: str
    before: tuple[JsonValue, ...]
    after: tuple[JsonValue, ...]


def effects(before: JsonValue, after: JsonValue, claims: Sequence[JsonObject]) -> Iterator[Effect]:
    """The fields in one of the field sets `claims` that differ, in the order of their names."""
    yield from _walk((before,), (after,), claims, "")


def differences(before: JsonValue, after: JsonValue) -> Iterator[Effect]:
    """All fields that differ, whoever made them so."""
    yield from _every((before,), (after,), "")


def _walk(
    before: tuple[JsonValue, ...], after: tuple[JsonValue, ...], claims: Sequence[JsonObject], path: str
) -> Iterator[Effect]:
    if not before and not after:
        return
    if not before or not after or not all(map(children, claims)):
        yield from _every(before, after, path)
    elif isinstance(before[0], Mapping) and isinstance(after[0], Mapping):
        for name in sorted({name for claim in claims for name in children(claim) if name.startswith("f:")}):
            field = name[2:]
            below = _below(claims, name)
            yield from _walk(_field(before[0], field), _field(after[0], field), below, _named(path, field))
    elif isinstance(before[0], list) and isinstance(after[0], list):
        yield from _walk_list(before[0], after[0], claims, path)
    else:
        yield from _every(before, after, path)


def _walk_list(
    before: Sequence[JsonValue], after: Sequence[JsonValue], claims: Sequence[JsonObject], path: str
) -> Iterator[Effect]:
    places: list[tuple[int, int]] = []
    for name in dict.fromkeys(name for claim in claims for name in children(claim)):
        first, second = item_of(before, name), item_of(after, name)
        if first is not None and second is not None:
            places.append((first, second))
        one = () if first is None else (before[first],)
        other = () if second is None else (after[second],)
        yield from _walk(one, other, _below(claims, name), _item(path, name))
    places.sort()
    if any(second > following for (_, second), (_, following) in pairwise(places)):
        yield Effect(path, (before,), (after,))


def _below(claims: Sequence[JsonObject], name: str) -> list[JsonObject]:
    found = [claim[name] for claim in claims if name in claim]
    return [node if isinstance(node, dict) else {} for node in found]


def _every(before: tuple[JsonValue, ...], after: tuple[JsonValue, ...], path: str) -> Iterator[Effect]:
    if not before or not after:
        if before != after:
            yield Effect(path, before, after)
        return
    first, second = before[0], after[0]
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for field in sorted(first.keys() | second.keys()):
            yield from _every(_field(first, field), _field(second, field), _named(path, field))
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for position, (one, other) in enumerate(zip(first, second, strict=True)):
            yield from _every((one,), (other,), f"{path}[{position}]")
    elif not identical(first, second):
        yield Effect(path, before, after)


def _field(body: Mapping[str, JsonValue], name: str) -> tuple[JsonValue, ...]:
    return (body[name],) if name in body else ()


def _named(path: str, field: str) -> str:
    if not _PLAIN.fullmatch(field):
        return f'{path}["{field}"]'
    return f"{path}.{field}" if path else field


def _item(path: str, entry: str) -> str:
    """A list item as `fieldpath` names it: by the first of the fields by which it is known."""
    known = known_by(entry)
    if not known:
        return path
    key = "name" if "name" in known else min(known)
    return f"{path}[{key}={_written(known[key])}]"


def _written(value: JsonValue) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
