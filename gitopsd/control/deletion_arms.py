"""Which applications shall be deleted should their entries go while nobody looks: the journal knows them beforehand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

import anyio
import anyio.lowlevel

from gitopsd.core.app import AppSpec
from gitopsd.core.deletion_record import armed, cascade_of, same_arm
from gitopsd.core.errors import StoreError
from gitopsd.core.history import Deletion
from gitopsd.core.ids import AppName
from gitopsd.ports.clock import Clock
from gitopsd.ports.journal import Journal

_AT_ONCE: Final = 256
_BREATH: Final = 50
_AGAIN_SECONDS: Final = 30.0


class Arms:
    """Applications with a finalizer, each journalled once until it is another. `later` wakes one after so many seconds:
    what could not be journalled is tried again by `put_right`.
    """

    def __init__(self, journal: Journal, clock: Clock, later: Callable[[AppName, float], None]) -> None:
        self._journal = journal
        self._clock = clock
        self._later = later
        self._specs: Mapping[AppName, AppSpec] = {}
        self._known: dict[AppName, Deletion] = {}
        self._wrong: set[AppName] = set()
        self._writing = anyio.CapacityLimiter(_AT_ONCE)

    def know(self, recorded: Deletion) -> None:
        """The journal has this of an application."""
        self._known[AppName(recorded.app)] = recorded

    def forget(self, name: AppName) -> None:
        """The journal has nothing of the application, or what it has is a deletion's."""
        self._known.pop(name, None)
        self._wrong.discard(name)

    def is_wrong(self, name: AppName) -> bool:
        """Whether what the journal has of the application could not be corrected yet."""
        return name in self._wrong

    async def take(self, specs: Mapping[AppName, AppSpec], deleted: Collection[AppName]) -> None:
        """These are the applications of the configuration; those that are `deleted` have other records."""
        before, self._specs = self._specs, specs
        async with anyio.create_task_group() as tasks:
            for number, (name, spec) in enumerate(specs.items()):
                if number % _BREATH == 0:
                    await anyio.lowlevel.checkpoint()
                if name not in deleted and before.get(name) != spec and self._due(name) is not None:
                    await self._writing.acquire_on_behalf_of(name)
                    tasks.start_soon(self._write, name)

    async def put_right(self, name: AppName) -> None:
        """Let the journal have of this application what it shall have."""
        self._wrong.discard(name)
        due = self._due(name)
        if due is None:
            return
        try:
            await self._journal.save_deletion(due)
        except StoreError:  # the store's own trouble is told elsewhere
            self._wrong.add(name)
            self._later(name, _AGAIN_SECONDS)
            return
        self._known[name] = due

    async def _write(self, name: AppName) -> None:
        try:
            await self.put_right(name)
        finally:
            self._writing.release_on_behalf_of(name)

    def _due(self, name: AppName) -> Deletion | None:
        """What the journal shall have of the application; None if it has that."""
        spec, known = self._specs.get(name), self._known.get(name)
        if spec is None or (known is None and not cascade_of(spec.finalizers)):
            return None
        due = armed(spec, self._clock.now())
        return None if known is not None and same_arm(known, due) else due
