"""The circuit breaker: when it opens, what waits then, and how it closes again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.breaker import GRANTED, Breaker, BreakerSettings
from gitopsd.core.ids import AppName

SETTINGS = BreakerSettings()
MANAGED = 1000


def name(number: int) -> AppName:
    return AppName(f"a{number}")


def pruned(breaker: Breaker, apps: range, each: int, now: float = 0.0, managed: int = MANAGED) -> list[bool]:
    """Whether each of the applications may prune so many objects."""
    return [breaker.ask(name(number), each, managed, now).granted for number in apps]


def failing(apps: int = 10, sound: int = 0, settings: BreakerSettings = SETTINGS, now: float = 0.0) -> Breaker:
    """A breaker after so many syncs that failed, and so many that did not."""
    breaker = Breaker(settings)
    for number in range(sound):
        breaker.ended(AppName(f"sound-{number}"), now, succeeded=True)
    for number in range(apps):
        breaker.ended(name(number), now, succeeded=False)
    return breaker


# Prunes


def test_prunes_of_many_applications_at_once_stop_at_the_limit() -> None:
    breaker = Breaker(SETTINGS)
    assert pruned(breaker, range(5), 50) == [True, True, True, True, False]
    (reason,) = breaker.reasons
    assert reason == (
        "automated syncs would prune 250 of the 1000 objects that are managed in the cluster"
        " (limit: 20%, sync.circuitBreaker)"
    )


def test_syncs_that_prune_nothing_go_on() -> None:
    breaker = Breaker(SETTINGS)
    pruned(breaker, range(5), 50)
    assert breaker.ask(AppName("other"), 0, MANAGED, 1.0).granted


@pytest.mark.parametrize(
    ("apps", "each", "managed"),
    [(49, 1, 100), (1, 900, 1000), (20, 10, 1000)],
    ids=["few objects", "one application: its own limit holds", "just the limit"],
)
def test_what_is_little_stops_nothing(apps: int, each: int, managed: int) -> None:
    assert all(pruned(Breaker(SETTINGS), range(apps), each, managed=managed))


def test_who_asks_again_is_counted_once() -> None:
    breaker = Breaker(SETTINGS)
    for now in range(20):
        assert all(pruned(breaker, range(3), 60, float(now)))
        for number in range(3):
            breaker.ended(name(number), float(now), succeeded=False)


def test_what_was_pruned_counts_for_the_time_and_no_longer() -> None:
    breaker = Breaker(SETTINGS)
    pruned(breaker, range(4), 50)
    for number in range(4):
        breaker.ended(name(number), 1.0, succeeded=True)
    managed = MANAGED - 200
    later = SETTINGS.within + 2.0
    assert breaker.ask(name(9), 50, managed, later).granted
    assert not breaker.ask(name(8), 150, managed, later).granted
    in_time = Breaker(SETTINGS)
    pruned(in_time, range(4), 50)
    for number in range(4):
        in_time.ended(name(number), 1.0, succeeded=True)
    assert not in_time.ask(name(9), 50, managed, SETTINGS.within).granted


def test_what_waits_to_be_pruned_does_not_go_bit_by_bit() -> None:
    breaker = Breaker(SETTINGS)
    pruned(breaker, range(4), 50)
    for number in range(4):
        breaker.ended(name(number), 0.0, succeeded=True)
    for round_ in range(10):
        assert pruned(breaker, range(5, 16), 50, round_ * SETTINGS.within, MANAGED - 200) == [False] * 11


def test_it_closes_when_less_is_to_be_pruned_and_wakes_who_waits() -> None:
    breaker = Breaker(SETTINGS)
    pruned(breaker, range(6), 50)
    assert breaker.settled(name(0)) == ()
    assert breaker.settled(name(1)) == (name(4), name(5))
    assert breaker.reasons == ()
    assert breaker.ask(name(4), 50, MANAGED, 1.0).granted


def test_who_asks_for_less_lets_the_others_go_on() -> None:
    breaker = Breaker(SETTINGS)
    pruned(breaker, range(6), 50)
    assert breaker.ask(name(5), 0, MANAGED, 1.0).woken == ()
    leave = breaker.ask(name(0), 0, MANAGED, 1.0)
    assert (leave.granted, leave.woken) == (True, (name(4),))


def test_it_closes_when_somebody_says_so() -> None:
    breaker = Breaker(SETTINGS)
    pruned(breaker, range(5), 50)
    assert breaker.reset() == (name(4),)
    assert breaker.ask(name(4), 50, MANAGED, 1.0).granted


def test_the_one_of_which_somebody_said_so_goes_on_though_others_were_quicker() -> None:
    breaker = Breaker(SETTINGS)
    pruned(breaker, range(5), 50)
    breaker.reset(name(4))
    pruned(breaker, range(4), 50)
    assert breaker.ask(name(4), 50, MANAGED, 1.0).granted
    assert not breaker.ask(name(4), 50, MANAGED, 1.0).granted


def test_who_is_synced_by_hand_does_not_wait_any_more() -> None:
    breaker = Breaker(SETTINGS)
    pruned(breaker, range(5), 50)
    breaker.ended(name(4), 1.0, succeeded=True, automated=False)
    assert breaker.reasons == ()


def test_who_is_heard_of_no_more_does_not_hold_others_for_ever() -> None:
    breaker = Breaker(SETTINGS)
    pruned(breaker, range(5), 50)
    assert not breaker.ask(AppName("late"), 10, MANAGED, SETTINGS.within).granted
    assert breaker.ask(AppName("late"), 10, MANAGED, 3 * SETTINGS.within + 1).granted


# Failures


@pytest.mark.parametrize(
    ("failed", "sound", "open_"), [(10, 0, True), (9, 0, False), (10, 9, True), (10, 10, False), (100, 99, True)]
)
def test_it_opens_when_most_syncs_of_many_applications_fail(failed: int, sound: int, open_: bool) -> None:
    breaker = failing(failed, sound)
    assert bool(breaker.reasons) is open_
    assert breaker.ask(AppName("other"), 0, MANAGED, 1.0).granted is not open_


def test_one_application_that_fails_again_and_again_counts_once() -> None:
    breaker = Breaker(SETTINGS)
    for now in range(100):
        breaker.ended(name(0), float(now), succeeded=False)
    assert breaker.reasons == ()


def test_failures_of_long_ago_do_not_count() -> None:
    breaker = Breaker(SETTINGS)
    for number in range(30):
        breaker.ended(name(number), number * SETTINGS.within / 5, succeeded=False)
    assert breaker.reasons == ()


def test_an_application_that_is_gone_does_not_count() -> None:
    breaker = failing(9)
    breaker.forget(name(0))
    breaker.ended(name(50), 1.0, succeeded=False)
    assert breaker.reasons == ()


def test_one_tries_after_a_while_and_the_others_wait() -> None:
    breaker = failing()
    first = breaker.ask(name(0), 0, MANAGED, 1.0)
    assert (first.granted, first.again) == (False, 59.0)
    assert first.reason == (
        "the last sync of 10 of 10 applications failed in the cluster (limit: 50%, sync.circuitBreaker);"
        " one at a time tries again"
    )
    trial = breaker.ask(name(0), 0, MANAGED, 60.0)
    assert (trial.granted, trial.probe) == (True, True)
    assert not breaker.ask(name(1), 0, MANAGED, 61.0).granted


def test_it_closes_when_the_try_works_and_wakes_who_waits() -> None:
    breaker = failing()
    assert not breaker.ask(name(1), 0, MANAGED, 1.0).granted
    assert breaker.ask(name(0), 0, MANAGED, 60.0).probe
    assert breaker.ended(name(0), 65.0, succeeded=True) == (name(1),)
    assert breaker.reasons == ()
    assert breaker.ask(name(1), 0, MANAGED, 65.0).granted


def test_it_stays_open_when_the_try_fails_and_another_one_is_next() -> None:
    breaker = failing()
    breaker.ask(name(0), 0, MANAGED, 60.0)
    breaker.ended(name(0), 65.0, succeeded=False)
    assert not breaker.ask(name(0), 0, MANAGED, 125.0).granted
    assert breaker.ask(name(1), 0, MANAGED, 125.0).probe


def test_who_is_alone_may_try_again() -> None:
    breaker = failing()
    breaker.ask(name(0), 0, MANAGED, 60.0)
    breaker.ended(name(0), 65.0, succeeded=False)
    wait = breaker.ask(name(0), 0, MANAGED, 66.0)
    assert not wait.granted
    assert breaker.ask(name(0), 0, MANAGED, 66.0 + wait.again).probe


def test_a_try_that_never_ends_does_not_keep_others_from_trying() -> None:
    breaker = failing()
    breaker.ask(name(0), 0, MANAGED, 60.0)
    assert breaker.ask(name(1), 0, MANAGED, 120.0).probe


def test_a_sync_that_was_under_way_does_not_close_it_but_one_by_hand_does() -> None:
    breaker = failing()
    breaker.ended(AppName("earlier"), 1.0, succeeded=True)
    assert breaker.reasons
    breaker.ended(AppName("by-hand"), 2.0, succeeded=True, automated=False)
    assert breaker.reasons == ()


def test_those_that_wait_ask_again_one_after_another() -> None:
    breaker = failing()
    waits = [breaker.ask(name(number), 0, MANAGED, 0.0).again for number in range(30)]
    assert waits[:3] == [60.0, 120.0, 180.0]
    assert max(waits) == 10 * SETTINGS.probe_seconds


def test_a_try_must_not_prune_what_the_other_gate_holds() -> None:
    breaker = failing()
    pruned(breaker, range(20, 25), 50)
    assert not breaker.ask(name(24), 50, MANAGED, 60.0).granted
    assert breaker.ask(name(0), 0, MANAGED, 60.0).probe


# Whatever happens

events = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ended", "by hand", "settled", "forget", "reset"]),
        st.integers(0, 8),
        st.integers(0, 40),
        st.booleans(),
        st.floats(0, 30),
    ),
    max_size=60,
)


@given(events)
def test_who_waits_is_always_told_when_to_ask_again_or_woken(found: list[tuple[str, int, int, bool, float]]) -> None:
    settings = replace(SETTINGS, within=100.0, prune_objects=20, failed_apps=3, probe_seconds=10.0)
    breaker, now, waiting, leave = Breaker(settings), 0.0, dict[AppName, float](), GRANTED
    for what, number, prunes, good, passed in found:
        now += passed
        app = name(number)
        woken: tuple[AppName, ...] = ()
        if what == "ask":
            leave = breaker.ask(app, prunes, 100, now)
            assert leave.granted or (leave.reason and leave.again > 0)
            waiting.pop(app, None)
            woken = leave.woken
            assert app not in woken
        elif what in ("ended", "by hand"):
            woken = breaker.ended(app, now, succeeded=good, automated=what == "ended")
        else:
            waiting.pop(app, None)
            woken = breaker.reset() if what == "reset" else getattr(breaker, what)(app)
        assert len(set(woken)) == len(woken)
        for other in woken:
            waiting.pop(other, None)
        if what == "ask" and not leave.granted:
            waiting[app] = leave.again
        assert breaker.reasons or not waiting
    if not breaker.reasons:
        assert breaker.ask(AppName("new"), 0, 100, now).granted
    # Nothing is for ever: once nobody prunes, and one sync works, all may go on.
    for number in range(9):
        breaker.settled(name(number))
    breaker.ended(AppName("new"), now, succeeded=True, automated=False)
    assert breaker.reasons == ()


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 60), st.floats(0, 5)), max_size=150))
def test_automated_syncs_never_prune_more_than_the_limit_in_the_time(asked: list[tuple[int, int, float]]) -> None:
    breaker, now, managed = Breaker(SETTINGS), 0.0, MANAGED
    gone: list[tuple[float, int]] = []
    for number, prunes, passed in asked:
        now += passed
        if breaker.ask(name(number), prunes, managed, now).granted:
            breaker.ended(name(number), now, succeeded=True)
            managed -= prunes
            gone.append((now, prunes))
    for end, _ in gone:
        total = sum(count for at, count in gone if end - SETTINGS.within < at <= end)
        assert total <= max(SETTINGS.prune_objects, SETTINGS.prune_share * MANAGED) + 60
