"""What shall be done about a comparison, and when."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.app import RetryPolicy
from gitopsd.core.compare import Comparison, ObjectComparison, Verdict, compare
from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.decide import Act, Attempt, Decision, decide, next_attempt, wipes_out
from gitopsd.core.ids import ObjectKey
from gitopsd.core.schedule import SELF_HEAL, SELF_HEAL_QUIET_SECONDS, Backoff
from gitopsd.testing.builders import a_config_map, an_app
from tests.core.making import live, live_of, want

WANTED = want(a_config_map())
MISSING = compare(WANTED, live())
SYNCED = compare(WANTED, live(*map(live_of, WANTED.objects)))
EXTRA = compare(WANTED, live(*map(live_of, want(a_config_map(), a_config_map("old")).objects)))
NOTHING = want()
EMPTIED = compare(NOTHING, live(*map(live_of, WANTED.objects)))


def decided(
    comparison: Comparison = MISSING,
    *,
    attempt: Attempt | None = None,
    now: float = 1000.0,
    conditions: tuple[Condition, ...] = (),
    wanted: Any = WANTED,
    stays: Mapping[ObjectKey, str] | None = None,
    **policy: Any,
) -> Decision:
    spec = an_app(**policy)
    return decide(spec, wanted, comparison, conditions=conditions, attempt=attempt, now=now, stays=stays)


def tried(*, succeeded: bool, count: int = 0, ended: float = 1000.0, digest: str = WANTED.digest) -> Attempt:
    return Attempt(digest, succeeded, count, ended)


def test_what_differs_is_synced() -> None:
    assert decided() == Decision(Act.SYNC, "git differs from the cluster")


def test_what_is_in_sync_is_left_alone() -> None:
    assert decided(SYNCED) == Decision(Act.NOTHING, "in sync")


def test_a_manual_application_is_left_alone() -> None:
    assert decided(automated=False) == Decision(Act.NOTHING, "out of sync; automated sync is off")


@pytest.mark.parametrize("kind", list(ConditionType))
def test_an_error_blocks_and_a_warning_does_not(kind: ConditionType) -> None:
    act = decided(conditions=(Condition(kind, "x"),)).act
    assert act is (Act.NOTHING if kind.is_error else Act.SYNC)


def test_leftovers_alone_are_no_reason_unless_pruning_is_on() -> None:
    assert decided(EXTRA).reason == "only pruning is needed; automated.prune is off"
    assert decided(EXTRA, prune=True).act is Act.SYNC


def test_an_emptied_git_needs_allow_empty() -> None:
    assert wipes_out(NOTHING, EMPTIED)
    assert not wipes_out(WANTED, MISSING)
    assert not wipes_out(NOTHING, compare(NOTHING, live()))
    assert "allowEmpty is off" in decided(EMPTIED, wanted=NOTHING, prune=True).reason
    assert decided(EMPTIED, wanted=NOTHING, prune=True, allow_empty=True).act is Act.SYNC


def test_after_a_success_only_self_heal_syncs_the_same_again() -> None:
    assert "selfHeal is off" in decided(attempt=tried(succeeded=True)).reason
    assert decided(attempt=tried(succeeded=True), self_heal=True) == Decision(Act.HEAL, "the cluster was changed")


def test_what_left_git_and_stays_is_not_a_change_of_the_cluster() -> None:
    left = next(item.key for item in EXTRA.objects.values() if item.verdict is Verdict.EXTRA)
    reason = decided(EXTRA, prune=True, attempt=tried(succeeded=True), stays={left: "confirm the sync"}).reason
    assert reason == f"{left} left git and stays: confirm the sync"
    heals = decided(EXTRA, prune=True, self_heal=True, attempt=tried(succeeded=True), stays={left: "confirm the sync"})
    assert heals == Decision(Act.HEAL, reason)
    made = decided(EXTRA, prune=True, self_heal=True, attempt=tried(succeeded=True))
    assert made == Decision(Act.HEAL, "objects are there that git does not have")


@pytest.mark.parametrize("succeeded", [True, False])
def test_new_manifests_wait_for_nothing(succeeded: bool) -> None:
    assert decided(attempt=tried(succeeded=succeeded, count=9, digest="older")).act is Act.SYNC


@pytest.mark.parametrize(("count", "seconds"), [(1, 2), (2, 6), (3, 18), (4, 54), (5, 162), (6, 300), (60, 300)])
def test_healing_backs_off(count: int, seconds: float) -> None:
    attempt = tried(succeeded=True, count=count)
    waits = decided(attempt=attempt, self_heal=True)
    assert (waits.act, waits.seconds) == (Act.WAIT, seconds)
    assert decided(attempt=attempt, self_heal=True, now=1000 + seconds).act is Act.HEAL
    assert decided(attempt=attempt, self_heal=True, now=999 + seconds).seconds == 1


def test_the_back_off_of_healing_can_be_set() -> None:
    decision = decide(
        an_app(self_heal=True),
        WANTED,
        MISSING,
        conditions=(),
        attempt=tried(succeeded=True, count=1),
        now=1000,
        self_heal=Backoff(7, 2, 60),
    )
    assert decision.seconds == 7


@pytest.mark.parametrize(("count", "seconds"), [(1, 5), (2, 10), (3, 20), (6, 160), (7, 180), (1000, 180)])
def test_a_failed_sync_is_tried_again_for_ever(count: int, seconds: float) -> None:
    attempt = tried(succeeded=False, count=count)
    assert decided(attempt=attempt) == Decision(Act.WAIT, "the last sync failed; next try after a back-off", seconds)
    assert decided(attempt=attempt, now=1000 + seconds) == Decision(Act.SYNC, "the last sync failed")


@pytest.mark.parametrize(("limit", "count", "act"), [(0, 1, Act.NOTHING), (2, 2, Act.SYNC), (2, 3, Act.NOTHING)])
def test_a_retry_limit_ends_the_tries(limit: int, count: int, act: Act) -> None:
    attempt = tried(succeeded=False, count=count)
    assert decided(attempt=attempt, now=9999, retry=RetryPolicy(limit=limit)).act is act


def test_where_all_is_in_sync_and_hooks_are_missing_nobody_says_out_of_sync() -> None:
    attempt = replace(tried(succeeded=False, count=1), unfinished=True)
    decision = decide(an_app(automated=False), WANTED, SYNCED, conditions=(), attempt=attempt, now=1000.0)
    assert decision.act is Act.NOTHING
    assert decision.reason.startswith("in sync, but hooks of the last sync failed or did not run")


@pytest.mark.parametrize(
    ("limit", "told"), [(0, "was not retried"), (1, "was retried once"), (2, "was retried 2 times")]
)
def test_how_often_a_failed_sync_was_tried_again_is_told(limit: int, told: str) -> None:
    decision = decided(attempt=tried(succeeded=False, count=9), retry=RetryPolicy(limit=limit))
    assert decision.reason == f"the sync failed and {told} (syncPolicy.retry.limit)"


@pytest.mark.parametrize(
    ("before", "succeeded", "count"),
    [
        (None, True, 0),
        (None, False, 1),
        (tried(succeeded=False, count=4, digest="older"), False, 1),
        (tried(succeeded=True, count=4, digest="older"), True, 0),
        (tried(succeeded=False, count=4), False, 5),
        (tried(succeeded=False, count=4), True, 0),
        (tried(succeeded=True, count=4), False, 1),
        (tried(succeeded=True, count=0), True, 1),
        (tried(succeeded=True, count=4), True, 5),
        (tried(succeeded=True, count=4, ended=1000 - SELF_HEAL_QUIET_SECONDS - 1), True, 1),
    ],
)
def test_attempts_count_on_from_those_of_the_same_kind(before: Attempt | None, succeeded: bool, count: int) -> None:
    attempt = next_attempt(before, WANTED.digest, 1000, succeeded=succeeded)
    assert attempt == Attempt(WANTED.digest, succeeded, count, 1000)


@given(st.lists(st.floats(0.01, 400), min_size=3, max_size=40))
def test_no_two_heals_come_faster_than_the_back_off_allows(waits: list[float]) -> None:
    now, attempt = 0.0, tried(succeeded=True, ended=0)
    heals: list[float] = []
    for wait in waits:
        now += wait
        if decided(attempt=attempt, self_heal=True, now=now).act is Act.HEAL:
            heals.append(now)
            attempt = next_attempt(attempt, WANTED.digest, now, succeeded=True)
    assert all(second - first >= SELF_HEAL.seconds - 1e-6 for first, second in pairwise(heals))


def with_verdict(verdict: Verdict) -> Comparison:
    item = next(iter(MISSING.objects.values()))
    return Comparison({item.key: replace(item, verdict=verdict)}, MISSING.digest)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_but_synced_and_extra_is_a_reason_to_sync(verdict: Verdict) -> None:
    expected = Act.NOTHING if verdict in (Verdict.SYNCED, Verdict.EXTRA) else Act.SYNC
    assert decided(with_verdict(verdict)).act is expected


def test_every_act_is_reached() -> None:
    acts = {
        decided(SYNCED).act,
        decided().act,
        decided(attempt=tried(succeeded=True), self_heal=True).act,
        decided(attempt=tried(succeeded=False, count=1)).act,
    }
    assert acts == set(Act)


def test_a_comparison_holds_each_verdict_apart() -> None:
    item = next(iter(MISSING.objects.values()))
    assert ObjectComparison(item.key, item.desired, None, Verdict.MISSING) == item
