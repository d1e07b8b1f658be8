"""Where a running loop's time goes."""

from __future__ import annotations

import json
import threading
import time

import anyio
import anyio.to_thread
import pytest

from gitopsd.core.errors import OperationError
from gitopsd.daemon.profile import Profiler


def spins_on_the_loop(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def spins_in_a_thread(over: threading.Event) -> None:
    end = time.perf_counter() + 10
    while not over.is_set() and time.perf_counter() < end:
        pass


async def _busy() -> None:
    while True:
        spins_on_the_loop(0.03)
        await anyio.sleep(0.01)


async def profiled(form: str, seconds: float = 0.4) -> str:
    over = threading.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_busy)
        tasks.start_soon(anyio.to_thread.run_sync, spins_in_a_thread, over)
        try:
            found = await Profiler().profile(seconds, form)
        finally:
            over.set()
            tasks.cancel_scope.cancel()
    return found.decode()


async def test_the_text_names_what_holds_the_loop_up_and_what_threads_do() -> None:
    found = await profiled("text")
    first, *_ = found.splitlines()
    assert first.startswith("gitopsd for 0.")
    assert "event loop idle" in first
    held_up = found.split("longest times in which the event loop did not wait once")[1]
    assert "spins_on_the_loop" in held_up.splitlines()[1]
    tree = found.split("event loop  <thread>")
    assert len(tree) == 2
    assert "spins_in_a_thread" in found


async def test_the_page_is_complete_and_loads_nothing() -> None:
    found = await profiled("html")
    assert found.startswith("<!DOCTYPE html>")
    assert "spins_on_the_loop" in found
    assert "<script src=" not in found
    assert '<link rel="stylesheet" href=' not in found


async def test_the_file_for_speedscope_holds_the_frames() -> None:
    found = json.loads(await profiled("speedscope"))
    names = {frame["name"] for frame in found["shared"]["frames"]}
    assert {"spins_on_the_loop", "spins_in_a_thread", "event loop"} <= names


async def test_a_loop_that_does_nothing_is_idle() -> None:
    found = (await Profiler().profile(0.2, "text")).decode()
    share = float(found.split("event loop idle ")[1].split("%")[0])
    assert share > 50


async def test_one_is_made_at_a_time_and_the_next_one_after_it() -> None:
    profiler = Profiler()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(profiler.profile, 0.2, "text")
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(OperationError) as refused:
            await profiler.profile(0.2, "text")
    assert refused.value.reason == "InProgress"
    assert await profiler.profile(0.05, "text")


@pytest.mark.parametrize(("seconds", "form"), [(0.0, "text"), (-1.0, "text"), (61.0, "text"), (1.0, "pickle")])
async def test_what_cannot_be_made_is_refused(seconds: float, form: str) -> None:
    with pytest.raises(OperationError) as refused:
        await Profiler().profile(seconds, form)
    assert refused.value.reason == "Invalid"


async def test_who_gives_up_waits_no_longer_and_leaves_nothing_behind() -> None:
    profiler = Profiler()
    with anyio.fail_after(30), anyio.move_on_after(0.1):
        await profiler.profile(60.0, "text")
    # The thread of the first has ended: there is but one.
    with anyio.fail_after(30):
        assert await profiler.profile(0.05, "text")
