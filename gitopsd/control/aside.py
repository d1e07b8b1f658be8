"""Work of one application that is too long to be done between two turns of the loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import anyio
import anyio.to_thread

_MANY: Final = 200
_Done = TypeVar("_Done")


async def aside(threads: anyio.CapacityLimiter, objects: int, work: Callable[[], _Done]) -> _Done:
    """What `work` gives: done at once for few `objects`, else in a thread, which lets the loop have its turn every few
    milliseconds. `work` is a pure function of values that nobody changes.
    """
    if objects <= _MANY:
        return work()
    return await anyio.to_thread.run_sync(work, limiter=threads)
