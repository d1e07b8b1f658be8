"""Each application at most once in the queue, and at most once under way."""

import anyio
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.control.queue import Level, WorkQueue
from gitopsd.core.ids import AppName

ONE, TWO = AppName("one"), AppName("two")


async def test_the_one_that_waited_longest_comes_first() -> None:
    queue = WorkQueue()
    for app in (ONE, TWO, ONE):
        queue.add(app, Level.LIVE)
    assert len(queue) == 2
    assert [await queue.get(), await queue.get()] == [(ONE, Level.LIVE), (TWO, Level.LIVE)]


async def test_requests_that_come_together_are_merged_into_the_highest() -> None:
    queue = WorkQueue()
    for level in (Level.GIT, Level.HARD, Level.LIVE):
        queue.add(ONE, level)
    assert await queue.get() == (ONE, Level.HARD)
    assert len(queue) == 0


async def test_work_that_comes_during_a_pass_waits_for_its_end() -> None:
    queue = WorkQueue()
    queue.add(ONE, Level.LIVE)
    await queue.get()
    queue.add(ONE, Level.GIT)
    queue.add(ONE, Level.LIVE)
    assert len(queue) == 0
    queue.done(ONE)
    assert await queue.get() == (ONE, Level.GIT)
    queue.done(ONE)
    assert len(queue) == 0


async def test_get_waits_for_work() -> None:
    queue = WorkQueue()
    found: list[tuple[AppName, Level]] = []

    async def worker() -> None:
        found.append(await queue.get())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(worker)
        await anyio.sleep(1)
        assert found == []
        queue.add(TWO, Level.HARD)
    assert found == [(TWO, Level.HARD)]


async def test_discarded_work_is_not_done_neither_now_nor_after_the_pass() -> None:
    queue = WorkQueue()
    queue.add(ONE, Level.LIVE)
    queue.discard(ONE)
    assert len(queue) == 0
    queue.add(ONE, Level.LIVE)
    await queue.get()
    queue.add(ONE, Level.GIT)
    queue.discard(ONE)
    queue.done(ONE)
    assert len(queue) == 0


async def test_done_of_somebody_unknown_is_nothing() -> None:
    WorkQueue().done(ONE)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(Level)), max_size=30))
def test_no_work_is_lost_and_none_is_done_twice(work: list[tuple[str, Level]]) -> None:
    async def drain() -> dict[str, Level]:
        queue = WorkQueue()
        for app, level in work:
            queue.add(AppName(app), level)
        return dict([await queue.get() for _ in range(len(queue))])

    highest: dict[str, Level] = {}
    for app, level in work:
        highest[app] = max(level, highest.get(app, Level.LIVE))
    assert anyio.run(drain) == highest
