"""Every case of the corpus, rendered by us and by the official programs, one test for each feature."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.differential.case import Outcome
from tests.differential.comparison import differences
from tests.differential.corpus import CORPUS
from tests.differential.official import Official
from tests.differential.run import compare

_AT_LEAST = 60


@pytest.mark.parametrize("feature", list(dict.fromkeys(case.feature for case in CORPUS)))
def test_ours_is_equal_to_the_original(feature: str, official: Official, tmp_path: Path) -> None:
    cases = [case for case in CORPUS if case.feature == feature]
    verdicts = compare(cases, tmp_path, official)
    problems = [f"{each.case.name}: {each.problem}" for each in verdicts if each.problem]
    assert not problems, "\n".join(problems)


def test_the_corpus_is_large_and_its_names_are_unique() -> None:
    names = Counter((case.feature, case.name) for case in CORPUS)
    assert max(names.values()) == 1
    assert sum(case.outcome is Outcome.EQUAL for case in CORPUS) >= _AT_LEAST


def test_every_case_that_is_not_equal_to_the_original_says_why() -> None:
    assert [case.name for case in CORPUS if case.outcome in (Outcome.STRICTER, Outcome.MORE) and not case.why] == []


@pytest.mark.parametrize(
    ("ours", "official"),
    [
        ({"a": 1}, {"a": 1.0}),
        ({"a": 1}, {"a": True}),
        ({"a": "1"}, {"a": 1}),
        ({"a": None}, {}),
        ({"a": [1, 2]}, {"a": [2, 1]}),
        ({"a": [1]}, {"a": [1, 1]}),
        ({"a": {}}, {"a": []}),
        ({"a": 0}, {"a": False}),
    ],
)
def test_a_difference_is_seen(ours: object, official: object) -> None:
    assert list(differences(ours, official))
