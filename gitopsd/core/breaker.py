"""Stops automated syncs of a cluster when they go wrong for many applications at once.

Two gates. The one for prunes opens when automated syncs together are about to prune much of what is managed, and closes
when they want less, or when somebody says that they may. The one for failures opens when the syncs of many applications
fail; then one application tries from time to time, and it closes when that works. Syncs that somebody asks for are not
asked about here. State machines without a clock: moments are seconds of the monotonic clock, none before the last.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from gitopsd.core.ids import AppName

_LONGEST_WAIT: Final = 10
"""Of an application that waits for its turn to try, in intervals between two tries."""
NOBODY: Final[tuple[AppName, ...]] = ()


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When it opens. `within` (seconds) is the time over which is counted.

    For prunes: when automated syncs of two applications at least prune more than `prune_share` (0 to 1) of a cluster's
    managed objects, and `prune_objects` at least. For failures: when the last sync of `failed_apps` at least failed,
    and of more than `failed_share` of the applications that were synced. `probe_seconds`: how often one may try.
    """

    within: float = 600.0
    prune_share: float = 0.2
    prune_objects: int = 50
    failed_share: float = 0.5
    failed_apps: int = 10
    probe_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Leave:
    """Whether an automated sync may begin (`reason` is why not: one sentence); `again` is after how many seconds to ask
    again. `probe`: it tries whether syncs work again. `woken` are others that waited and may be looked at again now.
    """

    granted: bool = True
    reason: str = ""
    again: float = 0.0
    probe: bool = False
    woken: tuple[AppName, ...] = ()


GRANTED: Final = Leave()


class PruneGate:
    """Counts what automated syncs prune: what they want to (the last that each application said) and have pruned."""

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._wanted: OrderedDict[AppName, tuple[float, int]] = OrderedDict()
        self._wanted_total = 0
        self._done: deque[tuple[float, AppName, int]] = deque()
        self._done_total = 0
        self._managed = 0
        self._confirmed: set[AppName] = set()
        self.reason = ""

    @property
    def open(self) -> bool:
        """Whether prunes are stopped."""
        return bool(self.reason)

    def wants(self, app: AppName, prunes: int, managed: int, now: float) -> bool:
        """Whether a sync may prune so many of the cluster's `managed` objects."""
        self._managed = managed
        self._drop(app)
        self._expire(now)
        if prunes:
            self._wanted[app] = now, prunes
            self._wanted_total += prunes
        if app in self._confirmed:
            self._confirmed.discard(app)
            self._drop(app)
            return True
        if not self._excessive():
            self.reason = ""
        elif prunes and not self.open:
            total = self._wanted_total + self._done_total
            self.reason = (
                f"automated syncs would prune {total} of the {managed + self._done_total} objects that are managed in"
                f" the cluster (limit: {self._settings.prune_share:.0%}, sync.circuitBreaker)"
            )
        return not prunes or not self.open

    def ended(self, app: AppName, now: float, *, succeeded: bool) -> None:
        """A sync that was let through is over."""
        _, prunes = self._wanted.get(app, (now, 0))
        if prunes and succeeded:
            self._drop(app)
            self._done.append((now, app, prunes))
            self._done_total += prunes

    def settled(self, app: AppName) -> None:
        """The application wants to prune nothing (any more)."""
        self._drop(app)
        if not self._wanted or not self._excessive():
            self.reason = ""

    def reset(self, confirmed: AppName | None = None) -> None:
        """Count anew: somebody says that it may be pruned. The application of which it was said prunes whatever others,
        who count anew, do before it.
        """
        self._confirmed = {confirmed} if confirmed is not None else set()
        self._wanted.clear()
        self._done.clear()
        self._wanted_total = self._done_total = 0
        self.reason = ""

    def _excessive(self) -> bool:
        total = self._wanted_total + self._done_total
        if total < self._settings.prune_objects:
            return False
        apps = chain(self._wanted, (app for _, app, _ in self._done))
        first = next(apps)
        limit = self._settings.prune_share * (self._managed + self._done_total)
        return total > limit and any(app != first for app in apps)

    def _drop(self, app: AppName) -> None:
        _, prunes = self._wanted.pop(app, (0.0, 0))
        self._wanted_total -= prunes

    def _expire(self, now: float) -> None:
        # One that waits asks again within the time: nobody wants what was not asked for in twice of it.
        while self._wanted and (oldest := next(iter(self._wanted.items())))[1][0] < now - 2 * self._settings.within:
            self._drop(oldest[0])
        # What was pruned before it opened counts until it closes, or the rest would go after a while.
        while self._done and not self.open and self._done[0][0] < now - self._settings.within:
            self._done_total -= self._done.popleft()[2]


class FailureGate:
    """Remembers how the last sync of each application ended."""

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._last: OrderedDict[AppName, tuple[float, bool]] = OrderedDict()
        self._failed = 0
        self._probe: AppName | None = None
        self._next_probe = 0.0
        self._next_turn = 0.0
        self.reason = ""

    @property
    def open(self) -> bool:
        """Whether automated syncs are stopped."""
        return bool(self.reason)

    def may(self, app: AppName, now: float) -> Leave:
        """Whether a sync may begin. While it is open one may at a time; the same one again only if no other asks."""
        if not self.open:
            return GRANTED
        again_for_the_same = self._settings.probe_seconds if app == self._probe else 0.0
        if now >= self._next_probe + again_for_the_same:
            self._probe, self._next_probe = app, now + self._settings.probe_seconds
            return Leave(probe=True)
        self._next_turn = max(self._next_turn, self._next_probe) + again_for_the_same
        again = min(self._next_turn - now, _LONGEST_WAIT * self._settings.probe_seconds)
        self._next_turn += self._settings.probe_seconds
        return Leave(granted=False, reason=self.reason, again=again)

    def ended(self, app: AppName, now: float, *, succeeded: bool, automated: bool) -> None:
        """A sync is over. Open, it closes when the one that tries succeeds, or one that somebody asked for."""
        if self.open and succeeded and (app == self._probe or not automated):
            self.reset()
        self.forget(app)
        while self._last and (oldest := next(iter(self._last.items())))[1][0] < now - self._settings.within:
            self.forget(oldest[0])
        self._last[app] = now, succeeded
        self._failed += not succeeded
        if self.open:
            if app == self._probe:
                self._next_probe = self._next_turn = now + self._settings.probe_seconds
        elif self._failed >= self._settings.failed_apps and self._failed > self._settings.failed_share * len(
            self._last
        ):
            self._probe, self._next_probe = None, now + self._settings.probe_seconds
            self._next_turn = self._next_probe
            self.reason = (
                f"the last sync of {self._failed} of {len(self._last)} applications failed in the cluster"
                f" (limit: {self._settings.failed_share:.0%}, sync.circuitBreaker); one at a time tries again"
            )

    def forget(self, app: AppName) -> None:
        """Its last sync does not count any more."""
        before = self._last.pop(app, None)
        self._failed -= before is not None and not before[1]

    def reset(self) -> None:
        """Count anew."""
        self._last.clear()
        self._failed, self._probe, self.reason = 0, None, ""


class Breaker:
    """Both gates of one cluster. Keeps one entry for each application, and for each sync of `within` that pruned.

    What returns names gives those applications that waited and may be looked at again now.
    """

    def __init__(self, settings: BreakerSettings) -> None:
        self._within = settings.within
        self._prunes = PruneGate(settings)
        self._failures = FailureGate(settings)
        self._waiting: dict[AppName, None] = {}

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why automated syncs wait, each gate's as a sentence; empty if none does."""
        return tuple(reason for reason in (self._prunes.reason, self._failures.reason) if reason)

    def ask(self, app: AppName, prunes: int, managed: int, now: float) -> Leave:
        """Before an automated sync: may it begin that prunes so many of the `managed` objects of the cluster?"""
        before = self.reasons
        if self._prunes.wants(app, prunes, managed, now):
            leave = self._failures.may(app, now)
        else:
            leave = Leave(granted=False, reason=self._prunes.reason, again=self._within)
        self._waiting.pop(app, None)
        woken = self._woken(before)
        if not leave.granted:
            self._waiting[app] = None
        return replace(leave, woken=woken) if woken else leave

    def ended(self, app: AppName, now: float, *, succeeded: bool, automated: bool = True) -> tuple[AppName, ...]:
        """A sync of the application is over."""
        before = self.reasons
        if automated:
            self._prunes.ended(app, now, succeeded=succeeded)
        elif succeeded:
            self._prunes.settled(app)
        self._failures.ended(app, now, succeeded=succeeded, automated=automated)
        return self._woken(before)

    def settled(self, app: AppName) -> tuple[AppName, ...]:
        """The application has nothing to sync, or is there no more."""
        before = self.reasons
        self._waiting.pop(app, None)
        self._prunes.settled(app)
        return self._woken(before)

    def forget(self, app: AppName) -> tuple[AppName, ...]:
        """The application is there no more."""
        self._failures.forget(app)
        return self.settled(app)

    def reset(self, confirmed: AppName | None = None) -> tuple[AppName, ...]:
        """Somebody says that all may go on, and one of them (`confirmed`) in any case."""
        before = self.reasons
        self._prunes.reset(confirmed)
        self._failures.reset()
        return self._woken(before)

    def _woken(self, before: tuple[str, ...]) -> tuple[AppName, ...]:
        """Whoever waits, if a gate closed."""
        if len(self.reasons) >= len(before):
            return NOBODY
        woken = tuple(self._waiting)
        self._waiting.clear()
        return woken
