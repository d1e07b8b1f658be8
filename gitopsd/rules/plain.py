"""Health by what is built in, bundled and custom: all that needs no process of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import anyio
import anyio.lowlevel
import anyio.to_thread

from gitopsd.core.health.assess import assess
from gitopsd.core.health.status import Health
from gitopsd.core.ids import ObjectKey
from gitopsd.core.live import LiveObject
from gitopsd.ports.health import HealthJudge
from gitopsd.rules.bundled import bundled_table, file_for, read_bundled

_ONE_AT_A_TIME: Final = anyio.CapacityLimiter(1)
_READ: Final[set[str]] = set()
_WITHOUT_A_PAUSE: Final = 100  # objects: some 5 ms


class TableJudge:
    """`ports.HealthJudge` without users' rules."""

    async def assess(self, objects: Sequence[LiveObject]) -> Mapping[ObjectKey, Health | None]:
        """As the port says; waits only where a file of tables is read for the first time."""
        await learn({live.key.group for live in objects})
        found: dict[ObjectKey, Health | None] = {}
        for number, live in enumerate(objects, start=1):
            found[live.key] = assess(live.document.body(), tables=bundled_table)
            if number % _WITHOUT_A_PAUSE == 0:
                await anyio.lowlevel.checkpoint()
        return found


async def learn(groups: Iterable[str]) -> None:
    """Read the bundled tables of these API groups, so that asking for one of them reads no file."""
    for group in groups:
        file = file_for(group)
        if file is not None and file not in _READ:
            await anyio.to_thread.run_sync(read_bundled, file, limiter=_ONE_AT_A_TIME)
            _READ.add(file)


if TYPE_CHECKING:
    _guard: HealthJudge = TableJudge()
