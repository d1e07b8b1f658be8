"""The check that feeds systemd's watchdog and `/healthz`: at its pace, only while all is alive, never when it hangs."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import anyio
import pytest
from structlog.testing import capture_logs

from gitopsd.core.liveness import ENGINE_SILENCE_SECONDS, Facts
from gitopsd.daemon.alive import PACE_SECONDS, Alive
from gitopsd.daemon.notify import Notifier
from gitopsd.testing.clock import FakeClock
from gitopsd.testing.virtual_time import VirtualTimeLoop

WITHIN = 6.0


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Callable[[], VirtualTimeLoop]]]:
    return "asyncio", {"loop_factory": VirtualTimeLoop}


class Systemd:
    """The receiving end of the notifications."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self.notifier = Notifier({"NOTIFY_SOCKET": str(path)})

    def told(self) -> list[str]:
        """What came since the last time."""
        messages: list[str] = []
        while True:
            try:
                messages.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return messages

    def close(self) -> None:
        self._socket.close()


class Parts:
    """What the daemon's parts tell; the look at them can be held up."""

    def __init__(self) -> None:
        self.facts = Facts()
        self.go = anyio.Event()
        self.go.set()

    async def look_at(self) -> Facts:
        await self.go.wait()
        return self.facts


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    listening = Systemd(tmp_path / "notify")
    yield listening
    listening.close()


@pytest.fixture
def parts() -> Parts:
    return Parts()


@pytest.fixture
async def alive(parts: Parts, systemd: Systemd) -> AsyncIterator[Alive]:
    checking = Alive(parts.look_at, FakeClock(), systemd.notifier, within=WITHIN)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(checking.run)
        yield checking
        tasks.cancel_scope.cancel()


async def test_the_watchdog_is_fed_twice_in_the_time_it_allows(alive: Alive, systemd: Systemd) -> None:
    await anyio.sleep(WITHIN * 10 + 0.1)
    assert systemd.told() == ["WATCHDOG=1"] * 21


async def test_without_a_watchdog_nobody_is_told_but_healthz_knows(parts: Parts, systemd: Systemd) -> None:
    checking = Alive(parts.look_at, FakeClock(), systemd.notifier)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(checking.run)
        parts.facts = Facts(ended=("the timers",))
        await anyio.sleep(PACE_SECONDS + 0.1)
        assert not checking.verdict().alive
        assert [message for message in systemd.told() if "WATCHDOG" in message] == []
        tasks.cancel_scope.cancel()


async def test_it_is_not_fed_from_the_moment_that_something_is_wrong_and_the_status_says_what(
    alive: Alive, parts: Parts, systemd: Systemd
) -> None:
    await anyio.sleep(0.1)
    systemd.told()
    parts.facts = Facts(engine_silence=ENGINE_SILENCE_SECONDS + 5)
    with capture_logs() as lines:
        await anyio.sleep(WITHIN * 3)
    assert systemd.told() == ["STATUS=not alive: the render engine has not answered for 125 s"]
    assert [line["log_level"] for line in lines] == ["error"]
    assert "125 s" in str(alive.verdict())


async def test_what_recovers_before_the_end_is_fed_again(alive: Alive, parts: Parts, systemd: Systemd) -> None:
    parts.facts = Facts(ended=("the timers",))
    await anyio.sleep(WITHIN / 2 + 0.1)
    assert not alive.verdict().alive
    parts.facts = Facts()
    await anyio.sleep(WITHIN / 2)
    told = systemd.told()
    assert told[-2:] == ["STATUS=alive again", "WATCHDOG=1"]
    assert alive.verdict().alive


async def test_a_look_that_never_comes_back_feeds_nobody_and_is_found_out(
    alive: Alive, parts: Parts, systemd: Systemd
) -> None:
    await anyio.sleep(0.1)
    parts.go = anyio.Event()
    systemd.told()
    await anyio.sleep(WITHIN * 2)
    assert systemd.told() == []
    assert alive.verdict().alive  # it may be slow for once
    await anyio.sleep(WITHIN * 2)
    assert "has not been made for" in str(alive.verdict())
