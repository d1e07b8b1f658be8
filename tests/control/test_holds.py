"""Who hears of circuit breakers."""

from gitopsd.control.holds import Holds
from gitopsd.core.breaker import BreakerSettings
from gitopsd.core.ids import AppName
from gitopsd.core.project import ONLY_DEFAULT
from gitopsd.testing.clock import FakeClock

SETTINGS = BreakerSettings(failed_apps=2)


def holds(told: list[tuple[str, bool]]) -> Holds:
    return Holds(
        projects=lambda: ONLY_DEFAULT,
        schedules=None,
        clock=FakeClock(),
        state_of=lambda _: None,
        readiness_of=lambda _: {},
        managed=lambda _: 100,
        wake=lambda _: None,
        breaking=SETTINGS,
        on_breaker=lambda cluster, opened: told.append((cluster, opened)),
    )


def fail(holds: Holds, cluster: str) -> None:
    for app in ("one", "two", "three"):
        holds.ended(AppName(app), cluster, succeeded=False, automated=True)


async def test_a_breaker_that_opens_and_closes_is_told_once_each() -> None:
    told: list[tuple[str, bool]] = []
    subject = holds(told)
    subject.ended(AppName("one"), "east", succeeded=True, automated=True)
    assert told == []
    fail(subject, "east")
    fail(subject, "east")
    assert told == [("east", True)]
    subject.reset("east", AppName("a"))
    subject.reset("east", AppName("a"))
    assert told == [("east", True), ("east", False)]


async def test_other_limits_close_what_was_open() -> None:
    told: list[tuple[str, bool]] = []
    subject = holds(told)
    fail(subject, "west")
    subject.tune(SETTINGS)
    assert told == [("west", True)]
    subject.tune(None)
    assert told == [("west", True), ("west", False)]
