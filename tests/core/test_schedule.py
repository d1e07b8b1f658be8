"""Back-offs: min(max, seconds * factor ** n), and no overflow however long it goes on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.schedule import RECONCILE_ERROR, SELF_HEAL, Backoff, backoff_seconds


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [
        (RECONCILE_ERROR, [0, 1, 2, 4, 8, 16, 32, 60, 60]),
        (SELF_HEAL, [0, 2, 6, 18, 54, 162, 300, 300]),
        (Backoff(5, 1, 180), [0, 5, 5, 5]),
        (Backoff(500, 2, 180), [0, 180, 180]),
    ],
)
def test_the_waits(backoff: Backoff, waits: list[float]) -> None:
    assert [backoff_seconds(backoff, count) for count in range(len(waits))] == waits


@given(st.integers(-5, 10**9), st.floats(0, 1000), st.floats(1, 10), st.floats(0, 1000))
def test_a_wait_is_never_negative_nor_longer_than_the_cap(
    count: int, seconds: float, factor: float, cap: float
) -> None:
    assert 0 <= backoff_seconds(Backoff(seconds, factor, cap), count) <= cap
