"""What time does to a verdict."""

from datetime import UTC, datetime, timedelta

import pytest

from gitopsd.core.customization import HealthTimeout
from gitopsd.core.health.status import Health, HealthStatus, healthy, progressing
from gitopsd.core.health.timing import Timed, Timing, timed
from gitopsd.core.ignore import KindPattern
from gitopsd.core.jsonvalue import JsonObject

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TEN_MINUTES = Timing(timeouts=(HealthTimeout(KindPattern("apps", "*"), 600),))
DEPLOYMENT: JsonObject = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def a_widget(age: float, **more: object) -> JsonObject:
    metadata = {"name": "a", "creationTimestamp": later(-age).strftime("%Y-%m-%dT%H:%M:%SZ")}
    return {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": metadata, **more}  # type: ignore[dict-item]  # the values that tests give are JSON


def test_progressing_lasts_for_ever_where_no_timeout_says_otherwise() -> None:
    assert timed(progressing("1 of 2"), DEPLOYMENT, NOW, Timing()) == Timed(progressing("1 of 2"))


def test_progressing_for_too_long_is_degraded_and_says_what_it_was() -> None:
    first = timed(progressing("1 of 2"), DEPLOYMENT, NOW, TEN_MINUTES)
    assert first == Timed(progressing("1 of 2"), NOW, later(600))
    still = timed(progressing("1 of 3"), DEPLOYMENT, later(599), TEN_MINUTES, since=first.since)
    assert still == Timed(progressing("1 of 3"), NOW, later(600))
    over = timed(progressing("1 of 3"), DEPLOYMENT, later(600), TEN_MINUTES, since=still.since)
    assert over == Timed(Health(HealthStatus.DEGRADED, "Progressing for more than 600 s: 1 of 3"), NOW)


def test_the_time_starts_anew_once_it_was_healthy() -> None:
    assert timed(healthy(), DEPLOYMENT, later(9), TEN_MINUTES, since=NOW) == Timed(healthy())


def test_a_timeout_counts_for_its_kinds_only() -> None:
    assert timed(progressing(""), a_widget(0), NOW, TEN_MINUTES).until is None


def test_a_new_custom_object_without_a_status_is_given_a_moment() -> None:
    found = timed(None, a_widget(2), NOW, Timing(grace_seconds=5))
    assert found.health is not None
    assert (found.health.status, found.until) == (HealthStatus.PROGRESSING, later(3))
    assert timed(None, a_widget(5), NOW, Timing(grace_seconds=5)) == Timed(None)


@pytest.mark.parametrize(
    "live",
    [
        a_widget(0, status={"phase": "odd"}),
        {**a_widget(0), "apiVersion": "v1", "kind": "ConfigMap"},
        {**a_widget(0), "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"},
        {**a_widget(0), "metadata": {"name": "a"}},
        {**a_widget(0), "metadata": {"name": "a", "creationTimestamp": "yesterday"}},
    ],
)
def test_no_other_object_without_a_verdict_is_waited_for(live: JsonObject) -> None:
    assert timed(None, live, NOW, Timing()) == Timed(None)
