"""What the deletion of an application shows on its status."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from gitopsd.core.appstatus import AppStatus, ResourceStatus, SyncCode
from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.deletion_record import ORPHAN, asked_of
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.history import Deletion, DeletionPhase
from gitopsd.core.ids import ObjectKey
from gitopsd.core.operation import Operation, Phase


def with_deletion(status: AppStatus, deletion: Deletion) -> AppStatus:
    """`status` as it was before, with how the deletion stands: what is left of the objects, and that nobody syncs them.
    One of phase `NONE` is as if it had never been.
    """
    conditions = tuple(item for item in status.conditions if item.type is not ConditionType.DELETION_ERROR)
    if deletion.error:
        conditions = (*conditions, Condition(ConditionType.DELETION_ERROR, deletion.error))
    status = replace(status, conditions=conditions)
    if deletion.phase is DeletionPhase.NONE:
        return replace(status, deletion=None, decision="")
    operation = _over(status.operation, deletion) if status.operation is not None else None
    status = replace(status, deletion=deletion, decision=_decision(deletion), operation=operation)
    if deletion.done and deletion.cascade != ORPHAN:
        gone = Health(HealthStatus.MISSING, "its objects were deleted")
        return replace(status, sync=SyncCode.OUT_OF_SYNC, health=gone, resources=())
    if deletion.left is None:
        return status
    return replace(status, resources=_left(status.resources, deletion, deletion.left))


def _over(operation: Operation, deletion: Deletion) -> Operation:
    """A sync that was under way when its application left: nobody takes it any further."""
    if operation.phase.done:
        return operation
    why = "ended by the deletion of its application"
    return replace(operation, phase=Phase.FAILED, message=why, finished_at=deletion.began, plan=None)


def _decision(deletion: Deletion) -> str:
    if deletion.phase in (DeletionPhase.HELD, DeletionPhase.WAITING):
        return "it is to be deleted: nothing of it is synced"
    if not deletion.done:
        return "it is being deleted: nothing of it is synced"
    rests = "" if deletion.removed else "; it rests until its entry changes or goes"
    return f"it was deleted{', and its objects stay as they are' if deletion.cascade == ORPHAN else ''}{rests}"


def _left(
    resources: tuple[ResourceStatus, ...], deletion: Deletion, left: Collection[ObjectKey]
) -> tuple[ResourceStatus, ...]:
    """Those that are there yet, with what becomes of them."""
    found = (item for item in resources if item.key in left)
    if deletion.done:
        asked = frozenset(asked_of(deletion)[1])
        going = "it goes as soon as nothing holds it"
        return tuple(replace(item, message=going if str(item.key) in asked else "") for item in found)
    kept = deletion.kept
    return tuple(
        replace(item, message=f"it stays: {why}" if (why := kept.get(str(item.key))) else "it goes") for item in found
    )
