"""A short sample of what `make fuzz` tries for long: the same examples each time."""

from __future__ import annotations

import pytest

from tests.fuzz.checks import CHECKS


@pytest.mark.parametrize("name", CHECKS)
def test_a_sample_of_odd_input_breaks_nothing(name: str) -> None:
    CHECKS[name](150, fixed=True)
