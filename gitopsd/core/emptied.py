"""What an apply takes away first, and leaves empty only when it is made once more.

An apply that turns `affinity: {nodeAffinity: …}` into `affinity: {}` removes all that its manager had below, and with
the last of it the field itself (or leaves null there, where a custom kind keeps fields that its schema does not have);
so the object is not yet as git has it, and a second apply of the same adds it. The same holds for lists whose items are
known by keys.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/ says what is removed; that a field goes with
its last item is what Kubernetes 1.36 does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gitopsd.core.jsonvalue import JsonObject, JsonValue

_MARKS: Final = ("labels", "annotations")


def emptied(desired: JsonObject, applied: JsonObject) -> bool:
    """Whether something that is empty in `desired` is not there right after its apply. Labels and annotations do not
    count: the API server never keeps empty ones.
    """
    return any(_missing(desired, applied))


def _missing(desired: JsonValue, applied: JsonValue) -> Iterator[bool]:
    if isinstance(desired, dict) and isinstance(applied, dict):
        for name, item in desired.items():
            if applied.get(name) is not None:
                yield from _missing(item, applied[name])
            elif isinstance(item, dict | list) and name not in _MARKS:
                yield not item
    elif isinstance(desired, list) and isinstance(applied, list) and len(desired) == len(applied):
        for one, other in zip(desired, applied, strict=True):
            yield from _missing(one, other)
