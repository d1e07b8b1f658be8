"""What an operator reads at night."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from gitopsd.core.app import AppSpec, Destination, Source
from gitopsd.core.appstatus import AppStatus, ResourceStatus, SyncCode, unknown_status
from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.events import AppRemoved, StatusChanged
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.history import Deletion, DeletionPhase
from gitopsd.core.ids import GVK, AppName, ObjectKey
from gitopsd.daemon.eventlog import EventLog

SPEC = AppSpec(AppName("shop"), (Source("https://git.example.org/team/app.git"),), Destination(name="local"))
BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
UNKNOWN = unknown_status(SPEC.name)
POD = ResourceStatus(
    ObjectKey("", "Pod", "shop", "web"),
    GVK("", "v1", "Pod"),
    SyncCode.SYNCED,
    Health(HealthStatus.DEGRADED, "CrashLoopBackOff"),
)
BROKEN = replace(
    UNKNOWN, sync=SyncCode.SYNCED, health=Health(HealthStatus.DEGRADED, "Caused by Pod:web"), resources=(POD,)
)


def told(status: AppStatus, before: AppStatus | None = None) -> list[EventDict]:
    with capture_logs() as lines:
        EventLog().on_event(StatusChanged(SPEC, status, before))
    return lines


def test_an_application_of_which_nothing_is_known_yet_is_not_worth_a_line() -> None:
    assert told(UNKNOWN) == []


def test_what_is_degraded_is_a_warning_that_says_why_and_only_once() -> None:
    (line,) = told(BROKEN, UNKNOWN)
    assert (line["log_level"], line["health"]) == ("warning", "Degraded")
    assert line["cause"] == "Pod shop/web: CrashLoopBackOff"
    (again,) = told(replace(BROKEN, sync=SyncCode.OUT_OF_SYNC), BROKEN)
    assert (again["log_level"], again["cause"]) == ("info", "Pod shop/web: CrashLoopBackOff")


def test_an_error_is_said_once_and_not_again_as_the_health() -> None:
    why = "the git server cannot be reached"
    failed = replace(
        UNKNOWN,
        health=Health(HealthStatus.UNKNOWN, why),
        conditions=(Condition(ConditionType.COMPARISON_ERROR, why),),
    )
    condition, status = told(failed, UNKNOWN)
    assert (condition["event"], condition["message"], condition["log_level"]) == ("condition", why, "error")
    assert status["event"] == "status"
    assert sum(why in str(value) for line in (condition, status) for value in line.values()) == 1


def test_revisions_are_shown_as_people_call_them() -> None:
    digest = "0123456789abcdef" * 4
    revisions = (digest[:40], f"1.2.3+b@sha256:{digest}", f"sha256:{digest}")
    (line,) = told(replace(BROKEN, revisions=revisions))
    assert line["revision"] == "0123456,1.2.3+b,0123456"


@pytest.mark.parametrize(
    ("deletion", "said"),
    [
        (None, "stay"),
        (Deletion("shop", "foreground", BEGAN, phase=DeletionPhase.DELETED), "deleted"),
        (Deletion("shop", "foreground", BEGAN, phase=DeletionPhase.DELETING), "stay"),
        (Deletion("shop", "orphan", BEGAN, phase=DeletionPhase.DELETED), "stay"),
    ],
)
def test_what_became_of_the_objects_of_an_application_that_went_is_said(deletion: Deletion | None, said: str) -> None:
    log = EventLog()
    with capture_logs() as lines:
        log.on_event(StatusChanged(SPEC, replace(UNKNOWN, deletion=deletion), None))
        log.on_event(AppRemoved(SPEC.name))
        log.on_event(AppRemoved(SPEC.name))
    assert [line["objects"] for line in lines if line["event"] == "application removed"] == [said, "stay"]
