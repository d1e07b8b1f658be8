"""Keeps Python's garbage collector from holding up the loop: what the first round makes stays for good."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Final

import anyio

_INTERVAL: Final = 0.25


async def freeze_first_round(done: Callable[[], bool], *, interval: float = _INTERVAL) -> None:
    """Until `done`, again and again, tell the collector to leave alone what there is; and a last time then.

    A full collection looks at every object there is and holds everybody up meanwhile: with 100,000 objects of clusters
    for half a second and more, several times while they are read. Next to nothing of what is made then is garbage that
    only the collector could find; all else goes as ever when nobody refers to it any more, frozen or not.
    """
    gc.freeze()
    while not done():
        await anyio.sleep(interval)
        gc.freeze()
