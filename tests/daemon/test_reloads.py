"""Reloads that are asked for by signals."""

from __future__ import annotations

import anyio
from anyio.lowlevel import checkpoint

from gitopsd.daemon.reloads import Reloads


async def test_what_is_asked_for_while_a_reload_runs_is_one_more_reload() -> None:
    began: list[int] = []
    first, go_on = anyio.Event(), anyio.Event()

    async def reload() -> None:
        began.append(len(began))
        first.set()
        await go_on.wait()

    reloads = Reloads(reload)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reloads.run)
        reloads.ask()
        with anyio.fail_after(30):
            await first.wait()
        for _ in range(300):
            reloads.ask()
            await checkpoint()
        go_on.set()
        for _ in range(20):
            await checkpoint()
        assert len(began) == 2
        reloads.ask()
        for _ in range(20):
            await checkpoint()
        assert len(began) == 3
        tasks.cancel_scope.cancel()
