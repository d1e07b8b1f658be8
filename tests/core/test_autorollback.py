"""When an application goes back by itself, waits, or stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.app import AutoRollback
from gitopsd.core.appstatus import unknown_status
from gitopsd.core.autorollback import RollbackDecision, Turn, Unfinished, auto_rollback, told
from gitopsd.core.conditions import ConditionType
from gitopsd.core.health.status import HealthStatus
from gitopsd.core.history import HistoryEntry, Past, Pin
from gitopsd.core.ids import AppName
from gitopsd.core.operation import Operation, Phase

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
POLICY = AutoRollback(300.0)


def entry(number: int, digest: str, *, minutes: float, healthy: bool, rollback_of: int | None = None) -> HistoryEntry:
    at = NOON + timedelta(minutes=minutes)
    return HistoryEntry(
        number, (digest,), (), digest, "m", at, at, healthy_at=at if healthy else None, rollback_of=rollback_of
    )


GOOD = entry(3, "good", minutes=-60, healthy=True)
BAD = entry(4, "bad", minutes=-10, healthy=False)
FRESH = replace(BAD, deployed_at=NOON - timedelta(minutes=2))
PIN = Pin(3, "m", "good", "bad", NOON)


def decided(
    *entries: HistoryEntry,
    health: HealthStatus = HealthStatus.DEGRADED,
    policy: AutoRollback | None = POLICY,
    pin: Pin | None = None,
    unfinished: Unfinished | None = None,
) -> RollbackDecision:
    return auto_rollback(policy, Past(entries, pin), health, NOON, unfinished)


def test_what_was_not_healthy_in_time_goes_back_to_what_was() -> None:
    found = decided(GOOD, BAD)
    assert (found.turn, found.entry) == (Turn.BACK, GOOD)
    assert found.reason == "rolled back to 3: not Healthy within 300 s after the sync (Degraded)"


@pytest.mark.parametrize("health", [HealthStatus.PROGRESSING, HealthStatus.MISSING, HealthStatus.DEGRADED])
def test_within_the_time_it_is_waited_for_even_if_it_is_degraded(health: HealthStatus) -> None:
    found = decided(GOOD, FRESH, health=health)
    assert (found.turn, found.until) == (Turn.WAIT, NOON + timedelta(minutes=3))


@pytest.mark.parametrize("health", [HealthStatus.SUSPENDED, HealthStatus.UNKNOWN, HealthStatus.HEALTHY])
def test_what_is_no_failure_is_never_gone_back_from(health: HealthStatus) -> None:
    assert decided(GOOD, BAD, health=health).turn is Turn.STAY
    assert decided(GOOD, health=health, unfinished=Unfinished("bad", NOON - timedelta(hours=1))).turn is Turn.STAY


@pytest.mark.parametrize(
    "found",
    [
        decided(GOOD, BAD, policy=None),
        decided(GOOD, BAD, pin=PIN),
        decided(),
        decided(GOOD),
        decided(GOOD, replace(BAD, healthy_at=NOON)),
        decided(BAD),
        decided(replace(GOOD, healthy_at=None), BAD),
        decided(replace(GOOD, digest="bad"), BAD),
        decided(GOOD, BAD, entry(5, "good", minutes=-8, healthy=False, rollback_of=3)),
        decided(unfinished=Unfinished("new", NOON - timedelta(hours=1))),
    ],
    ids=[
        "not asked for",
        "pinned",
        "never synced",
        "all is well",
        "was Healthy once",
        "the first sync",
        "nothing was ever Healthy",
        "the same objects",
        "a rollback itself",
        "nothing to go back to",
    ],
)
def test_it_stays(found: RollbackDecision) -> None:
    assert found.turn is Turn.STAY


def test_the_newest_healthy_entry_that_is_something_else_is_gone_back_to() -> None:
    older, newer = entry(1, "older", minutes=-90, healthy=True), entry(2, "newer", minutes=-70, healthy=True)
    failed = entry(3, "failed", minutes=-20, healthy=False)
    assert decided(older, newer, failed, BAD).entry == newer


def test_a_sync_that_hangs_or_fails_is_gone_back_from_too() -> None:
    hanging = Unfinished("bad", NOON - timedelta(minutes=6))
    assert decided(GOOD, unfinished=hanging) == decided(GOOD, BAD)
    assert decided(GOOD, unfinished=Unfinished("bad", NOON - timedelta(minutes=4))).turn is Turn.WAIT


def test_a_newer_sync_has_its_own_time_though_the_one_before_failed() -> None:
    newer = Unfinished("newer", NOON - timedelta(minutes=1))
    found = decided(GOOD, BAD, unfinished=newer)
    assert (found.turn, found.entry) == (Turn.WAIT, GOOD)


def test_git_that_returns_to_what_was_healthy_does_not_go_back_to_itself() -> None:
    returned = Unfinished("good", NOON - timedelta(hours=1))
    older = entry(2, "older", minutes=-90, healthy=True)
    assert decided(GOOD, BAD, unfinished=returned).turn is Turn.STAY
    assert decided(older, GOOD, BAD, unfinished=returned).entry == older


def test_a_sync_of_what_is_deployed_already_changes_nothing() -> None:
    assert decided(GOOD, unfinished=Unfinished("good", NOON - timedelta(hours=1))).turn is Turn.STAY


entries = st.builds(
    lambda digest, minutes, healthy, back: entry(0, digest, minutes=-minutes, healthy=healthy, rollback_of=back),
    st.sampled_from("abc"),
    st.integers(0, 100),
    st.booleans(),
    st.sampled_from([None, None, 0]),
)
unfinished_syncs = st.none() | st.builds(
    lambda digest, minutes: Unfinished(digest, NOON - timedelta(minutes=minutes)),
    st.sampled_from("abcd"),
    st.integers(0, 20),
)


@given(st.lists(entries, max_size=5), st.sampled_from(HealthStatus), unfinished_syncs)
def test_it_goes_back_only_to_what_was_healthy_and_is_not_there_now(
    past: list[HistoryEntry], health: HealthStatus, unfinished: Unfinished | None
) -> None:
    numbered = tuple(replace(item, id=number) for number, item in enumerate(past))
    found = auto_rollback(POLICY, Past(numbered), health, NOON, unfinished)
    if found.turn is Turn.BACK:
        assert found.entry is not None
        assert found.entry.healthy_at is not None
        tried = unfinished.digest if unfinished and unfinished.digest != numbered[-1].digest else numbered[-1].digest
        assert found.entry.digest != tried
        assert health in (HealthStatus.PROGRESSING, HealthStatus.MISSING, HealthStatus.DEGRADED)
    assert (found.until is not None) is (found.turn is Turn.WAIT)
    assert found.until is None or found.until > NOON


@pytest.mark.parametrize("entries", [(BAD,), (replace(GOOD, healthy_at=None), BAD), ()])
def test_where_there_is_nothing_to_go_back_to_that_is_told_when_its_time_is_over(
    entries: tuple[HistoryEntry, ...],
) -> None:
    hanging = Unfinished("new", NOON - timedelta(hours=1)) if not entries else None
    found = decided(*entries, unfinished=hanging)
    assert (found.turn, found.stuck) == (Turn.STAY, True)
    assert found.reason == (
        "no rollback, for nothing else that was ever Healthy is known: "
        "not Healthy within 300 s after the sync (Degraded)"
    )
    assert decided(FRESH).turn is Turn.WAIT
    assert not decided(*entries, health=HealthStatus.SUSPENDED, unfinished=hanging).stuck


def test_that_there_is_nothing_to_go_back_to_is_a_condition_and_told_once_with_the_operation() -> None:
    operation = Operation("bad", (), NOON, phase=Phase.SUCCEEDED, message="1 object written")
    before = replace(unknown_status(AppName("shop")), operation=operation)
    stuck = decided(BAD)
    first = told(before, stuck)
    (condition,) = first.conditions
    assert (condition.type, condition.message) == (ConditionType.SYNC_ERROR, f"autoRollback: {stuck.reason}")
    assert first.operation is not None
    assert first.operation.message == f"1 object written; autoRollback: {stuck.reason}"
    again = told(replace(first, conditions=()), replace(stuck, reason="no rollback, for nothing: (Missing)"))
    assert again.operation == first.operation
    assert told(before, decided(GOOD)) == before
    running = replace(before, operation=replace(operation, phase=Phase.RUNNING))
    assert told(running, stuck).operation == running.operation
