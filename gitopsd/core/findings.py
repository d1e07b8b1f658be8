"""What is worth a word about a comparison besides what differs: objects of others, rules that find nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from gitopsd.core.app import AppSpec
from gitopsd.core.compare import Comparison, ObjectComparison, Verdict
from gitopsd.core.fieldpath import fields_at
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.ignore import IgnoreRule
from gitopsd.core.jsonvalue import JsonObject, objects, text
from gitopsd.core.tracking import mark

_NAMED: Final = 10


class Shared(NamedTuple):
    """An object that an application wants and another one (`owner`) is tracked to have."""

    key: ObjectKey
    owner: str


def shared_objects(spec: AppSpec, comparison: Comparison) -> tuple[Shared, ...]:
    """The objects that the application wants and others have, those of other installations among them; copies of
    others' objects are not theirs.
    """
    ours = ("", mark(spec.name, spec.tracking))
    wanted = ((key, item.live) for key, item in comparison.objects.items() if item.desired is not None)
    return tuple(
        Shared(key, there.foreign or there.owner)
        for key, there in wanted
        if there is not None and (there.foreign or (there.owner not in ours and not there.copied))
    )


def reasons_unknown(comparison: Comparison) -> tuple[str, ...]:
    """Why objects could not be compared, each reason once."""
    found = tuple(dict.fromkeys(item.error for item in comparison.having(Verdict.UNKNOWN)))
    return (*found[:_NAMED], f"and {len(found) - _NAMED} more") if len(found) > _NAMED else found


def finds_something(rule: IgnoreRule, item: ObjectComparison) -> bool:
    """Whether a rule that speaks of the object names a field of it; of jq expressions that is taken for granted."""
    if rule.jq:
        return True
    sides = [side.document.body() for side in (item.live, item.desired) if side is not None]
    managers = set(rule.managers)
    return any(any(_named(rule, body)) or not managers.isdisjoint(_managers(body)) for body in sides)


def unused(rules: Iterable[IgnoreRule], comparison: Comparison | None = None) -> tuple[str, ...]:
    """A sentence for each of these rules, which found nothing in `comparison` (None: in any application)."""
    return tuple(f"{rule.position}: ignoreDifferences of {rule.kinds}: {_why(rule, comparison)}" for rule in rules)


def _why(rule: IgnoreRule, comparison: Comparison | None) -> str:
    if comparison is None:
        return "no application has such a field"
    if any(rule.fits(key) for key in comparison.objects):
        return "no object that it means has such a field"
    return "the application has no such object"


def _named(rule: IgnoreRule, body: JsonObject) -> Iterator[bool]:
    return (True for path in rule.paths for _ in fields_at(body, path))


def _managers(body: JsonObject) -> Iterator[str]:
    return (text(entry, "manager") for entry in objects(body, "metadata", "managedFields"))


def each_shared(name: AppName, shared: Sequence[Shared]) -> list[str]:
    """One sentence for each of the other applications, with the first of the objects."""
    first: dict[str, Shared] = {}
    for item in shared:
        first.setdefault(item.owner, item)
    counts = Counter(item.owner for item in shared)
    return [
        f"{item.key}{f' and {counts[owner] - 1} more' if counts[owner] > 1 else ''} "
        f"is part of the applications {name} and {owner}"
        for owner, item in first.items()
    ]
