"""JSON values, and forgiving reads out of objects that somebody else wrote.

Manifests, live objects and annotations are foreign input: any field may be absent, null or of another type. The readers
below never raise for that; they answer with the empty value of the type that was asked for, so that one odd object can
never stop more than its own verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonObject: TypeAlias = Mapping[str, JsonValue]

_NO_OBJECT: JsonObject = {}


def value(root: JsonValue, *path: str) -> JsonValue:
    """The value at `path` (mapping keys only) below `root`; None where the path is absent or leaves a mapping."""
    here = root
    for key in path:
        # The exact type first: objects come from JSON parsers, and the general question takes ten times as long.
        if type(here) is not dict and not isinstance(here, Mapping):
            return None
        here = here.get(key)
    return here


def mapping(root: JsonValue, *path: str) -> JsonObject:
    """The mapping at `path`; an empty one if it is absent or something else."""
    found = value(root, *path)
    return found if type(found) is dict or isinstance(found, Mapping) else _NO_OBJECT


def sequence(root: JsonValue, *path: str) -> Sequence[JsonValue]:
    """The list at `path`; an empty one if it is absent or something else."""
    found = value(root, *path)
    if type(found) is list:
        return found
    return found if isinstance(found, Sequence) and not isinstance(found, str) else ()


def objects(root: JsonValue, *path: str) -> Sequence[JsonObject]:
    """The mappings in the list at `path`, in order; items that are no mappings are left out."""
    return [item for item in sequence(root, *path) if type(item) is dict or isinstance(item, Mapping)]


def text(root: JsonValue, *path: str) -> str:
    """The string at `path`; "" if it is absent or something else."""
    found = value(root, *path)
    return found if isinstance(found, str) else ""


def integer(root: JsonValue, *path: str, default: int = 0) -> int:
    """The whole number at `path`; `default` if it is absent or something else (a boolean is not a number)."""
    found = value(root, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else default


def boolean(root: JsonValue, *path: str) -> bool:
    """True only if `path` holds the boolean true."""
    return value(root, *path) is True


def string_map(root: JsonValue, *path: str) -> Mapping[str, str]:
    """The string-to-string entries of the mapping at `path` (labels, annotations); other entries are left out."""
    return {key: item for key, item in mapping(root, *path).items() if isinstance(item, str)}
