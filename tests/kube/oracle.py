"""What is ours in an object, read out of its field sets once more, in another way than gitopsd does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.kube.injector import LABEL, injected

Body = dict[str, Any]


def ours(body: Body) -> Body:
    """The field set of our applies."""
    entries = body.get("metadata", {}).get("managedFields", ())
    return next(
        (entry["fieldsV1"] for entry in entries if (entry["manager"], entry["operation"]) == ("gitopsd", "Apply")), {}
    )


def drift(owned: Mapping[str, Any], wanted: Any, then: Any, now: Any, path: str) -> Iterator[str]:
    """The fields below `owned` that are not what they were."""
    below = [name for name in owned if name != "."]
    if wanted in ({}, []):
        return  # `labels: {}` says nothing of the labels that others give it
    if not below:
        if json.dumps(then, sort_keys=True) != json.dumps(now, sort_keys=True):
            yield path
        return
    for name in below:
        one, other, asked = _child(then, name), _child(now, name), _child(wanted, name)
        if one is None:
            continue
        want = asked[0] if asked else None
        if other is not None:
            yield from drift(owned[name], want, one[0], other[0], f"{path}.{name[2:]}")
        elif want not in ({}, []) or one[0] == want:
            yield f"{path}.{name[2:]}"


def _child(value: Any, name: str) -> tuple[Any] | None:
    kind, _, rest = name.partition(":")
    if kind == "f":
        return (value[rest],) if isinstance(value, dict) and rest in value else None
    wanted = json.loads(rest)
    items = value if isinstance(value, list) else []
    if kind == "v":
        found = [item for item in items if item == wanted]
    else:
        found = [item for item in items if isinstance(item, dict) and wanted.items() <= _scalars(item).items()]
    return (found[0],) if len(found) == 1 else None  # updates may leave two with one key


def _scalars(item: Body) -> Body:
    return {name: part for name, part in item.items() if not isinstance(part, dict | list)}


def value_at(body: Any, place: Sequence[str | int]) -> Any:
    """What stands at a place that is there."""
    for step in place:
        body = body[step]
    return body


def in_place(then: Body, now: Body) -> bool:
    """Whether we own what we owned, and our list items are in the order that they were in."""
    return _places(ours(then), then) == _places(ours(then), now)


def _places(owned: Mapping[str, Any], value: Any) -> list[Any]:
    found: list[Any] = []
    items = [name for name in owned if name[:2] in ("k:", "v:")]
    if items and isinstance(value, list):
        positions = {
            name: next((number for number, item in enumerate(value) if _child([item], name)), -1) for name in items
        }
        found.append(sorted(items, key=lambda name: positions[name]))
    for name in owned:
        child = _child(value, name) if name != "." else None
        if child is not None:
            found.append(_places(owned[name], child[0]))
    return found


def forced(body: Body) -> Any:
    """What says whether the webhook has its own way in our fields."""
    return body["metadata"].get("labels", {}).get(LABEL), injected(body) == body


def says_nothing(value: Any) -> bool:
    """Whether there is a field in it that says no more than one that is not there: false, 0, null, or empty."""
    if isinstance(value, dict | list) and value:
        return any(map(says_nothing, value.values() if isinstance(value, dict) else value))
    return not value
