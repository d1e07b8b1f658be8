"""Server-side apply and field ownership, as far as tests need them.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/. There is no schema: which lists are maps and
which are sets is told by their names, everything else is atomic.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, Final, TypeAlias

Body: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str, ...]

SERVER_SET: Final = frozenset(
    {"creationTimestamp", "deletionTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"}
)
_BY_NAME: Final = ("name",)
_LIST_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "containers": _BY_NAME,
    "env": _BY_NAME,
    "ephemeralContainers": _BY_NAME,
    "imagePullSecrets": _BY_NAME,
    "initContainers": _BY_NAME,
    "ownerReferences": ("uid",),
    "volumeMounts": ("mountPath",),
    "volumes": _BY_NAME,
}
_SETS: Final = frozenset({"finalizers"})
_ATOMIC: Final = frozenset({"selector", "nodeSelector", "fieldRef", "emptyDir"})
_DEFAULT_KEYS: Final = {"protocol": "TCP"}


def paths(body: Mapping[str, Any]) -> frozenset[Path]:
    """The fields that an apply of `body` would own, as paths of `fieldsV1` elements; items of lists end in `.`."""
    content = {key: value for key, value in body.items() if key not in ("apiVersion", "kind", "status", "metadata")}
    metadata = body.get("metadata") or {}
    ignored = SERVER_SET | {"name", "namespace"}
    kept = {key: value for key, value in metadata.items() if key not in ignored}
    return frozenset(_walk({**content, "metadata": kept} if kept else content, ()))


def encode(owned: Collection[Path]) -> Body:
    """A `fieldsV1` object."""
    root: Body = {}
    for path in sorted(owned):
        here = root
        for element in path:
            here = here.setdefault(element, {})
    return root


def decode(fields: Mapping[str, Any]) -> frozenset[Path]:
    """The paths in a `fieldsV1` object."""
    return frozenset(_leaves(fields, ()))


def merge(live: Mapping[str, Any], desired: Mapping[str, Any]) -> Body:
    """`live` with what `desired` says: maps and keyed lists are merged, everything else is replaced."""
    merged = dict(deepcopy(dict(live)))
    for key, value in desired.items():
        merged[key] = _merged(key, merged.get(key), value)
    return merged


def patched(body: Mapping[str, Any], patch: Mapping[str, Any]) -> Body:
    """`body` after a JSON merge patch (RFC 7386)."""
    result = deepcopy(dict(body))
    for key, item in patch.items():
        if item is None:
            result.pop(key, None)
        elif isinstance(item, Mapping):
            before = result.get(key)
            result[key] = patched(before if isinstance(before, Mapping) else {}, item)
        else:
            result[key] = deepcopy(item)
    return result


def remove(body: Body, gone: Collection[Path], kept: Collection[Path]) -> None:
    """Take the fields `gone` out of `body`, and containers that are empty then; list items go if nobody `kept` any part
    of them.
    """
    for path in sorted(gone, key=len, reverse=True):
        if path[-1] == "." and any(other[: len(path) - 1] == path[:-1] for other in kept):
            continue
        _take(body, path[:-1] if path[-1] == "." else path)


def value_at(body: Any, path: Path) -> Any:
    """The value of the field at `path`; None where there is none."""
    here = body
    for element in path:
        if element == ".":
            return here
        here = _child(here, element)
        if here is None:
            return None
    return here


def _walk(value: Any, path: Path, name: str = "") -> Iterator[Path]:
    if isinstance(value, Mapping) and value and name not in _ATOMIC:
        for key, item in value.items():
            yield from _walk(item, (*path, f"f:{key}"), key)
    elif isinstance(value, Sequence) and not isinstance(value, str) and name in _SETS:
        for item in value:
            yield (*path, f"v:{_json(item)}")
    elif (keys := _keys_of(name, value)) is not None:
        for item in value:
            place = (*path, f"k:{_json(_key(item, keys))}")
            yield (*place, ".")
            yield from _walk(item, place)
    else:
        yield path


def _leaves(fields: Mapping[str, Any], path: Path) -> Iterator[Path]:
    for element, below in fields.items():
        if below:
            yield from _leaves(below, (*path, element))
        else:
            yield (*path, element)


def _keys_of(name: str, value: Any) -> tuple[str, ...] | None:
    """The fields that tell items of a list of type map apart; None for other lists and other values."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        return None
    if not all(isinstance(item, Mapping) for item in value):
        return None
    if name == "ports":
        return ("containerPort", "protocol") if "containerPort" in value[0] else ("port", "protocol")
    return _LIST_KEYS.get(name)


def _key(item: Mapping[str, Any], keys: Sequence[str]) -> Body:
    return {key: item.get(key, _DEFAULT_KEYS.get(key)) for key in keys}


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _merged(name: str, live: Any, desired: Any) -> Any:
    if isinstance(live, Mapping) and isinstance(desired, Mapping) and name not in _ATOMIC and desired:
        return merge(live, desired)
    if isinstance(live, list) and name in _SETS:
        return [*live, *(item for item in desired if item not in live)]
    keys = _keys_of(name, desired)
    if keys is None or not isinstance(live, list):
        return deepcopy(desired)
    items = {_json(_key(item, keys)): item for item in live}
    for item in desired:
        place = _json(_key(item, keys))
        items[place] = merge(items[place], item) if place in items else deepcopy(item)
    return list(items.values())


def _take(body: Any, path: Path) -> None:
    parents = [body]
    for element in path[:-1]:
        parents.append(_child(parents[-1], element))
    if parents[-1] is None or _child(parents[-1], path[-1]) is None:
        return
    for parent, element in zip(reversed(parents), reversed(path), strict=True):
        _drop(parent, element)
        if parent or element.startswith("k:"):
            return


def _child(parent: Any, element: str) -> Any:
    kind, _, rest = element.partition(":")
    if kind == "f":
        return parent.get(rest) if isinstance(parent, Mapping) else None
    if not isinstance(parent, list):
        return None
    wanted = json.loads(rest)
    if kind == "v":
        return wanted if wanted in parent else None
    return next((item for item in parent if _key(item, tuple(wanted)) == wanted), None)


def _drop(parent: Any, element: str) -> None:
    kind, _, rest = element.partition(":")
    if kind == "f":
        parent.pop(rest, None)
    else:
        parent.remove(_child(parent, element))
