"""When the daemon is alive, and what it says where it is not."""

from __future__ import annotations

import pytest

from gitopsd.core.liveness import (
    ALIVE,
    ENGINE_SILENCE_SECONDS,
    LONGEST_PASS_SECONDS,
    Facts,
    liveness,
    stalled,
)


def test_a_daemon_with_nothing_to_tell_is_alive() -> None:
    assert liveness(Facts()) == ALIVE
    assert liveness(Facts()).alive


def test_what_is_only_slow_is_alive() -> None:
    facts = Facts(longest_pass=LONGEST_PASS_SECONDS, longest_pass_of="web", engine_silence=ENGINE_SILENCE_SECONDS)
    assert liveness(facts).alive


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (Facts(ended=("the watch of Deployment.apps of cluster prod",)), "Deployment.apps of cluster prod"),
        (Facts(longest_pass=2 * LONGEST_PASS_SECONDS, longest_pass_of="web"), "application web has been stuck for 120"),
        (Facts(engine_silence=ENGINE_SILENCE_SECONDS + 1), "render engine has not answered for 121 s"),
    ],
    ids=["a task ended", "a pass is stuck", "the engine is silent"],
)
def test_each_fault_that_a_restart_cures_is_named(facts: Facts, words: str) -> None:
    found = liveness(facts)
    assert not found.alive
    assert words in str(found)


def test_all_reasons_are_told() -> None:
    facts = Facts(ended=("a",), longest_pass=9999.0, longest_pass_of="web", engine_silence=ENGINE_SILENCE_SECONDS * 2)
    assert len(liveness(facts).why) == 3


def test_a_hundred_ended_tasks_make_no_endless_sentence() -> None:
    said = str(liveness(Facts(ended=tuple(f"task {number}" for number in range(100)))))
    assert "task 2 and 97 more" in said
    assert "task 50" not in said


def test_a_check_that_is_overdue_is_a_reason_by_itself() -> None:
    assert stalled(60.0, 60.0).alive
    assert "not been made for 61 s" in str(stalled(61.0, 60.0))
