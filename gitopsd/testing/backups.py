"""Backups, in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitopsd.core.errors import StoreError

if TYPE_CHECKING:
    from gitopsd.ports.backup import Backups


@dataclass
class FakeBackups:
    """Gives `pieces`; `asked` is whether the key was wanted each time. `error`: it cannot be made."""

    pieces: tuple[bytes, ...] = (b"a back", b"up")
    asked: list[bool] = field(default_factory=list)
    error: StoreError | None = None

    async def make(self, *, with_key: bool) -> AsyncIterator[bytes]:
        """See `ports.Backups`."""
        if self.error is not None:
            raise self.error
        self.asked.append(with_key)
        return self._all()

    async def _all(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece


if TYPE_CHECKING:

    def _are_backups(backups: FakeBackups) -> Backups:
        return backups
