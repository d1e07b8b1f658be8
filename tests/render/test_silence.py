"""For how long the render engine has been silent: what the liveness check asks."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

import anyio
import pytest

from gitopsd.core.errors import RenderError
from gitopsd.render.pool import EnginePool


async def _warm(pool: EnginePool) -> int:
    await pool.call("decode", {"name": "warm-up"}, deadline=20)
    return pool.pids()[0]


async def test_a_worker_that_answers_is_not_silent(scripted: Sequence[str]) -> None:
    async with EnginePool(scripted) as pool:
        await _warm(pool)
        assert await pool.silence(20.0) == 0


async def test_a_worker_that_hangs_is_silent_for_longer_and_longer(scripted: Sequence[str]) -> None:
    async with EnginePool(scripted) as pool:
        pid = await _warm(pool)
        os.kill(pid, signal.SIGSTOP)
        first = await pool.silence(0.05)
        second = await pool.silence(0.05)
        assert 0.05 <= first < second
        os.kill(pid, signal.SIGCONT)
        assert await pool.silence(20.0) == 0


async def test_one_worker_of_two_that_answers_is_enough(scripted: Sequence[str]) -> None:
    async with EnginePool(scripted, workers=2) as pool:
        await _warm(pool)
        with anyio.fail_after(30):
            while len(pool.pids()) < 2:
                await pool.call("decode", {"name": "again"}, deadline=20)
        os.kill(pool.pids()[0], signal.SIGSTOP)
        assert await pool.silence(20.0) == 0
        os.kill(pool.pids()[0], signal.SIGCONT)


async def test_an_engine_that_cannot_be_started_is_not_silent_but_unusable() -> None:
    async with EnginePool(["/nonexistent/engine"]) as pool:
        with pytest.raises(RenderError, match="not there"):
            await pool.call("decode", {"name": "a"}, deadline=5)
        assert await pool.silence(0.05) == 0
