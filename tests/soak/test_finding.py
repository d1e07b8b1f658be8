"""The soak finds what it is for."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from tests.soak.measure import Held, leaks
from tests.soak.model import applications

HELD = Held(files=50, threads=10, tasks=40, megabytes=120.0)


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (replace(HELD, files=90), "files"),
        (replace(HELD, threads=30), "threads"),
        (replace(HELD, tasks=100), "tasks"),
        (replace(HELD, megabytes=240.0), "memory"),
    ],
)
def test_what_grew_too_much_is_told(after: Held, said: str) -> None:
    (sentence,) = leaks(HELD, after)
    assert sentence.startswith(f"{said}:")


def test_what_grew_a_little_is_no_leak() -> None:
    assert not list(leaks(HELD, Held(55, 12, 45, 140.0)))


def test_the_same_seed_makes_the_same_applications_and_changes() -> None:
    def files(seed: int) -> list[object]:
        random = Random(seed)  # noqa: S311  # the same for the same seed
        apps = list(applications(6, 2, 3, random))
        for _ in range(50):
            random.choice(apps).change(random)
        return [app.files() for app in apps]

    assert files(3) == files(3)
    assert files(3) != files(4)
