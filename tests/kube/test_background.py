"""What a cluster does for itself ends with it, whatever still comes."""

from __future__ import annotations

import anyio
import anyio.lowlevel

from gitopsd.kube.background import Background


async def test_what_comes_while_the_others_end_keeps_nobody_waiting() -> None:
    async def coming(background: Background) -> None:
        while True:
            background.start_soon(anyio.sleep_forever)
            await anyio.lowlevel.checkpoint()

    with anyio.fail_after(30):
        async with anyio.create_task_group() as others:
            async with anyio.create_task_group() as tasks:
                background = Background(tasks)
                background.start_soon(anyio.sleep_forever)
                others.start_soon(coming, background)
                await anyio.lowlevel.checkpoint()
                background.end()
            others.cancel_scope.cancel()


async def test_what_comes_after_the_end_is_no_error() -> None:
    async with anyio.create_task_group() as tasks:
        background = Background(tasks)
        background.end()
    background.start_soon(anyio.sleep_forever)
