"""What a deletion shows on its application."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gitopsd.core.appstatus import AppStatus, ResourceStatus, SyncCode
from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.deletion_record import with_asked
from gitopsd.core.deletion_status import with_deletion
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.history import Deletion, DeletionPhase
from gitopsd.core.ids import GVK, AppName, ObjectKey

ONE, TWO, KEPT = (ObjectKey("", "ConfigMap", "shop", name) for name in ("one", "two", "kept"))
STATUS = AppStatus(
    AppName("shop"),
    SyncCode.SYNCED,
    Health(HealthStatus.HEALTHY),
    resources=tuple(ResourceStatus(key, GVK("", "v1", "ConfigMap"), SyncCode.SYNCED, None) for key in (ONE, TWO, KEPT)),
    decision="in sync",
)
DELETION = Deletion("shop", "foreground", datetime(2030, 1, 1, tzinfo=UTC), phase=DeletionPhase.DELETING)


def test_while_it_is_deleted_what_is_left_is_shown_and_nobody_says_in_sync() -> None:
    under_way = replace(DELETION, left=frozenset({TWO, KEPT}), kept={str(KEPT): "Delete=false"})
    shown = with_deletion(STATUS, under_way)
    assert shown.decision == "it is being deleted: nothing of it is synced"
    assert [(item.key, item.message) for item in shown.resources] == [
        (TWO, "it goes"),
        (KEPT, "it stays: Delete=false"),
    ]
    assert with_deletion(STATUS, DELETION).resources == STATUS.resources
    waits = with_deletion(STATUS, replace(DELETION, phase=DeletionPhase.HELD))
    assert waits.decision == "it is to be deleted: nothing of it is synced"


@pytest.mark.parametrize(
    ("cascade", "removed", "decision"),
    [
        ("foreground", False, "it was deleted; it rests until its entry changes or goes"),
        ("foreground", True, "it was deleted"),
        ("orphan", False, "it was deleted, and its objects stay as they are; it rests until its entry changes or goes"),
    ],
)
def test_after_it_it_rests(cascade: str, removed: bool, decision: str) -> None:
    over = replace(DELETION, cascade=cascade, removed=removed, phase=DeletionPhase.DELETED)
    shown = with_deletion(STATUS, over)
    assert shown.decision == decision
    if cascade == "orphan":
        assert (shown.sync, shown.resources) == (SyncCode.SYNCED, STATUS.resources)
    else:
        assert (shown.sync, shown.health.status, shown.resources) == (SyncCode.OUT_OF_SYNC, HealthStatus.MISSING, ())


def test_orphaned_late_only_what_is_left_is_shown() -> None:
    under_way = with_asked(replace(DELETION, left=frozenset({ONE, TWO})), [TWO, KEPT])
    over = replace(under_way, cascade="orphan", phase=DeletionPhase.DELETED)
    shown = with_deletion(with_deletion(STATUS, under_way), over)
    assert [(item.key, item.message) for item in shown.resources] == [
        (ONE, ""),
        (TWO, "it goes as soon as nothing holds it"),
    ]


def test_its_error_is_a_condition_while_it_lasts_and_void_it_leaves_nothing() -> None:
    failed = with_deletion(STATUS, replace(DELETION, error="no"))
    assert failed.conditions == (Condition(ConditionType.DELETION_ERROR, "no"),)
    void = with_deletion(failed, replace(DELETION, phase=DeletionPhase.NONE))
    assert (void.deletion, void.decision, void.conditions) == (None, "", ())
