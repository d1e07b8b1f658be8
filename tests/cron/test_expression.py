"""Cron expressions: which there are, when they come, and what clocks that jump do to them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitopsd.cron.expression import BadScheduleError, Cron, time_zone


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def starts(cron: Cron, moment: datetime) -> Iterator[datetime]:
    found = cron.following(moment)
    while found is not None:
        yield found
        found = cron.following(found)


@pytest.mark.parametrize(
    ("text", "zone", "now", "last", "following"),
    [
        ("0 22 * * *", "UTC", "2026-11-22T13:00", "2026-11-21T22:00", "2026-11-22T22:00"),
        ("0 22 * * *", "UTC", "2026-11-22T22:00", "2026-11-22T22:00", "2026-11-23T22:00"),
        ("0 22 * * *", "Europe/Berlin", "2026-11-22T13:00", "2026-11-21T21:00", "2026-11-22T21:00"),
        ("*/15 9-17 * * MON-FRI", "UTC", "2026-11-22T13:00", "2026-11-20T17:45", "2026-11-23T09:00"),
        ("0 0 29 2 *", "UTC", "2026-11-22T13:00", "2024-02-29T00:00", "2028-02-29T00:00"),
        ("0 0 1 jan,jul *", "UTC", "2026-11-22T13:00", "2026-07-01T00:00", "2027-01-01T00:00"),
        ("0 0 ? * 0", "UTC", "2026-11-23T13:00", "2026-11-22T00:00", "2026-11-29T00:00"),
        # Both fields of days: one of them has to fit, unless one is a star.
        ("0 0 13 * 5", "UTC", "2026-11-14T13:00", "2026-11-13T00:00", "2026-11-20T00:00"),
        # A step is no star.
        ("0 0 */10 * 5", "UTC", "2026-11-14T13:00", "2026-11-13T00:00", "2026-11-20T00:00"),
        ("0 0 */1 * 5", "UTC", "2026-11-14T13:00", "2026-11-13T00:00", "2026-11-20T00:00"),
        # In spring 02:30 does not exist in Berlin: 03:00 there is 01:00 in UTC.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", "2026-03-28T01:30", "2026-03-29T01:00"),
        # In autumn 02:30 comes twice: the first one counts.
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:00", "2026-10-24T00:30", "2026-10-25T00:30"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:40", "2026-10-25T00:30", "2026-10-26T01:30"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10", "2026-10-25T00:30", "2026-10-26T01:30"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T01:30", "2026-10-25T00:30", "2026-10-26T01:30"),
    ],
)
def test_when_a_schedule_comes(text: str, zone: str, now: str, last: str, following: str) -> None:
    cron = Cron(text, zone)
    assert cron.last(at(now)) == at(last)
    assert cron.following(at(now)) == at(following)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected five fields"),
        ("@daily", "expected five fields"),
        ("0 0 * *", "expected five fields"),
        ("0 0 0 * * *", "expected five fields"),
        ("60 0 * * *", "the minute (0-59) cannot be used"),
        ("0 24 * * *", "the hour (0-23) cannot be used"),
        ("0 0 0 * *", "the day of month (1-31) cannot be used"),
        ("0 0 30 2 *", "the day of month (1-31) cannot be used"),
        ("0 0 * 13 *", "the month (1-12, JAN-DEC) cannot be used"),
        ("0 0 * * 8", "the day of week (0-6, SUN-SAT) cannot be used"),
        ("0 0 * * 5-1", "the day of week (0-6, SUN-SAT) cannot be used"),
        ("*/0 * * * *", "the minute (0-59) cannot be used"),
        (f"{'9' * 5000} * * * *", "expected five fields"),
        (f"{'9' * 199} * * * *", "the minute (0-59) cannot be used"),
        ("0 0 * * 1\u0662", "expected five fields"),
        ("0 0 $(id) * *", "expected five fields"),
    ],
)
def test_what_is_no_schedule_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadScheduleError) as caught:
        Cron(text, "UTC")
    assert why in str(caught.value)


@pytest.mark.parametrize("zone", ["", "Europe/Bern", "Europe", "../../etc/passwd", "/etc/localtime", "UTC\0", "\u0662"])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(BadScheduleError, match="expected the name of a time zone"):
        time_zone(zone)


SCRAPS = st.text("0123456789*/,-?#LWMON $\u0662\n", max_size=12)


@settings(deadline=None, max_examples=500)
@given(st.lists(SCRAPS, min_size=4, max_size=6).map(" ".join), st.text(max_size=20))
def test_any_text_is_a_schedule_or_refused(text: str, zone: str) -> None:
    with contextlib.suppress(BadScheduleError):
        assert Cron(text, "Europe/Berlin").following(at("2026-11-22T13:00")) is not None
    with contextlib.suppress(BadScheduleError):
        time_zone(zone)


FIELDS = st.tuples(
    st.sampled_from(["0", "30", "*/20", "*", "15,45"]),
    st.sampled_from(["0", "1", "2", "3", "*", "*/2", "1-3", "23"]),
    st.sampled_from(["*", "1", "25,29", "*/2"]),
    st.sampled_from(["*", "3,10"]),
    st.sampled_from(["*", "0", "MON-FRI", "*/2"]),
).map(" ".join)
ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kolkata",
        "America/Santiago",
        "Antarctica/Troll",
        "Asia/Beirut",
    ]
)
# Around jumps of clocks, north and south, by an hour, half an hour and two, at midnight too.
JUMPS = ("2026-03-08", "2026-03-29", "2026-04-05", "2026-09-06", "2026-10-04", "2026-10-25", "2026-11-01")
MOMENTS = st.builds(
    lambda day, minutes: at(day) + timedelta(minutes=minutes), st.sampled_from(JUMPS), st.integers(-36 * 60, 36 * 60)
)


@settings(deadline=None)
@given(FIELDS, ZONES, MOMENTS)
def test_looking_back_and_looking_ahead_agree_whatever_the_clocks_do(text: str, zone: str, moment: datetime) -> None:
    cron = Cron(text, zone)
    last, following = cron.last(moment), cron.following(moment)
    assert last is not None
    assert following is not None
    assert last <= moment < following
    assert cron.following(last) == following
    assert cron.last(following) == following
    assert cron.last(following - timedelta(microseconds=1)) == last


@settings(deadline=None)
@given(FIELDS, ZONES, MOMENTS)
def test_starts_come_at_whole_minutes_and_one_after_another(text: str, zone: str, moment: datetime) -> None:
    found = list(islice(starts(Cron(text, zone), moment), 50))
    assert found == sorted(set(found))
    assert all(start.second == start.microsecond == 0 for start in found)
