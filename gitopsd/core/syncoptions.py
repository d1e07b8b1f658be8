"""The sync options that an object may carry, and what of its annotation nobody understands.

Source: https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gitopsd.core import annotations as marks

_TRUE_OR_FALSE: Final = ("true", "false")
_OR_CONFIRM: Final = ("true", "false", "confirm")

OF_OBJECTS: Final[Mapping[str, tuple[str, ...]]] = {
    "ApplyOutOfSyncOnly": _TRUE_OR_FALSE,
    "Delete": _OR_CONFIRM,
    "Force": _TRUE_OR_FALSE,
    "Prune": _OR_CONFIRM,
    "PruneLast": _TRUE_OR_FALSE,
    "Replace": _TRUE_OR_FALSE,
    "RespectIgnoreDifferences": _TRUE_OR_FALSE,
    "ServerSideApply": _TRUE_OR_FALSE,
    "SkipDryRunOnMissingResource": _TRUE_OR_FALSE,
    "Validate": _TRUE_OR_FALSE,
}
"""Options of one object, with their values."""

OF_APPLICATIONS: Final = frozenset(
    {"ClientSideApplyMigration", "CreateNamespace", "FailOnSharedResource", "PrunePropagationPolicy"}
)
"""Options that only an application can have."""

_LONGEST: Final = 80
_KEEPING: Final = ("Prune", "Delete")


def not_understood(annotations: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with an object's `sync-options` and `on-immutable`: a sentence for each item that has no effect."""
    written = annotations.get(marks.SYNC_OPTIONS)
    for item in written.split(",") if written else ():
        problem = _problem(item.strip())
        if problem:
            yield f"the sync option {item.strip()[:_LONGEST]!r}: {problem}"
    chosen = annotations.get(marks.ON_IMMUTABLE, "")
    if chosen not in ("", "fail", "recreate"):
        yield f"{marks.ON_IMMUTABLE} {chosen[:_LONGEST]!r}: known are fail, recreate; fail is used"


def _problem(item: str) -> str:
    if not item:
        return ""
    option, separator, value = item.partition("=")
    kept = next((name for name in _KEEPING if marks.deletion_option({marks.SYNC_OPTIONS: item}, name) == item), "")
    ending = f"; the object is kept, as with {kept}=false" if kept else ""
    if option in OF_APPLICATIONS:
        return "only an application can have it"
    values = OF_OBJECTS.get(option)
    if values is None:
        return f"there is none of this name; known are {', '.join(OF_OBJECTS)}{ending}"
    if not separator or value not in values:
        return f"known values are {', '.join(values)}{ending}"
    return ""
