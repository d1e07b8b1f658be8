"""Objects that left git and stay: what the last operation said of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gitopsd.core.compare import Comparison, Verdict
from gitopsd.core.ids import ObjectKey
from gitopsd.core.operation import Operation, ResultCode

_NONE: Final[Mapping[ObjectKey, str]] = {}


def staying(operation: Operation | None, digest: str = "") -> Mapping[ObjectKey, str]:
    """What the operation did not prune, each with the reason; with `digest` only of an operation that wanted that."""
    if operation is None or (digest and operation.digest != digest):
        return _NONE
    return {key: item.message for key, item in operation.results.items() if item.code is ResultCode.PRUNE_SKIPPED}


def why_left(comparison: Comparison, stays: Mapping[ObjectKey, str]) -> str:
    """What keeps `comparison` from being synced although all that git wants is as it wants it: objects that left git
    and are there yet, some of which stay. "" if something else differs.
    """
    left = [item for item in comparison.objects.values() if item.verdict is not Verdict.SYNCED and not item.tolerated]
    if not left or any(item.verdict is not Verdict.EXTRA for item in left):
        return ""
    going = [item for item in left if item.key not in stays]
    if any(item.live is None or not item.live.deleting for item in going):
        return "objects are there that git does not have"
    kept = [item.key for item in left if item.key in stays]
    if not kept:
        return "what left git is being deleted"
    more = f" (and {len(kept) - 1} more)" if len(kept) > 1 else ""
    return f"{kept[0]}{more} left git and stays: {stays[kept[0]]}"
