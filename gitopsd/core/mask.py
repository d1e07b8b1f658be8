"""Values that nobody is shown: a Secret's, and annotations that may hold some (S1, S2, S3).

The sides of a comparison are masked together, so that a changed value is shown as changed and an equal one as equal,
and nothing of it, not even its length. What counts is what each body says that it is, never what a caller calls it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from gitopsd.core.adoption import LAST_APPLIED
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping

MASK: Final = "++++++++"
_SECRET_BLOCKS: Final = ("data", "stringData")


def is_secret(body: JsonObject) -> bool:
    """Whether the body says that it is a Secret."""
    return body.get("kind") == "Secret" and body.get("apiVersion") == "v1"


def masked(bodies: Sequence[JsonObject], annotations: Collection[str] = ()) -> Sequence[JsonObject]:
    """The sides of one object as they may be shown. If one of them is a Secret, all are masked as one.

    `annotations` are the names of those whose values are masked on every kind (`resources.maskAnnotations`). The
    last-applied configuration, which holds a copy of everything, is left out.
    """
    masks = _Masks()
    secret = any(is_secret(body) for body in bodies)
    return [_shown(body, masks, annotations, secret=secret) for body in bodies]


class _Masks:
    """At each place the first value is `++++++++`, and each further one a plus longer."""

    def __init__(self) -> None:
        self._seen: dict[str, list[str]] = {}

    def of(self, place: str, value: JsonValue) -> str:
        known = self._seen.setdefault(place, [])
        written = json.dumps(value, sort_keys=True, default=dict)
        if written not in known:
            known.append(written)
        return MASK + "+" * known.index(written)


def _shown(body: JsonObject, masks: _Masks, annotations: Collection[str], *, secret: bool) -> JsonObject:
    made = dict(body)
    if secret:
        for block in _SECRET_BLOCKS:
            if block in made:
                made[block] = _masked_block(made[block], masks)
    metadata = mapping(made, "metadata")
    found = metadata.get("annotations")
    if found:
        shown = _annotations(found, masks, annotations)
        kept = {name: item for name, item in metadata.items() if name != "annotations"}
        made["metadata"] = {**kept, "annotations": shown} if shown else kept
    return made


def _masked_block(block: JsonValue, masks: _Masks) -> JsonValue:
    if isinstance(block, Mapping):
        return {name: masks.of(f"data/{name}", value) for name, value in block.items()}
    return None if block is None else masks.of("data", block)


def _annotations(found: JsonValue, masks: _Masks, hidden: Collection[str]) -> JsonValue:
    if not isinstance(found, Mapping):
        return MASK
    return {
        name: masks.of(f"annotations/{name}", value) if name in hidden else value
        for name, value in found.items()
        if name != LAST_APPLIED
    }
