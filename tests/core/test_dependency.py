"""What applications wait for, in circles and out of them, and who goes first when they are deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.app import AppSpec, Dependency, Destination
from gitopsd.core.appstatus import SyncCode
from gitopsd.core.dependency import (
    DependencyState,
    Readiness,
    blocked_by,
    cycles,
    dependants,
    edges,
)
from gitopsd.core.health.status import HealthStatus
from gitopsd.core.ids import GVK, AppName

COMMIT = "1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b"
READY = DependencyState(SyncCode.SYNCED, HealthStatus.HEALTHY, (COMMIT,))
SECRET = Dependency(gvk=GVK("", "v1", "Secret"), namespace="db", name="password", ready="has(object.data.key)")


NOBODY: dict[AppName, DependencyState] = {}


def app(name: str, *waits_for: str | Dependency) -> AppSpec:
    found = tuple(item if isinstance(item, Dependency) else Dependency(AppName(item)) for item in waits_for)
    return AppSpec(AppName(name), (), Destination(name="local"), depends_on=found)


@pytest.mark.parametrize(
    ("revision", "state", "why"),
    [
        ("", READY, None),
        ("", None, "nothing is known of it"),
        ("", replace(READY, sync=SyncCode.OUT_OF_SYNC), "OutOfSync"),
        ("", replace(READY, sync=SyncCode.UNKNOWN, health=HealthStatus.UNKNOWN), "Unknown"),
        ("", replace(READY, health=HealthStatus.PROGRESSING), "Progressing"),
        ("", replace(READY, health=HealthStatus.SUSPENDED), "Suspended"),
        ("", replace(READY, busy=True), "a sync is under way"),
        ("1a2b3c4", READY, None),
        ("1A2B3C4", READY, None),
        (COMMIT, READY, None),
        ("9f8e7d6", READY, "it is at 1a2b3c4d5e6f"),
        ("1a2", READY, "it is at 1a2b3c4d5e6f"),
        ("9f8e7d6", replace(READY, revisions=()), "it is at no revision"),
        ("1.2.3", replace(READY, revisions=("1.2.3",)), None),
        ("1.2", replace(READY, revisions=("1.2.3",)), "it is at 1.2.3"),
        ("1a2b3c4", replace(READY, revisions=("0" * 40, COMMIT)), None),
    ],
)
def test_another_application_is_waited_for(revision: str, state: DependencyState | None, why: str | None) -> None:
    spec = app("shop", Dependency(AppName("database"), revision))
    shown = f"database@{revision}" if revision else "database"
    assert blocked_by(spec, {AppName("database"): state}.get) == ((f"waits for {shown} ({why})",) if why else ())


def test_an_object_is_waited_for_until_it_is_ready() -> None:
    spec = app("shop", SECRET)
    assert blocked_by(spec, NOBODY.get) == ("waits for Secret db/password (it does not exist)",)
    assert blocked_by(spec, NOBODY.get, lambda _: Readiness(False)) == ("waits for Secret db/password",)
    assert blocked_by(spec, NOBODY.get, lambda _: Readiness(True)) == ()


def test_all_that_is_waited_for_is_named() -> None:
    spec = app("shop", "database", "cache", SECRET)
    known = {AppName("cache"): READY}
    assert blocked_by(spec, known.get) == (
        "waits for database (nothing is known of it)",
        "waits for Secret db/password (it does not exist)",
    )


def test_who_waits_for_whom_is_indexed_both_ways() -> None:
    specs = [app("shop", "database", "cache", Dependency(AppName("database"), "v1"), SECRET), app("cache", "database")]
    assert edges(specs) == {"shop": ("database", "cache"), "cache": ("database",)}
    assert dependants(specs) == {"database": ("shop", "cache"), "cache": ("shop",)}


@pytest.mark.parametrize(
    ("graph", "found"),
    [
        ({}, []),
        ({"a": "b", "b": "c", "c": ""}, []),
        ({"a": "a"}, ["a"]),
        ({"a": "b", "b": "a"}, ["ab"]),
        ({"x": "a", "a": "bc", "b": "d", "c": "d", "d": "a"}, ["a?d"]),
        ({"a": "b", "b": "a", "c": "bd", "d": "c"}, ["ab", "cd"]),
        ({"a": "z"}, []),
    ],
)
def test_circles_are_found(graph: dict[str, str], found: list[str]) -> None:
    def fits(circle: str, pattern: str) -> bool:
        return len(circle) == len(pattern) and all(b in (a, "?") for a, b in zip(circle, pattern, strict=True))

    told = ["".join(circle) for circle in cycles(as_graph(graph))]
    assert len(told) == len(found)
    assert all(any(fits(circle, pattern) for pattern in found) for circle in told)


def as_graph(written: Mapping[str, str]) -> dict[AppName, tuple[AppName, ...]]:
    return {AppName(name): tuple(AppName(other) for other in others) for name, others in written.items()}


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.text("abcdefghxy", max_size=4), max_size=8))
def test_what_is_told_is_a_circle_and_without_those_there_is_none(written: dict[str, str]) -> None:
    graph = as_graph(written)
    told = list(cycles(graph))
    for circle in told:
        assert len(set(circle)) == len(circle)
        for name, following in zip(circle, (*circle[1:], circle[0]), strict=True):
            assert following in graph[name]
        assert circle[0] == next(name for name in graph if name in circle)
    members = [name for circle in told for name in circle]
    assert len(set(members)) == len(members)
    assert list(cycles({name: others for name, others in graph.items() if name not in members})) == []


def test_a_long_chain_and_a_long_circle_are_no_trouble() -> None:
    names = [AppName(f"a{number}") for number in range(5000)]
    chain = {name: (following,) for name, following in pairwise(names)}
    assert list(cycles(chain)) == []
    assert list(cycles(chain | {names[-1]: (names[0],)})) == [tuple(names)]
