"""Carries status changes from the bus to the store, in the background."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import anyio
from anyio import AsyncContextManagerMixin

from gitopsd.core.appstatus import AppStatus
from gitopsd.core.errors import StoreError
from gitopsd.core.events import AppRemoved, Event, StatusChanged
from gitopsd.core.ids import AppName
from gitopsd.core.schedule import Backoff, backoff_seconds
from gitopsd.ports.store import Store

_RETRY: Final = Backoff(seconds=0.5, factor=2.0, max_seconds=60.0)


class StatusWriter(AsyncContextManagerMixin):
    """Saves the newest status of each changed application, at most once per `interval` seconds; `async with` runs it.

    Subscribe `on_event` to the bus. With nothing to save nothing runs. A store that fails loses nothing: the newest
    statuses wait, and are tried again with growing pauses. `on_trouble` hears of each failure, and gets None when
    saving works again. On leaving, what is left is saved, within `flush_seconds`.
    """

    def __init__(
        self,
        store: Store,
        on_trouble: Callable[[StoreError | None], None],
        *,
        interval: float = 0.2,
        flush_seconds: float = 2.0,
    ) -> None:
        self._store = store
        self._on_trouble = on_trouble
        self._interval = interval
        self._flush_seconds = flush_seconds
        self._waiting: dict[AppName, AppStatus | None] = {}
        self._news = anyio.Event()
        self._failures = 0

    def on_event(self, event: Event) -> None:
        """Put a change aside; constant cost, never waits."""
        match event:
            case StatusChanged() if event.previous == replace(event.status, reconciled_at=None):
                return  # nothing of what is saved is new
            case StatusChanged():
                self._waiting[event.status.name] = event.status
            case AppRemoved():
                self._waiting[event.name] = None
            case _:
                return
        self._news.set()

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[StatusWriter]:
        leaving = anyio.Event()
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._run, leaving)
                try:
                    yield self
                finally:
                    leaving.set()
                    self._news.set()
        finally:
            with anyio.move_on_after(self._flush_seconds, shield=True):
                await self._save()

    async def _run(self, leaving: anyio.Event) -> None:
        while not leaving.is_set():
            await self._news.wait()
            self._news = anyio.Event()
            await self._save()
            pause = backoff_seconds(_RETRY, self._failures) if self._failures else self._interval
            with anyio.move_on_after(pause):
                await leaving.wait()

    async def _save(self) -> None:
        """One attempt with all that waits; what could not be saved waits on, unless something newer came meanwhile."""
        if not self._waiting:
            return
        taken, self._waiting = self._waiting, {}
        saved = False
        try:
            await self._store.save([status for status in taken.values() if status is not None])
            await self._store.remove([name for name, status in taken.items() if status is None])
            saved = True
        except StoreError as error:
            self._failures += 1
            self._on_trouble(error)
        finally:
            if not saved:
                self._waiting = taken | self._waiting
                self._news.set()
        if saved and self._failures:
            self._failures = 0
            self._on_trouble(None)
