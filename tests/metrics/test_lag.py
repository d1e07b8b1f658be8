"""How late the loop is."""

from datetime import UTC, datetime

import anyio
import pytest

from gitopsd.metrics import sample_loop_lag


class JumpingClock:
    """Says these moments, one after another."""

    def __init__(self, *moments: float) -> None:
        self._moments = iter(moments)

    def now(self) -> datetime:
        return datetime(2026, 3, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return next(self._moments, 0.0)

    def jitter(self, seconds: float) -> float:
        return 0.0


class Listener:
    """Keeps the first `count` samples."""

    def __init__(self, count: int) -> None:
        self.heard: list[float] = []
        self.enough = anyio.Event()
        self._count = count

    def loop_lag(self, seconds: float) -> None:
        self.heard.append(seconds)
        if len(self.heard) == self._count:
            self.enough.set()


async def test_lag_is_what_a_sleep_took_longer_than_asked() -> None:
    listener = Listener(3)
    clock = JumpingClock(10.0, 10.25, 20.0, 20.01, 30.0, 29.0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: sample_loop_lag(listener, clock, interval=0.01))
        with anyio.fail_after(30):
            await listener.enough.wait()
        tasks.cancel_scope.cancel()
    assert listener.heard[:3] == pytest.approx([0.24, 0.0, 0.0])
