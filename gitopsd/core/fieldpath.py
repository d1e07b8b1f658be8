"""Fields of an object, named from outside: JSON pointers, and paths that find list items by what they hold.

/spec/template/metadata/annotations/example.org~1restartedAt        RFC 6901, as Argo CD's `jsonPointers`
spec.template.spec.containers[name=web].image                       the item whose `name` is `web`
webhooks[*].clientConfig.caBundle                                   every item
metadata.annotations["example.org/restartedAt"]                     a key with dots
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gitopsd.core.jsonvalue import JsonValue

_MOST_STEPS: Final = 64
_PLAIN: Final = re.compile(r"[A-Za-z0-9_$][\w$-]*")
_IDENTITIES: Final = ("name", "key", "containerPort", "port", "mountPath", "ip", "uid", "type", "id")
_STEP: Final = re.compile(
    r"""\.?(?P<name>[A-Za-z0-9_$][\w$-]*)|\["(?P<quoted>[^"]*)"\]|\[(?P<index>\d{1,9})\]|\[(?P<all>\*)\]"""
    r"""|\[(?P<key>[A-Za-z_][\w.-]*)=(?P<value>[^\]]*)\]"""
)


@dataclass(frozen=True, slots=True)
class AllItems:
    """Every item of a list, or value of a mapping."""


@dataclass(frozen=True, slots=True)
class ItemWith:
    """The items of a list whose field `key` is `value`, written as text."""

    key: str
    value: str


Step = str | int | AllItems | ItemWith
FieldPath = tuple[Step, ...]
Found = tuple[str | int, ...]
"""One field of one object: keys and list positions only."""


def parse_pointer(text: str) -> FieldPath:
    """The steps of a JSON pointer; `-` and numbers are also tried as positions. Raises ValueError."""
    if not text.startswith("/"):
        raise ValueError("a JSON pointer begins with /")
    steps = [part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/")]
    return _bounded(tuple(steps))


def parse_path(text: str) -> FieldPath:
    """The steps of a path. Raises ValueError that says where it is none."""
    steps: list[Step] = []
    at = 0
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None or text[at] not in (".[" if at else "[" + text[at].lstrip(".")):
            raise ValueError(f'at character {at + 1}: expected .name, [name=value], [*], [0] or ["name"]')
        steps.append(_step(found))
        at = found.end()
    if not steps:
        raise ValueError("it is empty")
    return _bounded(tuple(steps))


def fields_at(root: JsonValue, path: FieldPath) -> Iterator[Found]:
    """The fields of `root` that `path` names, in their order; none where it leads nowhere."""
    yield from _below(root, path, ())


def values_at(root: JsonValue, field: Found) -> tuple[JsonValue, ...]:
    """The value of one field; empty where it is not there."""
    here = root
    for step in field:
        if isinstance(step, str):
            if not isinstance(here, Mapping) or step not in here:
                return ()
            here = here[step]
        else:
            if not isinstance(here, Sequence) or isinstance(here, str) or step >= len(here):
                return ()
            here = here[step]
    return (here,)


def path_of(root: JsonValue, field: Found) -> str:
    """The field as a path: list items by the first of the usual names that all items of the list have, each another
    (`[name=web]`, `[containerPort=80]`), else by position.
    """
    written = ""
    for depth, step in enumerate(field):
        if isinstance(step, str):
            written += f".{step}" if written and _PLAIN.fullmatch(step) else _first_or_quoted(step)
            continue
        items = values_at(root, field[:depth])
        key = _known_by(items[0]) if items else ""
        value = values_at(root, (*field[: depth + 1], key)) if key else ()
        written += f"[{key}={_written(value[0])}]" if value else f"[{step}]"
    return written


def _first_or_quoted(step: str) -> str:
    return step if _PLAIN.fullmatch(step) else f'["{step}"]'


def _known_by(items: JsonValue) -> str:
    """The name of the field by which the items of a list are told apart; "" if there is none."""
    if not isinstance(items, Sequence) or isinstance(items, str):
        return ""
    for key in _IDENTITIES:
        values = [item.get(key) for item in items if isinstance(item, Mapping)]
        if len(values) == len(items) and all(isinstance(one, str | int) for one in values):
            written = {_written(one) for one in values}
            if len(written) == len(values) and not any("]" in one for one in written):
                return key
    return ""


def _step(found: re.Match[str]) -> Step:
    if found["all"]:
        return AllItems()
    if found["key"] is not None:
        return ItemWith(found["key"], found["value"].strip("\"'"))
    if found["index"] is not None:
        return int(found["index"])
    return found["quoted"] if found["quoted"] is not None else found["name"]


def _bounded(steps: FieldPath) -> FieldPath:
    if len(steps) > _MOST_STEPS:
        raise ValueError(f"it has more than {_MOST_STEPS} steps")
    return steps


def _below(here: JsonValue, path: FieldPath, so_far: Found) -> Iterator[Found]:
    if not path:
        yield so_far
        return
    step, rest = path[0], path[1:]
    if isinstance(here, Mapping):
        keys = list(here) if isinstance(step, AllItems) else [step] if isinstance(step, str) and step in here else []
        for key in keys:
            yield from _below(here[key], rest, (*so_far, key))
    elif isinstance(here, Sequence) and not isinstance(here, str):
        for position in _positions(here, step):
            yield from _below(here[position], rest, (*so_far, position))


def _positions(items: Sequence[JsonValue], step: Step) -> Sequence[int]:
    match step:
        case AllItems():
            return range(len(items))
        case ItemWith(key, value):
            return [
                position
                for position, item in enumerate(items)
                if isinstance(item, Mapping) and key in item and _written(item[key]) == value
            ]
        case int():
            return [step] if step < len(items) else []
        case _:
            return [int(step)] if step.isascii() and step.isdigit() and int(step) < len(items) else []


def _written(value: JsonValue) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
