"""A large application leaves the loop to others while it is worked on. In real time, since threads are at work."""

import threading

import anyio
import anyio.lowlevel
import pytest

from gitopsd.control.adapters import Adapters
from gitopsd.control.application import Application
from gitopsd.control.aside import aside
from gitopsd.control.target import want
from gitopsd.control.turns import Turns
from gitopsd.control.view import Request
from gitopsd.testing.builders import a_config_map, an_app
from gitopsd.testing.clock import FakeClock
from gitopsd.testing.cluster import FakeCluster
from gitopsd.testing.health import FakeJudge
from gitopsd.testing.journal import FakeJournal
from gitopsd.testing.renderer import FakeRenderer

_OBJECTS = 5_000
_TURNS = 10


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Asyncio's loop in real time."""
    return "asyncio"


async def test_work_on_many_objects_lets_the_loop_go_on() -> None:
    loop_went_on = threading.Event()

    async def go_on() -> None:
        await anyio.lowlevel.checkpoint()
        loop_went_on.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(go_on)
        assert await aside(anyio.CapacityLimiter(1), _OBJECTS, lambda: loop_went_on.wait(10))


async def test_work_on_few_objects_needs_no_thread() -> None:
    assert await aside(anyio.CapacityLimiter(1), 20, threading.current_thread) is threading.current_thread()


async def test_the_objects_of_a_large_application_are_made_while_others_have_their_turns() -> None:
    renderer = FakeRenderer()
    renderer.give("guestbook", [a_config_map(f"settings-{number}") for number in range(_OBJECTS)])
    adapters = Adapters(
        renderer=renderer,
        clock=FakeClock(),
        stopping=lambda: False,
        rendering=anyio.CapacityLimiter(1),
        turns=lambda _: Turns(1),
        judge=FakeJudge(),
        journal=FakeJournal(),
    )
    app = Application.begin(an_app("guestbook"), None, 0.0)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await anyio.sleep(0.001)
            turns += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(others)
        wanted = await want(app, FakeCluster(), Request(("1" * 40,)), adapters)
        tasks.cancel_scope.cancel()
    assert len(wanted.objects) == _OBJECTS
    assert turns >= _TURNS
