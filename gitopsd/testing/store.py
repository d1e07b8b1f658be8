"""A store in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio.lowlevel

from gitopsd.core.appstatus import AppStatus
from gitopsd.core.errors import StoreError
from gitopsd.core.ids import AppName
from gitopsd.ports.store import Store


class FakeStore:
    """`ports.Store` in memory; `fail(message)` makes each method raise until `heal()`."""

    def __init__(self, statuses: Sequence[AppStatus] = ()) -> None:
        self._statuses = {status.name: _kept(status) for status in statuses}
        self._error = ""
        self.saves = 0

    def fail(self, message: str = "the disk is full") -> None:
        """From now on every method raises a retryable `StoreError`."""
        self._error = message

    def heal(self) -> None:
        """Work again."""
        self._error = ""

    async def statuses(self) -> Mapping[AppName, AppStatus]:
        """What was saved last, of each application."""
        await self._arrive()
        return dict(self._statuses)

    async def save(self, statuses: Sequence[AppStatus]) -> None:
        """Keep them, all or (on failure) none."""
        await self._arrive()
        self.saves += 1
        self._statuses.update({status.name: _kept(status) for status in statuses})

    async def remove(self, names: Sequence[AppName]) -> None:
        """Forget them; unknown names are no error."""
        await self._arrive()
        for name in names:
            self._statuses.pop(name, None)

    async def _arrive(self) -> None:
        await anyio.lowlevel.checkpoint()
        if self._error:
            raise StoreError("cannot use the state on disk", why=self._error, hint="free some space", retryable=True)


def _kept(status: AppStatus) -> AppStatus:
    operation = replace(status.operation, plan=None) if status.operation else None
    return replace(status, operation=operation)


if TYPE_CHECKING:
    _guard: Store = FakeStore()
