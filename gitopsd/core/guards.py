"""What is not deleted unless somebody says that it may: too much at once, and what takes more along."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from gitopsd.core.compare import Comparison
from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.core.jsonvalue import text
from gitopsd.core.live import LiveObject
from gitopsd.core.plan import CLAIM, DEFINITION, NAMESPACE, PlanOptions, PruneStep

_CONFIRM: Final = "confirm the sync to prune it"
_AT_ONCE: Final = "too many at once"
_AMONG_OTHERS: Final = f"it left git with others that were {_AT_ONCE}"
_TAKES_ALONG: Final[Mapping[GroupKind, str]] = {
    NAMESPACE: "everything in a Namespace is deleted with it",
    DEFINITION: "all objects of its kind are deleted with a CustomResourceDefinition",
    CLAIM: "it is Bound, and its data may be deleted with it",
}


def held_back(prunes: Sequence[PruneStep], comparison: Comparison, options: PlanOptions) -> Mapping[ObjectKey, str]:
    """Which of `prunes` wait until somebody confirms, and why. Those that wait for that anyway (`Prune=confirm`) are
    not among them and do not count.
    """
    if options.request.confirmed:
        return {}
    alone = [step for step in prunes if not step.confirm]
    held = {step.key: f"{reason}; {_CONFIRM}" for step in alone if (reason := protection(step.live, options.protected))}
    if why := _too_many(len(alone), comparison, options):
        return {step.key: held.get(step.key, f"{why}; {_CONFIRM}") for step in alone}
    if options.held and options.prune_limit < 1:
        before = {step.key: f"{_AMONG_OTHERS}; {_CONFIRM}" for step in alone if step.key in options.held}
        held = {**before, **held}
    return held


def too_many(stays: Mapping[ObjectKey, str]) -> frozenset[ObjectKey]:
    """Which of the objects that a sync did not prune, each with the reason, `held_back` held as too many at once.

    They stay so until somebody confirms: what was applied in their place makes them a smaller share of what is there.
    """
    return frozenset(key for key, reason in stays.items() if _AT_ONCE in reason)


def protection(live: LiveObject, protected: Collection[GroupKind]) -> str:
    """Why this object is not deleted without a confirmation; "" if it may be. `protected` are the kinds of which some
    are not.
    """
    kind = live.key.group_kind
    if kind not in protected:
        return ""
    if kind == CLAIM and text(live.document.body(), "status", "phase") != "Bound":
        return ""
    return _TAKES_ALONG.get(kind, f"{kind} is a protected kind (sync.protectedKinds)")


def _too_many(count: int, comparison: Comparison, options: PlanOptions) -> str:
    """Why so many objects are not pruned at once; "" if they may be."""
    if options.may_empty and comparison.wanted is not None and not comparison.wanted.objects:
        return ""
    there = sum(item.live is not None and not item.live.deleting for item in comparison.objects.values())
    if count < 2 or count <= options.prune_limit * there:
        return ""
    return f"{count} of {there} objects would be pruned, and more than {options.prune_limit:.0%} are {_AT_ONCE}"
