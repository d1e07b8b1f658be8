"""The log's level, changed while the daemon runs."""

from __future__ import annotations

from datetime import timedelta

import anyio
import anyio.lowlevel
import pytest

from gitopsd.daemon.loglevel import LogLevels
from gitopsd.ports.debugging import LogLevel
from gitopsd.testing.clock import FakeClock
from gitopsd.testing.virtual_time import VirtualTimeLoop


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "asyncio", {"loop_factory": VirtualTimeLoop}


def levels(configured: str = "info") -> tuple[LogLevels, list[str]]:
    used = [configured]
    return LogLevels(configured, used.append, FakeClock()), used


async def test_a_level_that_somebody_asks_for_counts_at_once_and_until_somebody_says_otherwise() -> None:
    found, used = levels()
    assert found.ask("debug", None) == LogLevel("debug", "info")
    assert used[-1] == "debug"
    assert found.ask("", None) == LogLevel("info", "info")
    assert used[-1] == "info"


async def test_after_its_time_the_configured_level_counts_again() -> None:
    found, used = levels()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(found.run)
        await anyio.lowlevel.checkpoint()
        asked = found.ask("debug", 600.0)
        assert asked.until == FakeClock().now() + timedelta(seconds=600)
        await anyio.sleep(599)
        assert used[-1] == "debug"
        await anyio.sleep(2)
        assert used[-1] == "info"
        assert found.now() == LogLevel("info", "info")
        tasks.cancel_scope.cancel()


async def test_asking_again_begins_the_time_anew() -> None:
    found, used = levels()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(found.run)
        found.ask("debug", 10.0)
        await anyio.sleep(9)
        found.ask("debug", 10.0)
        await anyio.sleep(9)
        assert used[-1] == "debug"
        await anyio.sleep(2)
        assert used[-1] == "info"
        tasks.cancel_scope.cancel()


async def test_a_reload_with_another_level_ends_what_somebody_asked_for() -> None:
    found, used = levels()
    found.ask("debug", 600.0)
    found.configure("info")
    assert found.now().level == "debug"
    found.configure("warning")
    assert found.now() == LogLevel("warning", "warning")
    assert used[-1] == "warning"


async def test_a_change_is_told_while_the_level_counts_that_says_more() -> None:
    found, used = levels("info")
    found.ask("error", None)
    assert used == ["info", "info", "error"]
    found.ask("debug", None)
    assert used[-2:] == ["debug", "debug"]
