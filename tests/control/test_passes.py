"""Passes under way: one per application, cancelled where void, brought to an end when the supervisor stops."""

from collections.abc import AsyncIterator

import anyio
import pytest

from gitopsd.control.application import Application
from gitopsd.control.applications import Applications
from gitopsd.control.passes import Passes
from gitopsd.control.queue import Level, WorkQueue
from gitopsd.core.ids import AppName
from gitopsd.testing.builders import an_app

ONE, TWO = AppName("one"), AppName("two")


class Running:
    """Passes that work until they are let go, and what became of them."""

    def __init__(self) -> None:
        self.queue = WorkQueue()
        self.applications = Applications()
        for name in (ONE, TWO):
            self.applications.begin(Application.begin(an_app(name), None, 0.0))
        self.passes = Passes(self.queue, self.applications)
        self.go = anyio.Event()
        self.began: list[tuple[str, Level]] = []
        self.ended: list[str] = []

    async def work(self, app: Application, level: Level) -> None:
        self.began.append((app.spec.name, level))
        await self.go.wait()
        self.ended.append(app.spec.name)

    def writes(self, name: AppName) -> None:
        self.applications.at_work[name].writing = True


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    given = Running()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(given.passes.run, given.work)
        yield given
        tasks.cancel_scope.cancel()


async def test_two_applications_are_worked_on_side_by_side_and_each_once(running: Running) -> None:
    for name in (ONE, TWO, ONE):
        running.queue.add(name, Level.GIT)
    await anyio.wait_all_tasks_blocked()
    assert running.began == [(ONE, Level.GIT), (TWO, Level.GIT)]
    assert running.passes.over(ONE)


async def test_an_application_that_left_gets_no_pass_and_blocks_nobody(running: Running) -> None:
    running.queue.add(ONE, Level.LIVE)
    running.applications.take_out(ONE)
    await anyio.wait_all_tasks_blocked()
    running.applications.begin(Application.begin(an_app(ONE), None, 0.0))
    running.queue.add(ONE, Level.GIT)
    await anyio.wait_all_tasks_blocked()
    assert running.began == [(ONE, Level.GIT)]


async def test_whoever_waits_for_a_pass_waits_for_its_end(running: Running) -> None:
    waited: list[str] = []

    async def wait() -> None:
        await running.passes.ended([ONE, AppName("nobody")])
        waited.append(ONE)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        running.queue.add(ONE, Level.GIT)
        await anyio.wait_all_tasks_blocked()
        assert waited == []
        running.go.set()
    assert waited == [ONE]


async def test_a_pass_that_is_void_ends_and_the_next_one_begins(running: Running) -> None:
    running.queue.add(ONE, Level.LIVE)
    await anyio.wait_all_tasks_blocked()
    running.queue.add(ONE, Level.GIT)
    running.passes.cancel(ONE)
    await anyio.wait_all_tasks_blocked()
    assert running.began == [(ONE, Level.LIVE), (ONE, Level.GIT)]
    assert running.ended == []


async def test_a_stop_waits_for_what_writes_and_for_nothing_else(running: Running) -> None:
    for name in (ONE, TWO):
        running.queue.add(name, Level.LIVE)
    await anyio.wait_all_tasks_blocked()
    running.writes(TWO)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(running.passes.stop)
        await anyio.wait_all_tasks_blocked()
        assert (running.passes.over(ONE), running.passes.over(TWO)) == (False, True)
        running.go.set()
    assert running.ended == [TWO]
    running.queue.add(ONE, Level.LIVE)
    await anyio.wait_all_tasks_blocked()
    assert len(running.began) == 2


async def test_a_stop_does_not_wait_for_ever(running: Running) -> None:
    running.queue.add(ONE, Level.LIVE)
    await anyio.wait_all_tasks_blocked()
    running.writes(ONE)
    with anyio.fail_after(60):
        await running.passes.stop()
    assert running.passes.over(ONE)


async def test_the_pass_that_has_been_under_way_for_longest_is_known(running: Running) -> None:
    assert running.passes.longest() == (0.0, "")
    running.queue.add(TWO, Level.GIT)
    await anyio.wait_all_tasks_blocked()
    running.queue.add(ONE, Level.GIT)
    await anyio.wait_all_tasks_blocked()
    seconds, name = running.passes.longest()
    assert name == TWO
    assert seconds > 0
