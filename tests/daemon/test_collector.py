"""The garbage collector does not hold up a daemon that reads thousands of objects."""

import gc
from collections.abc import Iterator

import anyio
import pytest

from gitopsd.daemon.collector import freeze_first_round


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    """What the test froze is the collector's again afterwards."""
    gc.unfreeze()
    yield
    gc.unfreeze()


async def test_what_the_first_round_made_is_not_looked_at_again() -> None:
    made: list[list[int]] = []
    rounds = iter([False, False, True])

    def done() -> bool:
        made.extend([number] for number in range(10_000))
        return next(rounds)

    await freeze_first_round(done, interval=0.001)
    assert gc.get_freeze_count() >= 30_000


async def test_it_freezes_while_the_first_round_goes_on() -> None:
    made: list[list[int]] = []
    frozen: list[int] = []

    def done() -> bool:
        frozen.append(gc.get_freeze_count())
        made.extend([number] for number in range(10_000))
        return len(frozen) == 3

    with anyio.fail_after(30):
        await freeze_first_round(done, interval=0.001)
    assert frozen[1] - frozen[0] >= 10_000
    assert frozen[2] - frozen[1] >= 10_000


async def test_what_is_frozen_goes_when_nobody_refers_to_it_any_more() -> None:
    made = [[number] for number in range(10_000)]
    await freeze_first_round(lambda: True)
    before = gc.get_freeze_count()
    made.clear()
    assert gc.get_freeze_count() <= before - 10_000
