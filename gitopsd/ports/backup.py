"""Backups of a running daemon's state."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol


class Backups(Protocol):
    """Makes them while everything else goes on."""

    async def make(self, *, with_key: bool) -> AsyncIterator[bytes]:
        """The archive in pieces, of the state as it is now; `with_key` puts the state's key into it.

        Raises `StoreError` if it cannot be made; what comes afterwards is whole, or the iterator raises.
        """
        ...
