"""Waiting for an application's next reconciliation, or for anything that happens to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import anyio

from gitopsd.core.events import AppRemoved, Event, OperationEnded, Reconciled, StatusChanged
from gitopsd.core.ids import AppName
from gitopsd.core.operation import Operation, Phase
from gitopsd.ports.clock import Clock

_MOST_ASKED: Final = 256


class Waiter:
    """Somebody who waits for a reconciliation of one application that begins after `since` (monotonic seconds)."""

    def __init__(self, since: float) -> None:
        self.since = since
        self._over = anyio.Event()

    def finish(self) -> None:
        """It happened."""
        self._over.set()

    async def wait(self, seconds: float) -> bool:
        """Whether it happened within `seconds`."""
        with anyio.move_on_after(seconds):
            await self._over.wait()
        return self._over.is_set()


class Reconciliations:
    """Subscribe `on_event` to the bus; costs nothing while nobody waits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiters: dict[AppName, set[Waiter]] = {}
        self._lookers: dict[AppName, set[anyio.Event]] = {}
        self._ended: dict[AppName, Operation] = {}
        self._asked: dict[tuple[AppName, str], Operation] = {}
        self._queued: set[AppName] = set()
        self._begun: dict[AppName, Operation] = {}

    def on_event(self, event: Event) -> None:
        """Wake those whose reconciliation ended, or whose application is gone or has another status.

        A reconciliation that looked at the cluster alone does not count as one: it may know an older commit.
        """
        match event:
            case StatusChanged():
                self._look_again(event.spec.name)
            case OperationEnded():
                self._ended[event.spec.name] = event.operation
                self._keep(event.spec.name, event.operation)
                self._look_again(event.spec.name)
            case Reconciled():
                self._begun.pop(event.spec.name, None)
                if event.spec.name in self._queued:
                    self._queued.discard(event.spec.name)
                    self._look_again(event.spec.name)
                waiters = self._waiters.get(event.spec.name)
                if waiters and event.fresh:
                    for waiter in waiters:
                        if event.began >= waiter.since:
                            waiter.finish()
            case AppRemoved():
                self._ended.pop(event.name, None)
                self._begun.pop(event.name, None)
                self._queued.discard(event.name)
                self._look_again(event.name)
                for waiter in self._waiters.get(event.name, ()):
                    waiter.finish()
            case _:
                pass

    @contextmanager
    def awaited(self, name: AppName) -> Iterator[Waiter]:
        """A waiter for a reconciliation of `name` that begins from now on."""
        waiter = Waiter(self._clock.monotonic())
        self._waiters.setdefault(name, set()).add(waiter)
        try:
            yield waiter
        finally:
            waiters = self._waiters[name]
            waiters.discard(waiter)
            if not waiters:
                del self._waiters[name]

    @contextmanager
    def changed(self, name: AppName) -> Iterator[anyio.Event]:
        """An event that is set when something happens to `name` from now on."""
        event = anyio.Event()
        self._lookers.setdefault(name, set()).add(event)
        try:
            yield event
        finally:
            lookers = self._lookers[name]
            lookers.discard(event)
            if not lookers:
                del self._lookers[name]

    def ended(self, name: AppName) -> Operation | None:
        """The operation of `name` that ended last, of those since the start."""
        return self._ended.get(name)

    def asked(self, name: AppName, operation: str) -> Operation | None:
        """The operation of `name` with this id, if somebody asked for it and it ended not long ago."""
        return self._asked.get((name, operation))

    def begin(self, name: AppName, operation: Operation) -> None:
        """Whoever asked was told that this began: so is whoever looks, before the pass that began it shows a status."""
        if operation.phase not in (Phase.PENDING, *(phase for phase in Phase if phase.done)):
            self._begun[name] = operation

    def taken_back(self, name: AppName) -> None:
        """What waited for its turn does so no more: whoever looks is told."""
        self._look_again(name)

    def queued(self, name: AppName) -> None:
        """Something of `name` waits for its turn: whoever looks is told of the pass in which that comes."""
        self._queued.add(name)

    def under_way(self, name: AppName, shown: Operation | None) -> Operation | None:
        """What `name` does: the operation that its status shows, or one that began since."""
        begun = self._begun.get(name)
        if begun is None or (shown is not None and shown.started_at >= begun.started_at):
            return shown
        ended = self._ended.get(name)
        return ended if ended is not None and ended.id == begun.id else begun

    @property
    def lookers(self) -> int:
        """How many wait for something to happen to an application."""
        return sum(len(events) for events in self._lookers.values())

    def looked_at(self, name: AppName) -> bool:
        """Whether somebody waits for something to happen to `name`."""
        return name in self._lookers

    def _keep(self, name: AppName, operation: Operation) -> None:
        """Who asked for it may look after others ended too."""
        if operation.request.automated:
            return
        self._asked.pop((name, operation.id), None)
        self._asked[name, operation.id] = operation
        while len(self._asked) > _MOST_ASKED:
            del self._asked[next(iter(self._asked))]

    def _look_again(self, name: AppName) -> None:
        for looker in self._lookers.get(name, ()):
            looker.set()
