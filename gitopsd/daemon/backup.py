"""Backups of the state: by the running daemon, and of one that does not run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread

from gitopsd.config import Config
from gitopsd.ports.clock import Clock
from gitopsd.store.file import STATE_FILE
from gitopsd.store.lock import resting
from gitopsd.store.snapshot import Origin, Snapshot, no_state, take_snapshot

if TYPE_CHECKING:
    from gitopsd.ports.backup import Backups

_END: Final = b""


class RunningBackups:
    """`ports.Backups` of the daemon whose configuration `config` gives. All work is done in threads, one backup's copy
    at a time; the copies take room in the state folder until they were read.
    """

    def __init__(self, config: Callable[[], Config], clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._copying = anyio.CapacityLimiter(1)
        self._packing = anyio.CapacityLimiter(2)

    async def make(self, *, with_key: bool) -> AsyncIterator[bytes]:
        """See the port."""
        origin, now = origin_of(self._config()), self._clock.now()
        snapshot = await anyio.to_thread.run_sync(
            lambda: take_snapshot(origin, now, with_key=with_key), limiter=self._copying
        )
        return self._pieces(snapshot)

    async def _pieces(self, snapshot: Snapshot) -> AsyncIterator[bytes]:
        try:
            pieces = snapshot.pieces()
            while piece := await anyio.to_thread.run_sync(next, pieces, _END, limiter=self._packing):
                yield piece
        finally:
            snapshot.close()


@contextmanager
def resting_backup(config: Config, clock: Clock, *, with_key: bool) -> Iterator[Snapshot]:
    """A backup of a state folder that no daemon works on, which none can begin to meanwhile. Blocks.

    Raises `StoreError`.
    """
    folder = Path(config.state_dir)
    if not (folder / STATE_FILE).exists():  # and none is made of it
        raise no_state(folder)
    with resting(folder):
        snapshot = take_snapshot(origin_of(config), clock.now(), with_key=with_key, resting=True)
    try:
        yield snapshot
    finally:
        snapshot.close()


def origin_of(config: Config) -> Origin:
    """Whose state a backup is of."""
    return Origin(
        Path(config.state_dir), Path(config.state_key), config.surroundings.tracking.installation, config.digest
    )


if TYPE_CHECKING:

    def _are_backups(backups: RunningBackups) -> Backups:
        return backups
