"""What differs between git and the cluster, field by field: both values, and who set the live one.

Values are as they may be shown: a Secret's are masked, what is long is cut (`core.mask`).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from gitopsd.core.compare import Comparison, ObjectComparison, Verdict, effects_of
from gitopsd.core.effect import Effect
from gitopsd.core.fieldpath import Found, fields_at, parse_path
from gitopsd.core.fieldset import item_of
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, objects, text
from gitopsd.core.mask import masked
from gitopsd.core.normalize import CompareRules, content
from gitopsd.core.overwritten import overwritten
from gitopsd.core.ownership import FIELD_MANAGER

MOST_DIFFERENCES: Final = 200
LONGEST_VALUE: Final = 2048
_LEAD: Final = 200
_ITSELF: Final = "."
_DIFFERING: Final = (Verdict.CHANGED, Verdict.MISSING, Verdict.EXTRA)


@dataclass(frozen=True, slots=True)
class Shown:
    """One side's value. Not `present`: the field is not there, which is not the same as null.

    A value that is longer than `LONGEST_VALUE` bytes as JSON is cut: `value` is then a part of its text, of two texts
    the part where they begin to differ, and `size` its whole length in bytes.
    """

    present: bool
    value: JsonValue = None
    size: int | None = None


ABSENT: Final = Shown(present=False)


@dataclass(frozen=True, slots=True)
class Owner:
    """Who set a live field: an entry of `managedFields`. `time` is as the API server wrote it, `operation` Apply or
    Update.
    """

    manager: str
    operation: str
    time: str = ""
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field. `path` is as `fieldpath` reads it; "" is the whole object. `owner` is None where nobody is recorded:
    for a field that is not there, or that a default filled in.
    """

    path: str
    desired: Shown
    live: Shown
    owner: Owner | None = None


@dataclass(frozen=True, slots=True)
class ObjectDifferences:
    """All that differs in one object; `truncated` where there was more than `MOST_DIFFERENCES`."""

    item: ObjectComparison
    fields: tuple[Difference, ...] = ()
    truncated: bool = False


def object_differences(
    item: ObjectComparison, rules: CompareRules, mask_annotations: Collection[str] = ()
) -> ObjectDifferences:
    """The fields of an object at which git and the cluster differ. Of one that is missing or extra it is the whole; of
    one that could not be compared there are none: its `error` says why.
    """
    if item.verdict not in _DIFFERING:
        return ObjectDifferences(item)
    show = partial(masked, annotations=mask_annotations)
    if item.verdict is not Verdict.CHANGED:
        return ObjectDifferences(item, (_whole(item, show),))
    return _listed(item, effects_of(item, rules, show))


def replacing_differences(
    item: ObjectComparison,
    rules: CompareRules,
    mask_annotations: Collection[str] = (),
    *,
    anew: bool = False,
    respects: bool = False,
) -> ObjectDifferences:
    """The fields of a live object that change when it is replaced, or made `anew`, not applied: those that git does not
    have and somebody set are among them. `respects` as for `overwritten`.
    """
    show = partial(masked, annotations=mask_annotations)
    return _listed(item, overwritten(item, rules, show, anew=anew, respects=respects))


def differing(comparison: Comparison) -> tuple[ObjectComparison, ...]:
    """The objects that are not in sync, or of which that is not known, in the order of the comparison."""
    return tuple(
        item for item in comparison.objects.values() if item.verdict is not Verdict.SYNCED and not item.tolerated
    )


def as_json(found: ObjectDifferences) -> JsonObject:
    """One object's differences as the API tells them."""
    item = found.item
    side = item.desired or item.live
    unknown = item.verdict in (Verdict.UNKNOWN, Verdict.UNDECIDED)
    return {
        "group": item.key.group,
        "version": side.gvk.version if side is not None else "",
        "kind": item.key.kind,
        "namespace": item.key.namespace,
        "name": item.key.name,
        "sync": "Unknown" if unknown else "OutOfSync",
        "difference": Verdict.UNKNOWN.value if unknown else item.verdict.value,
        "message": item.error,
        "fields": [_field_as_json(each) for each in found.fields],
        "truncated": found.truncated,
    }


def owner_of(live: JsonObject, path: str) -> Owner | None:
    """Who set the field at `path`, or something in it: of several the last one that is not gitopsd."""
    field = _field(live, path)
    if field is None:
        return None
    entries = [entry for entry in objects(live, "metadata", "managedFields") if _has(entry, live, field)]
    entries.sort(key=_precedence)
    if not entries:
        return None
    last = entries[-1]
    return Owner(text(last, "manager"), text(last, "operation"), text(last, "time"), text(last, "subresource"))


def _field_as_json(field: Difference) -> JsonObject:
    owner = field.owner
    return {
        "path": field.path,
        "desired": _shown_as_json(field.desired),
        "live": _shown_as_json(field.live),
        "owner": {
            "manager": owner.manager,
            "operation": owner.operation,
            "time": owner.time,
            "subresource": owner.subresource,
        }
        if owner is not None
        else None,
    }


def _shown_as_json(shown: Shown) -> JsonObject:
    return {"present": shown.present, "value": shown.value, "size": shown.size}


def _listed(item: ObjectComparison, effects: Iterator[Effect]) -> ObjectDifferences:
    live = (item.current or item.live.document).body() if item.live is not None else {}
    found = list(itertools.islice(effects, MOST_DIFFERENCES + 1))
    fields = tuple(_difference(effect, live) for effect in found[:MOST_DIFFERENCES])
    return ObjectDifferences(item, fields, truncated=len(found) > MOST_DIFFERENCES)


def _whole(item: ObjectComparison, show: partial[Sequence[JsonObject]]) -> Difference:
    if item.live is None:
        body = item.desired.document.body() if item.desired is not None else {}
        return Difference("", _cut(show([body])[0]), ABSENT)
    return Difference("", ABSENT, _cut(content(show([item.live.document.body()])[0])))


def _difference(effect: Effect, live: JsonObject) -> Difference:
    before, after = effect.before, effect.after
    start = 0
    if before and after and isinstance(before[0], str) and isinstance(after[0], str):
        start = _differing_at(before[0], after[0])
    owner = owner_of(live, effect.path) if before else None
    return Difference(effect.path, _side(after, start), _side(before, start), owner)


def _side(value: tuple[JsonValue, ...], start: int) -> Shown:
    return _cut(value[0], start) if value else ABSENT


def _cut(value: JsonValue, start: int = 0) -> Shown:
    """The value, or a part of its text that has what stands at the character `start`."""
    written = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False, default=dict)
    size = len(written.encode("utf-8", "replace"))
    if size <= LONGEST_VALUE:
        return Shown(present=True, value=value)
    begin = max(0, start - _LEAD) if start else 0
    part = written[begin:].encode("utf-8", "replace")[:LONGEST_VALUE].decode("utf-8", "ignore")
    return Shown(present=True, value=part, size=size)


def _differing_at(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (first, second) in pairs if first != second), min(len(one), len(other)))


def _field(live: JsonObject, path: str) -> Found | None:
    """The one field that a path means; None for a path of names that no path can have."""
    try:
        found = list(fields_at(live, parse_path(path)))
    except ValueError:
        return None
    return found[0] if len(found) == 1 else None


def _has(entry: JsonObject, live: JsonObject, field: Found) -> bool:
    """Whether a field set has the field, something in it, or all of what it is a part of."""
    node: JsonValue = mapping(entry, "fieldsV1")
    here: JsonValue = live
    for step in field:
        names = list(node) if isinstance(node, dict) else []
        name = next((name for name in names if _means(name, here, step)), "")
        if not isinstance(node, dict) or not name:
            return False
        node, here = node[name], _inside(here, step)
        if not node:
            return True
    return True


def _means(name: str, here: JsonValue, step: str | int) -> bool:
    if isinstance(step, str):
        return name == f"f:{step}"
    return isinstance(here, list) and name != _ITSELF and item_of(here, name) == step


def _inside(here: JsonValue, step: str | int) -> JsonValue:
    if isinstance(step, str):
        return here.get(step) if isinstance(here, dict) else None
    return here[step] if isinstance(here, list) and step < len(here) else None


def _precedence(entry: JsonObject) -> tuple[bool, str]:
    return text(entry, "manager") != FIELD_MANAGER, text(entry, "time")
