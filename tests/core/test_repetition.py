"""Which errors are told again."""

from __future__ import annotations

import random
from collections import defaultdict

from gitopsd.core.repetition import KeptBack, Repetitions

INTERVAL = 600.0


def lines(most: int = 1024) -> Repetitions[str]:
    return Repetitions(INTERVAL, most)


def test_the_same_error_is_told_once_in_an_interval() -> None:
    seen = lines()
    told = [seen.judge("web", "disk full", "disk full", float(second)).tell for second in range(0, 601, 100)]
    assert told == [True, False, False, False, False, False, True]


def test_what_was_kept_back_is_told_when_the_error_is_told_again() -> None:
    seen = lines()
    for second in (0.0, 10.0, 20.0):
        seen.judge("web", "disk full", "disk full", second)
    assert seen.judge("web", "disk full", "disk full", 700.0).before == (KeptBack("disk full", 0.0, 2),)


def test_what_was_kept_back_is_told_when_the_interval_ends_without_another() -> None:
    seen = lines()
    assert seen.next_due() is None
    seen.judge("web", "disk full", "disk full", 5.0)
    assert seen.next_due() is None
    seen.judge("web", "disk full", "disk full, once more", 6.0)
    assert seen.next_due() == 605.0
    assert seen.due(604.0) == ()
    assert seen.due(605.0) == (KeptBack("disk full, once more", 5.0, 1),)
    assert seen.next_due() is None
    assert len(seen) == 0


def test_another_error_of_the_same_subject_tells_first_what_was_kept_back() -> None:
    seen = lines()
    for second in range(4):
        seen.judge("web", "a", "a", float(second))
    found = seen.judge("web", "b", "b", 10.0)
    assert found.tell
    assert found.before == (KeptBack("a", 0.0, 3),)


def test_two_errors_that_take_turns_are_both_kept_back() -> None:
    seen = lines()
    told = [seen.judge("web", each, each, float(second)).tell for second, each in enumerate("abababab")]
    assert told == [True, True, *[False] * 6]


def test_another_subject_has_its_own_count() -> None:
    seen = lines()
    seen.judge("web", ("web", "a"), "a", 0.0)
    seen.judge("web", ("web", "a"), "a", 1.0)
    found = seen.judge("shop", ("shop", "a"), "a", 2.0)
    assert found.tell
    assert found.before == ()


def test_after_it_was_well_the_same_error_is_news() -> None:
    seen = lines()
    seen.judge("web", "a", "a", 0.0)
    seen.judge("web", "a", "a", 1.0)
    assert seen.well("web") == (KeptBack("a", 0.0, 1),)
    assert seen.judge("web", "a", "a", 2.0).tell
    assert seen.well("nobody knows it") == ()


def test_an_interval_of_zero_keeps_nothing_back() -> None:
    seen = Repetitions[str](0.0)
    assert all(seen.judge("web", "a", "a", float(second)).tell for second in range(5))
    assert len(seen) == 0


def test_the_memory_is_bounded_and_what_is_forgotten_is_told() -> None:
    seen = lines(most=3)
    seen.judge("s0", "e0", "e0", 0.0)
    seen.judge("s0", "e0", "e0", 0.5)
    found = [seen.judge(f"s{number}", f"e{number}", f"e{number}", float(number)) for number in range(1, 100)]
    assert len(seen) == 3
    assert all(each.tell for each in found)
    assert [kept for each in found for kept in each.before] == [KeptBack("e0", 0.0, 1)]


def test_at_the_end_everything_that_was_kept_back_is_told() -> None:
    seen = lines()
    for each in "aba":
        seen.judge("web", each, each, 0.0)
    assert seen.everything() == (KeptBack("a", 0.0, 1),)
    assert len(seen) == 0


def test_whatever_comes_every_line_is_told_or_counted_and_no_new_one_is_kept_back() -> None:
    chance = random.Random(7)  # noqa: S311  # the same cases each time, and nothing to protect
    for _ in range(200):
        seen = lines(most=chance.randint(1, 6))
        came: dict[str, int] = defaultdict(int)
        accounted: dict[str, int] = defaultdict(int)
        now = 0.0
        for _ in range(chance.randint(1, 80)):
            now += chance.choice((0.0, 1.0, 50.0, 400.0))
            subject = chance.choice("xyz")
            what = subject + chance.choice("abc")
            if chance.random() < 0.1:
                before = seen.well(subject)
            elif chance.random() < 0.1:
                before = seen.due(now)
            else:
                first = what not in came
                came[what] += 1
                found = seen.judge(subject, what, what, now)
                assert found.tell or not first
                accounted[what] += found.tell
                before = found.before
            for kept in before:
                accounted[kept.what] += kept.count
        for kept in seen.everything():
            accounted[kept.what] += kept.count
        assert accounted == came
