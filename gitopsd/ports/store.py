"""What survives a restart (design decision 7): status and last operations; everything else is recomputed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from gitopsd.core.appstatus import AppStatus
from gitopsd.core.ids import AppName


class Store(Protocol):
    """The state on disk. All methods raise `StoreError`."""

    async def statuses(self) -> Mapping[AppName, AppStatus]:
        """The last saved status of each application; its operation has no plan."""
        ...

    async def save(self, statuses: Sequence[AppStatus]) -> None:
        """Keep these, in one transaction; later ones replace earlier ones of the same application."""
        ...

    async def remove(self, names: Sequence[AppName]) -> None:
        """Forget applications that the configuration does not have any more."""
        ...
