"""The loop on which these tests run: time passes at once, in order, and nobody waits in vain."""

import time

import anyio
import pytest

from gitopsd.testing.clock import FakeClock
from gitopsd.testing.virtual_time import StuckError, VirtualTimeLoop, turns


async def test_an_hour_takes_no_time_and_what_falls_due_happens_in_its_order() -> None:
    clock = FakeClock()
    happened: list[tuple[str, float]] = []
    began, really = clock.monotonic(), time.monotonic()

    async def after(name: str, seconds: float) -> None:
        await clock.advance(seconds)
        happened.append((name, round(clock.monotonic() - began, 3)))

    async with anyio.create_task_group() as tasks:
        for name, seconds in (("late", 3600.0), ("early", 0.5), ("middle", 60.0)):
            tasks.start_soon(after, name, seconds)
    assert happened == [("early", 0.5), ("middle", 60), ("late", 3600)]
    assert time.monotonic() - really < 5


async def test_the_loop_counts_its_turns() -> None:
    before = turns()
    await anyio.sleep(1)
    assert 1 <= turns() - before <= 3


def test_only_a_virtual_loop_counts_turns() -> None:
    async def count() -> None:
        turns()

    with pytest.raises(TypeError, match="VirtualTimeLoop"):
        anyio.run(count)


def test_a_test_that_waits_for_what_nobody_does_ends_with_an_error() -> None:
    loop = VirtualTimeLoop(patience=0.01)
    try:
        with pytest.raises(StuckError):
            loop.run_until_complete(loop.create_future())
    finally:
        loop.close()
