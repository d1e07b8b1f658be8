"""Sync windows: whom they mean, when they are open, and what they say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.app import AppSpec, Destination
from gitopsd.core.ids import AppName
from gitopsd.core.project import Project, Projects
from gitopsd.core.window import ANYTIME, SyncWindow, WindowKind, WindowState, WindowVerdict, judge, opening

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SHOP = AppSpec(AppName("shop-prod"), (), Destination(name="east", namespace="shop"))
DENY = SyncWindow(WindowKind.DENY, "0 22 * * *", 8 * 3600.0, applications=("*",))
ALLOW = replace(DENY, kind=WindowKind.ALLOW)


NOBODY = replace(DENY, applications=())
BOTH = replace(NOBODY, namespaces=("shop",), and_operator=True)


@pytest.mark.parametrize(
    ("window", "fits"),
    [
        (NOBODY, False),
        (replace(NOBODY, and_operator=True), False),
        (replace(NOBODY, applications=("*",)), True),
        (replace(NOBODY, applications=("*-test", "*-prod")), True),
        (replace(NOBODY, applications=("shop",)), False),
        (replace(NOBODY, namespaces=("shop",)), True),
        (replace(NOBODY, namespaces=("shop-*",)), False),
        (replace(NOBODY, clusters=("east",)), True),
        (replace(NOBODY, clusters=("https://east.example.org",)), True),
        (replace(NOBODY, clusters=("https://west.*",)), False),
        (replace(NOBODY, applications=("other",), namespaces=("shop",)), True),
        (BOTH, True),
        (replace(BOTH, applications=("other",)), False),
        (replace(BOTH, applications=("shop-*",)), True),
        (replace(BOTH, applications=("shop-*",), clusters=("west",)), False),
    ],
)
def test_whom_a_window_means(window: SyncWindow, fits: bool) -> None:
    assert window.fits(SHOP, "https://east.example.org", "east") is fits


def test_the_windows_of_an_application_are_those_of_its_project_that_mean_it() -> None:
    other = replace(DENY, applications=("billing",))
    projects = Projects({"web": Project("web", windows=(DENY, other)), "default": Project("default", windows=(ALLOW,))})
    assert projects.windows(replace(SHOP, project="web"), "east") == (DENY,)
    assert projects.windows(SHOP) == (ALLOW,)
    assert projects.windows(replace(SHOP, project="unheard-of")) == ()


def hourly(*starts: int) -> tuple[datetime, ...]:
    return tuple(NOON + number * HOUR for number in starts)


def opened(now: datetime, starts: Sequence[datetime], hours: float) -> WindowState:
    window = replace(DENY, seconds=hours * 3600)
    return opening(
        window,
        now,
        lambda moment: max((start for start in starts if start <= moment), default=None),
        lambda moment: min((start for start in starts if start > moment), default=None),
    )


def test_a_window_is_open_from_its_start_until_before_its_end() -> None:
    starts = hourly(0, 24)
    before, start = opened(NOON - HOUR, starts, 2), opened(NOON, starts, 2)
    last, end = opened(NOON + 2 * HOUR - timedelta(microseconds=1), starts, 2), opened(NOON + 2 * HOUR, starts, 2)
    assert (before.active, before.opens, before.again) == (False, NOON, NOON)
    assert (start.active, start.since, start.until, start.again) == (True, NOON, NOON + 2 * HOUR, NOON + 2 * HOUR)
    assert last.active
    assert (end.active, end.opens) == (False, NOON + 24 * HOUR)


def test_a_window_that_opens_again_before_it_closes_goes_on() -> None:
    state = opened(NOON, hourly(0, 2, 4, 7), 2)
    assert state.until == NOON + 6 * HOUR


def test_a_window_that_never_closes_has_no_end_and_is_looked_at_again() -> None:
    state = opened(NOON, hourly(*range(-10, 10_000)), 1)
    assert (state.active, state.until) == (True, None)
    assert state.again is not None
    assert state.again > NOON + HOUR


def test_a_schedule_that_never_comes_again_leaves_the_window_closed() -> None:
    assert opened(NOON, hourly(-5), 1) == WindowState(replace(DENY, seconds=3600), False)


def open_until(window: SyncWindow, hours: int) -> WindowState:
    end = NOON + hours * HOUR
    return WindowState(window, True, since=NOON, until=end, again=end)


def opens_in(window: SyncWindow, hours: int) -> WindowState:
    start = NOON + hours * HOUR
    return WindowState(window, False, opens=start, again=start)


DENY_MANUAL, DENY_OVERRUN = replace(DENY, manual_sync=True), replace(DENY, sync_overrun=True)
ALLOW_MANUAL, ALLOW_OVERRUN = replace(ALLOW, manual_sync=True), replace(ALLOW, sync_overrun=True)


@pytest.mark.parametrize(
    ("states", "allowed"),
    [
        ([], "automated manual overrun"),
        ([opens_in(DENY, 1)], "automated manual overrun"),
        ([open_until(DENY, 1)], ""),
        ([open_until(DENY_MANUAL, 1)], "manual"),
        ([open_until(DENY_OVERRUN, 1)], "overrun"),
        ([open_until(DENY_MANUAL, 1), open_until(DENY_OVERRUN, 1)], ""),
        ([open_until(ALLOW, 1)], "automated manual overrun"),
        ([opens_in(ALLOW, 1)], ""),
        ([opens_in(ALLOW_MANUAL, 1)], "manual"),
        ([opens_in(ALLOW_OVERRUN, 1)], "overrun"),
        ([opens_in(ALLOW, 1), open_until(ALLOW, 1)], "automated manual overrun"),
        ([opens_in(ALLOW_MANUAL, 1), opens_in(ALLOW, 2)], ""),
        ([open_until(ALLOW, 1), open_until(DENY, 1)], ""),
        ([open_until(ALLOW, 1), opens_in(DENY, 1)], "automated manual overrun"),
        ([opens_in(ALLOW, 1), open_until(DENY_MANUAL, 1)], "manual"),
    ],
)
def test_what_windows_say_together(states: list[WindowState], allowed: str) -> None:
    found = judge(states)
    assert " ".join(name for name in ("automated", "manual", "overrun") if getattr(found, name)) == allowed
    assert bool(found.reason) is not found.automated
    assert found.again == min((state.again for state in states if state.again), default=None)


def test_the_reason_names_the_window_and_the_moment() -> None:
    freeze = replace(DENY, description="year's end", time_zone="Europe/Berlin", seconds=5400.0)
    assert judge([open_until(freeze, 3), open_until(DENY, 1)]).reason == (
        'a deny window "year\'s end" (0 22 * * * for 1h30m, Europe/Berlin) is open until 2026-11-22 15:00 UTC'
    )
    endless = WindowState(DENY, True, since=NOON, again=NOON + HOUR)
    assert judge([endless, open_until(DENY, 9)]).reason.endswith("is open without an end in sight")
    assert judge([opens_in(ALLOW, 3), opens_in(ALLOW, 1)]).reason == (
        "no allow window is open; the allow window (0 22 * * * for 8h, UTC) opens at 2026-11-22 13:00 UTC"
    )
    assert judge([WindowState(ALLOW, False)]).reason == (
        "the allow window (0 22 * * * for 8h, UTC) is not open, and never opens"
    )


@pytest.mark.parametrize(
    ("verdict", "automated", "begins", "goes_on"),
    [
        (ANYTIME, True, True, True),
        (WindowVerdict(False, False, False), False, False, False),
        (WindowVerdict(False, True, False), True, False, False),
        (WindowVerdict(False, True, False), False, True, True),
        (WindowVerdict(False, False, True), True, False, True),
        (WindowVerdict(False, False, True), False, False, True),
    ],
)
def test_who_may_begin_and_who_may_go_on(verdict: WindowVerdict, automated: bool, begins: bool, goes_on: bool) -> None:
    assert verdict.begins(automated=automated) is begins
    assert verdict.goes_on(automated=automated) is goes_on


states = st.builds(
    lambda kind, active, manual, overrun, hours: (open_until if active else opens_in)(
        replace(DENY, kind=kind, manual_sync=manual, sync_overrun=overrun), hours
    ),
    st.sampled_from(WindowKind),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(1, 100),
)


@given(st.lists(states, max_size=6))
def test_an_open_deny_window_always_holds_automated_syncs_back(found: list[WindowState]) -> None:
    verdict = judge(found)
    denied = any(state.active and state.window.kind is WindowKind.DENY for state in found)
    allows = [state.active for state in found if state.window.kind is WindowKind.ALLOW]
    assert verdict.automated is not (denied or (bool(allows) and not any(allows)))
    assert not verdict.automated or (verdict.manual and verdict.overrun and not verdict.reason)
    assert judge(list(reversed(found))).automated is verdict.automated
