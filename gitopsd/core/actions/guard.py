"""What an action may not do to an object: make another one of it, or another application's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gitopsd.core.actions.action import Change, Creation, Merge
from gitopsd.core.actions.patch import touched
from gitopsd.core.annotations import OPERATION, TRACKING_ID
from gitopsd.core.errors import OperationError
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping
from gitopsd.core.tracking import INSTALLATION_ID

_SET_BY_SERVER: Final = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)
_IDENTITY: Final = (("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace"))
_TRACKING: Final = (TRACKING_ID, INSTALLATION_ID, OPERATION)


def guarded(change: Change) -> Change:
    """`change` without fields that the API server alone sets, and a new object without marks of ours.

    Raises `OperationError` (`Invalid`) for a patch that changes what the object is, or whose.
    """
    metadata = {key: item for key, item in mapping(change.body, "metadata").items() if key not in _SET_BY_SERVER}
    if isinstance(change, Creation):
        marks = mapping(metadata, "annotations")
        kept = {key: item for key, item in marks.items() if key not in _TRACKING}
        return Creation({**_without_status(change.body), "metadata": _with_annotations(metadata, kept)})
    body = {key: item for key, item in change.body.items() if key != "metadata"}
    if metadata:
        body["metadata"] = metadata
    for field in touched(body):
        if field in _IDENTITY or field in {("metadata", "annotations", mark) for mark in _TRACKING}:
            raise OperationError(
                f"the action would change {'.'.join(map(str, field))}",
                reason="Invalid",
                why="what an object is, and whose, is no action's to change",
                hint="correct the action's script",
            )
    return Merge(body)


def _without_status(body: JsonObject) -> JsonObject:
    return {key: item for key, item in body.items() if key != "status"}


def _with_annotations(metadata: Mapping[str, JsonValue], marks: JsonObject) -> JsonObject:
    rest = {key: item for key, item in metadata.items() if key != "annotations"}
    return {**rest, "annotations": marks} if marks else rest


def parts(change: Merge) -> list[tuple[JsonObject, str]]:
    """The patch as (body, subresource), in the order to send them: `status` has its own door on most kinds."""
    rest = {key: item for key, item in change.body.items() if key != "status"}
    found: list[tuple[JsonObject, str]] = []
    if "status" in change.body:
        found.append(({"status": change.body["status"]}, "status"))
    if rest:
        found.append((rest, ""))
    return found
