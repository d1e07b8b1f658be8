"""`run --once`: everything reconciled, and healthy or known not to be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import anyio

from gitopsd.core.appstatus import AppStatus
from gitopsd.core.events import Event, Reconciled, StatusChanged
from gitopsd.core.ids import AppName
from gitopsd.core.settled import GRACE_SECONDS, Settled, settled
from gitopsd.ports.clock import Clock

OnProgress = Callable[[Sequence[AppStatus]], None]


@dataclass(frozen=True, slots=True)
class OnceResult:
    """How all applications came to rest. `timed_out`: some had not when the time was over."""

    applications: tuple[AppStatus, ...]
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        """Whether all are Synced and Healthy."""
        return all(settled(status, 0.0) is Settled.GOOD for status in self.applications)


class Rest:
    """Waits until all `applications` have come to rest."""

    def __init__(self, applications: Callable[[], Iterable[AppStatus]], clock: Clock, on_progress: OnProgress) -> None:
        self._applications = applications
        self._clock = clock
        self._on_progress = on_progress
        self._changed_at: dict[AppName, float] = {}
        self._looked_at: set[AppName] = set()
        self._news = anyio.Event()

    def on_event(self, event: Event) -> None:
        """Subscribe this to the bus before the supervisor starts."""
        if isinstance(event, StatusChanged):
            before = event.previous
            if before is None or _outcome(before) != _outcome(event.status):
                self._changed_at[event.status.name] = self._clock.monotonic()
            self._news.set()
        elif isinstance(event, Reconciled) and event.fresh:
            self._looked_at.add(event.spec.name)
            self._news.set()

    async def wait(self, timeout: float) -> OnceResult:
        """At most `timeout` seconds."""
        with anyio.move_on_after(timeout):
            while not self._look():
                self._news = anyio.Event()
                with anyio.move_on_after(GRACE_SECONDS / 2):
                    await self._news.wait()
            return OnceResult(self._statuses())
        return OnceResult(self._statuses(), timed_out=True)

    def _statuses(self) -> tuple[AppStatus, ...]:
        return tuple(sorted(self._applications(), key=lambda status: status.name))

    def _look(self) -> bool:
        now = self._clock.monotonic()
        statuses = self._statuses()
        self._on_progress(statuses)
        return all(self._rests(status, now) for status in statuses)

    def _rests(self, status: AppStatus, now: float) -> bool:
        """What is only remembered of an application says nothing about now."""
        unchanged = now - self._changed_at.get(status.name, now)
        return status.name in self._looked_at and settled(status, unchanged) is not Settled.MOVING


def _outcome(status: AppStatus) -> tuple[object, ...]:
    """What a retry that fails as the one before leaves as it was."""
    return status.sync, status.health, status.conditions, status.revisions
