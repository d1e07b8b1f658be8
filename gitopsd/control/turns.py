"""Which passes work on a cluster side by side, and which wait for their turn."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from gitopsd.core.ids import AppName


class Turns:
    """So many passes of one cluster at once, the others in the order in which they came: a cluster that is slow makes
    no other one's applications wait.
    """

    def __init__(self, most: int) -> None:
        self._limiter = anyio.CapacityLimiter(most)
        self._waiting: dict[AppName, None] = {}

    def allow(self, most: int) -> None:
        """So many at once from now on."""
        self._limiter.total_tokens = most

    def before(self, app: AppName) -> int | None:
        """How many wait before this application; None if it does not wait."""
        return list(self._waiting).index(app) if app in self._waiting else None

    @asynccontextmanager
    async def of(self, app: AppName) -> AsyncGenerator[None]:
        """Wait for the application's turn, and keep it."""
        self._waiting[app] = None
        try:
            await self._limiter.acquire_on_behalf_of(app)
        finally:
            self._waiting.pop(app, None)
        try:
            yield
        finally:
            self._limiter.release_on_behalf_of(app)


class ClusterTurns:
    """The turns of each cluster, of which `most` passes at once may work on each."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._turns: dict[str, Turns] = {}

    def allow(self, most: int) -> None:
        """So many at once on each cluster from now on."""
        self._most = most
        for turns in self._turns.values():
            turns.allow(most)

    def on(self, cluster: str) -> Turns:
        """The turns of the cluster of this name."""
        turns = self._turns.get(cluster)
        if turns is None:
            turns = self._turns[cluster] = Turns(self._most)
        return turns

    def before(self, cluster: str, app: AppName) -> int | None:
        """How many wait on the cluster before this application; None if it does not wait."""
        turns = self._turns.get(cluster)
        return turns.before(app) if turns is not None else None
