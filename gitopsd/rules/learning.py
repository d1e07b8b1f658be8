"""The bundled tables, read in a thread before somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import anyio
import anyio.to_thread

from gitopsd.rules.bundled import file_for, read_bundled

_ONE_AT_A_TIME: Final = anyio.CapacityLimiter(1)
_READ: Final[set[str]] = set()


async def learn(groups: Iterable[str]) -> None:
    """Read the bundled tables of these API groups, so that asking for one of them reads no file."""
    for group in groups:
        file = file_for(group)
        if file is not None and file not in _READ:
            await anyio.to_thread.run_sync(read_bundled, file, limiter=_ONE_AT_A_TIME)
            _READ.add(file)
