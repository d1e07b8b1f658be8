"""What people ask of an application beyond a refresh: plans, syncs, rollbacks, deletions."""

from __future__ import annotations

from typing import Protocol

from gitopsd.core.history import Deletion, Past
from gitopsd.core.ids import AppName
from gitopsd.core.manifest import Desired
from gitopsd.core.operation import Operation
from gitopsd.core.planview import PlanView
from gitopsd.core.syncrequest import SyncRequest


class Operations(Protocol):
    """All raise `OperationError` where what is asked for cannot be done, with reason `NotFound` where there is no such
    application or entry; `GitopsdError` where git, the cluster or the store does not let it.
    """

    async def plan(self, name: AppName, request: SyncRequest) -> PlanView:
        """What such a sync would do now, from a fresh look at git and the cluster; changes nothing."""
        ...

    async def sync(self, name: AppName, request: SyncRequest) -> Operation:
        """Begin a sync; the operation as it began (a dry run: as it ended). `InProgress` if another one is under way;
        `PlanChanged` if `request.plan` is not the id of what would be done now.
        """
        ...

    async def rollback(self, name: AppName, entry: int, request: SyncRequest) -> Operation:
        """Begin to bring a history entry back, and pin the application to it."""
        ...

    async def unpin(self, name: AppName) -> None:
        """Follow git again."""
        ...

    async def confirm(self, name: AppName) -> None:
        """Let the operation under way delete what waits for confirmation (`Prune=confirm`, `Delete=confirm`)."""
        ...

    async def terminate(self, name: AppName) -> None:
        """End the operation under way, and the hooks that it runs. `NothingInProgress` if there is none."""
        ...

    async def history(self, name: AppName) -> Past:
        """Its history, oldest first, and its pin."""
        ...

    async def manifests(self, name: AppName, entry: int) -> Desired:
        """What a history entry deployed."""
        ...

    async def delete(self, name: AppName, *, cascade: str, by: str) -> Deletion:
        """Delete its objects (`foreground`, `background`) or leave them (`orphan`), and let it rest: gone for good once
        its entry leaves the configuration.
        """
        ...
