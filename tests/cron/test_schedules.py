"""When sync windows open, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitopsd.core.window import SyncWindow, WindowKind
from gitopsd.cron.expression import BadScheduleError
from gitopsd.cron.schedules import CronSchedules
from tests.cron.test_expression import MOMENTS, ZONES, at


def window(schedule: str, hours: float, zone: str = "UTC") -> SyncWindow:
    return SyncWindow(WindowKind.DENY, schedule, hours * 3600, zone, applications=("*",))


@pytest.mark.parametrize(
    ("night", "opens"),
    [
        ("2026-03-28T12:00", "2026-03-28T21:00"),
        ("2026-10-24T12:00", "2026-10-24T20:00"),
        ("2026-07-01T12:00", "2026-07-01T20:00"),
    ],
)
def test_a_window_lasts_its_duration_in_nights_that_are_longer_and_shorter(night: str, opens: str) -> None:
    schedules = CronSchedules()
    nightly = window("0 22 * * *", 8, "Europe/Berlin")
    (closed,) = schedules.states([nightly], at(night))
    assert (closed.active, closed.opens) == (False, at(opens))
    (open_,) = schedules.states([nightly], at(opens))
    assert (open_.active, open_.until) == (True, at(opens) + timedelta(hours=8))


def test_a_window_over_the_hour_that_does_not_exist_opens_all_the_same() -> None:
    nightly = window("30 2 * * *", 1, "Europe/Berlin")
    (state,) = CronSchedules().states([nightly], at("2026-03-29T01:30"))
    assert (state.active, state.since, state.until) == (True, at("2026-03-29T01:00"), at("2026-03-29T02:00"))


def test_a_window_over_the_hour_that_comes_twice_opens_once() -> None:
    nightly = window("30 2 * * *", 0.5, "Europe/Berlin")
    schedules = CronSchedules()
    actives = [
        schedules.states([nightly], at("2026-10-25T00:00") + timedelta(minutes=minute))[0].active
        for minute in range(150)
    ]
    assert [minute for minute, active in enumerate(actives) if active] == list(range(30, 60))


def test_always_is_without_an_end_in_sight() -> None:
    (state,) = CronSchedules().states([window("* * * * *", 24)], at("2026-11-22T13:07"))
    assert (state.active, state.until) == (True, None)


def test_clocks_that_are_set_back_are_no_trouble() -> None:
    schedules = CronSchedules()
    nightly = window("0 22 * * *", 8)
    assert schedules.states([nightly], at("2026-11-22T23:00"))[0].active
    assert not schedules.states([nightly], at("2026-11-22T21:00"))[0].active


def test_a_window_of_a_schedule_that_is_none_is_an_error() -> None:
    with pytest.raises(BadScheduleError):
        CronSchedules().states([window("never", 1)], datetime(2026, 1, 1, tzinfo=UTC))


def test_many_windows_are_forgotten_and_found_anew() -> None:
    schedules = CronSchedules()
    many = [window("0 22 * * *", 1 + number / 1000) for number in range(1500)]
    assert schedules.states(many, at("2026-11-22T22:30")) == schedules.states(many, at("2026-11-22T22:30"))


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(["0 22 * * *", "30 2 * * *", "0 */6 * * *", "*/30 * * * *", "0 0 * * 0", "15 1,2,3 * * *"]),
    st.sampled_from([0.25, 1, 2, 6, 8, 24]),
    ZONES,
    MOMENTS,
)
def test_what_is_remembered_says_what_is_found_anew(schedule: str, hours: float, zone: str, moment: datetime) -> None:
    asked, one = CronSchedules(), window(schedule, hours, zone)
    for minutes in range(0, 12 * 60, 23):
        now = moment + timedelta(minutes=minutes)
        (remembered,) = asked.states([one], now)
        (anew,) = CronSchedules().states([one], now)
        assert remembered.active is anew.active
        if anew.active:
            assert anew.since is not None
            assert anew.since <= now
            assert anew.until is None or now < anew.until
            assert anew.until is None or anew.until >= anew.since + timedelta(hours=hours)
