"""Small changes of an object, each a function of the object, of another one of its kind, and of a number."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

Body = dict[str, Any]
Path = tuple[str | int, ...]

_META: Final = ("labels", "annotations")
_SAME_AMOUNT: Final[Mapping[str, str]] = {
    "1": "1000m",
    "1000m": "1",
    "500m": "0.5",
    "0.5": "500m",
    "0.5Gi": "512Mi",
    "512Mi": "0.5Gi",
    "1Gi": "1024Mi",
    "1024Mi": "1Gi",
    "1k": "1e3",
    "100m": "0.1",
    "0.1": "100m",
    "64Mi": "65536Ki",
}
_GONE: Final = object()


def mutated(body: Body, other: Body, seed: int) -> Body:
    """`body` with one to three changes. Name, namespace, kind and what only a server sets stay."""
    chance = random.Random(seed)  # noqa: S311 - to choose, no secret
    made = copy.deepcopy(body)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        chance.choice(_WAYS)(made, other, chance)
    return made


def dropped(body: Body, seed: int) -> tuple[Body, Path]:
    """`body` without one field, and which."""
    chance = random.Random(seed)  # noqa: S311 - to choose, no secret
    made = copy.deepcopy(body)
    return made, _drop(made, {}, chance)


def reordered(body: Body, seed: int) -> Body:
    """`body` with one list in another order, where one has two items."""
    made = copy.deepcopy(body)
    _reorder(made, {}, random.Random(seed))  # noqa: S311 - to choose, no secret
    return made


def part(body: Body, seed: int) -> Body:
    """Some top-level parts of `body`, or all of it."""
    chance = random.Random(seed)  # noqa: S311 - to choose, no secret
    kept = {name: item for name, item in body.items() if name in ("apiVersion", "kind") or chance.random() < 0.6}
    metadata = {name: item for name, item in body["metadata"].items() if name not in _META or chance.random() < 0.5}
    return copy.deepcopy({**kept, "metadata": metadata})


def fields(body: Any, so_far: Path = ()) -> Iterator[Path]:
    """Every field and list item of an object that somebody may change."""
    items: Sequence[tuple[str | int, Any]]
    if isinstance(body, dict):
        items = list(body.items())
    elif isinstance(body, list):
        items = list(enumerate(body))
    else:
        return
    for step, item in items:
        path = (*so_far, step)
        if path in (("apiVersion",), ("kind",), ("status",)) or (
            len(path) == 2 and path[0] == "metadata" and step not in _META
        ):
            continue
        if path != ("metadata",):
            yield path
        yield from fields(item, path)


def at(body: Any, path: Path) -> Any:
    """The value at a path; _GONE where there is none."""
    here = body
    for step in path:
        inside = step in here if isinstance(here, dict) else isinstance(here, list) and step in range(len(here))
        if not inside:
            return _GONE
        here = here[step]
    return here


def _graft(body: Body, other: Body, chance: random.Random) -> Path:
    """A field as the other has it."""
    news = [path for path in fields(other) if isinstance(path[-1], str) and at(body, path[:-1]) is not _GONE
            and isinstance(at(body, path[:-1]), dict) and not _same(at(body, path), at(other, path))]  # fmt: skip
    if not news:
        return ()
    path = chance.choice(news)
    at(body, path[:-1])[path[-1]] = copy.deepcopy(at(other, path))
    return path


def _drop(body: Body, other: Body, chance: random.Random) -> Path:
    del other
    found = list(fields(body))
    if not found:
        return ()
    path = chance.choice(found)
    del at(body, path[:-1])[path[-1]]
    return path


def _reword(body: Body, other: Body, chance: random.Random) -> Path:
    """Another value of the same type."""
    del other
    found = [path for path in fields(body) if not isinstance(at(body, path), dict | list)]
    if not found:
        return ()
    path = chance.choice(found)
    at(body, path[:-1])[path[-1]] = _other_value(at(body, path), chance)
    return path


def _restate(body: Body, other: Body, chance: random.Random) -> Path:
    """The same value in other words."""
    del other
    found = [path for path in fields(body) if str(at(body, path)) in _SAME_AMOUNT]
    if not found:
        return ()
    path = chance.choice(found)
    at(body, path[:-1])[path[-1]] = _SAME_AMOUNT[str(at(body, path))]
    return path


def _reorder(body: Body, other: Body, chance: random.Random) -> Path:
    del other
    found = [path for path in fields(body) if isinstance(at(body, path), list) and len(at(body, path)) > 1]
    if not found:
        return ()
    path = chance.choice(found)
    items = at(body, path)
    items.append(items.pop(0))
    return path


def _extend(body: Body, other: Body, chance: random.Random) -> Path:
    """A list with one more item: the other's, or a copy under another name."""
    found = [path for path in fields(body) if isinstance(at(body, path), list) and at(body, path)]
    if not found:
        return ()
    path = chance.choice(found)
    theirs = at(other, path)
    item = copy.deepcopy(chance.choice(theirs if isinstance(theirs, list) and theirs else at(body, path)))
    if isinstance(item, dict) and isinstance(item.get("name"), str):
        item["name"] += "-more"
    at(body, path).insert(chance.randint(0, len(at(body, path))), item)
    return path


def _empty(body: Body, other: Body, chance: random.Random) -> Path:
    """Something that says nothing, in a place where nothing was, or something."""
    names = [path for path in [*fields(body), *fields(other)] if isinstance(path[-1], str)
             and isinstance(at(body, path[:-1]), dict)]  # fmt: skip
    if not names:
        return ()
    path = chance.choice(names)
    before = at(other, path) if at(body, path) is _GONE else at(body, path)
    nothing: Any = (
        [] if isinstance(before, list) else {} if isinstance(before, dict) else "" if isinstance(before, str) else 0
    )
    at(body, path[:-1])[path[-1]] = chance.choice((None, nothing))
    return path


_WAYS: Final = (_graft, _graft, _drop, _reword, _reword, _restate, _reorder, _extend, _empty)


def _other_value(value: Any, chance: random.Random) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return value + chance.choice((-1, 1, 10))
        case float():
            return chance.choice((value + 1, float(int(value)), int(value)))
        case str():
            return chance.choice((value + "x", value + "-2", "", value.upper(), "other"))
        case _:
            return chance.choice(("", 0, False))


def _same(one: Any, other: Any) -> bool:
    if one is _GONE or other is _GONE:
        return one is other
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
