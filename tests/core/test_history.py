"""How an application's past grows, and where a rollback goes."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gitopsd.core.history import (
    NOTHING_PAST,
    HistoryEntry,
    Past,
    confirms,
    deployed,
    healthy,
    pinned,
    pinned_entry,
    unpinned,
)
from gitopsd.core.operation import Operation

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def an_entry(digest: str, *, healthy_at: datetime | None = None) -> HistoryEntry:
    return HistoryEntry(0, ("a" * 40,), (), digest, f"manifests-{digest}", NOON, NOON, healthy_at=healthy_at)


def a_past(*digests: str, healthy_ones: str = "", limit: int = 10) -> Past:
    """Return the past after these were deployed; `healthy_ones` are the letters of those that were healthy."""
    past = NOTHING_PAST
    for digest in digests:
        past = deployed(past, an_entry(digest, healthy_at=NOON if digest in healthy_ones else None), limit)
    return past


@pytest.mark.parametrize(
    ("digests", "healthy_ones", "limit", "stay"),
    [
        ("abc", "ab", 0, "bc"),
        ("abc", "a", 1, "ac"),
        ("abc", "abc", 1, "bc"),
        ("ab", "", 0, "b"),
        ("abcd", "a", 3, "abcd"),
    ],
)
def test_what_goes_back_by_itself_keeps_what_it_would_go_back_to(
    digests: str, healthy_ones: str, limit: int, stay: str
) -> None:
    past = NOTHING_PAST
    for digest in digests:
        entry = an_entry(digest, healthy_at=NOON if digest in healthy_ones else None)
        past = deployed(past, entry, limit, goes_back=True)
    assert "".join(entry.digest for entry in past.entries) == stay


def test_a_sync_that_leaves_what_the_newest_entry_says_confirms_it() -> None:
    past = a_past("a", "b")
    again = Operation("b", ("a" * 40,), NOON)
    assert confirms(past, again)
    assert not confirms(past, replace(again, digest="a"))
    assert not confirms(past, replace(again, revisions=("b" * 40,)))
    assert not confirms(NOTHING_PAST, again)


def test_a_pin_whose_entry_was_trimmed_is_known_by_one_that_deployed_the_same() -> None:
    past = a_past("a", "b")
    assert pinned_entry(past) is None
    past = pinned(past, past.entries[0], held_against="b", since=NOON)
    assert pinned_entry(past) == past.entries[0]
    past = deployed(past, replace(an_entry("a"), rollback_of=0), 1)
    assert pinned_entry(past) == past.entries[-1]
    assert pinned_entry(deployed(past, an_entry("c"), 1)) is None


def test_ids_count_up_from_0() -> None:
    assert [entry.id for entry in a_past("a", "b", "a").entries] == [0, 1, 2]


def test_only_the_newest_stay_and_their_ids_go_on() -> None:
    past = a_past("a", "b", "c", "d", limit=2)
    assert [(entry.id, entry.digest) for entry in past.entries] == [(2, "c"), (3, "d")]
    assert past.next_id == 4


@pytest.mark.parametrize("limit", [0, -1])
def test_with_no_history_no_id_is_used_twice(limit: int) -> None:
    past = a_past("a", "b", limit=limit)
    assert past.entries == ()
    assert past.next_id == 2
    assert [entry.id for entry in deployed(past, an_entry("c"), 3).entries] == [2]


def test_a_past_without_a_count_goes_on_after_its_newest_entry() -> None:
    assert Past((replace(an_entry("a"), id=7),)).next_id == 8


def test_a_pin_outlives_the_entry_that_it_names() -> None:
    past = a_past("a")
    past = pinned(past, past.entries[0], held_against="b", since=NOON, by="ann", reason="b crashes")
    past = deployed(past, an_entry("c"), 1)
    assert past.find(0) is None
    assert past.pin is not None
    assert (past.pin.entry, past.pin.manifests, past.pin.digest) == (0, "manifests-a", "a")
    assert (past.pin.held_against, past.pin.since, past.pin.by, past.pin.reason) == ("b", NOON, "ann", "b crashes")


def test_who_unpins_follows_git_again() -> None:
    past = a_past("a")
    assert unpinned(pinned(past, past.entries[0], held_against="", since=NOON)) == past
    assert unpinned(past) is past


def test_the_newest_entry_is_healthy_once() -> None:
    past = healthy(a_past("a", "b"), "b", NOON)
    assert [entry.healthy_at for entry in past.entries] == [None, NOON]
    assert healthy(past, "b", datetime(2027, 1, 1, tzinfo=UTC)) is past


@pytest.mark.parametrize("past", [NOTHING_PAST, a_past("a", "b")])
def test_health_of_what_was_not_deployed_last_says_nothing_of_the_past(past: Past) -> None:
    assert healthy(past, "a", NOON) is past
