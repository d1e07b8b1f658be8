"""One task wakes everybody, each at its own moment."""

import tracemalloc
from collections.abc import AsyncIterator

import anyio
import pytest

from gitopsd.control.timers import Timers
from gitopsd.core.ids import AppName
from gitopsd.testing.clock import FakeClock
from gitopsd.testing.virtual_time import turns

ONE, TWO = AppName("one"), AppName("two")


class Running:
    """Timers under way, and who was woken when."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.woken: list[tuple[str, float]] = []
        self.timers = Timers(self.clock, lambda app: self.woken.append((app, round(self.clock.monotonic(), 3))))
        self.began = 0.0

    def seen(self) -> list[tuple[str, float]]:
        return [(app, round(when - self.began, 3)) for app, when in self.woken]


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    running = Running()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(running.timers.run)
        await anyio.sleep(0.001)
        running.began = running.clock.monotonic()
        yield running
        tasks.cancel_scope.cancel()


async def test_each_is_woken_once_at_its_time(running: Running) -> None:
    running.timers.wake_after(ONE, 30)
    running.timers.wake_after(TWO, 10)
    await running.clock.advance(100)
    assert running.seen() == [("two", 10), ("one", 30)]


async def test_of_two_timers_the_earlier_stands(running: Running) -> None:
    running.timers.wake_after(ONE, 10)
    running.timers.wake_after(ONE, 30)
    running.timers.wake_after(TWO, 30)
    running.timers.wake_after(TWO, 10)
    await running.clock.advance(100)
    assert running.seen() == [("one", 10), ("two", 10)]


async def test_who_is_forgotten_sleeps_on(running: Running) -> None:
    running.timers.wake_after(ONE, 10)
    running.timers.forget(ONE)
    running.timers.forget(TWO)
    await running.clock.advance(100)
    assert running.seen() == []


async def test_who_was_woken_can_be_woken_again(running: Running) -> None:
    running.timers.wake_after(ONE, 10)
    await running.clock.advance(20)
    running.timers.wake_after(ONE, 10)
    await running.clock.advance(20)
    assert running.seen() == [("one", 10), ("one", 30)]


async def test_who_is_looked_at_all_the_time_takes_no_room_for_what_it_does_not_wait_for_any_more(
    running: Running,
) -> None:
    running.timers.wake_after(TWO, 10)
    tracemalloc.start()
    try:
        for _ in range(10_000):  # something hours away, and the next look before it
            running.timers.wake_after(ONE, 20_000)
            running.timers.wake_after(ONE, 30)
            running.timers.forget(ONE)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 10_000
    running.timers.wake_after(ONE, 30)
    await running.clock.advance(100)
    assert running.seen() == [("two", 10), ("one", 30)]


async def test_no_time_at_all_is_at_once(running: Running) -> None:
    running.timers.wake_after(ONE, 0)
    await running.clock.advance(0.001)
    assert running.seen() == [("one", 0)]


async def test_without_a_timer_nothing_turns(running: Running) -> None:
    before = turns()
    await running.clock.advance(1000)
    assert turns() - before <= 2
