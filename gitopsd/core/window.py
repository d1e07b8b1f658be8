"""Sync windows: when applications may be synced, and when not (Argo CD's `AppProject.spec.syncWindows`).

Source: https://argo-cd.readthedocs.io/en/stable/user-guide/sync_windows/. All moments are in UTC.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final

from gitopsd.core.app import AppSpec

_MOST_OVERLAPS: Final = 16

Start = Callable[[datetime], datetime | None]
"""From a moment to a start of a schedule; None if there is none."""


class WindowKind(enum.StrEnum):
    """Whether syncs may happen only while it is open, or not while it is."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class SyncWindow:
    """One window: it opens as `schedule` (five fields of cron) says in `time_zone`, for `seconds`.

    It means the applications that one of the lists of globs fits (name, destination's namespace, destination's
    cluster by name or URL); with `and_operator` all that are not empty have to. `manual_sync`: syncs that somebody asks
    for are not held back by it. `sync_overrun`: a sync that is under way may go on.
    """

    kind: WindowKind
    schedule: str
    seconds: float
    time_zone: str = "UTC"
    applications: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    and_operator: bool = False
    manual_sync: bool = False
    sync_overrun: bool = False
    description: str = ""

    def fits(self, spec: AppSpec, *cluster: str) -> bool:
        """Whether it means the application, whose cluster has these names (its URL, its name)."""
        written = {spec.destination.server, spec.destination.name, *cluster} - {""}
        lists = (
            (self.applications, {spec.name}),
            (self.namespaces, {spec.destination.namespace}),
            (self.clusters, written),
        )
        found = [_any(globs, names) for globs, names in lists if globs]
        return bool(found) and (all(found) if self.and_operator else any(found))

    def __str__(self) -> str:
        name = f" {self.description!r}" if self.description else ""
        return f"{self.kind} window{name} ({self.schedule} for {_length(self.seconds)}, {self.time_zone})"


@dataclass(frozen=True, slots=True)
class WindowState:
    """A window at a moment. `active` since its start at `since` until `until` (None: no end in sight); else it opens
    at `opens` (None: never). It has to be looked at again at `again` (None: never).
    """

    window: SyncWindow
    active: bool
    since: datetime | None = None
    until: datetime | None = None
    opens: datetime | None = None
    again: datetime | None = None


@dataclass(frozen=True, slots=True)
class WindowVerdict:
    """Whether an `automated` or a `manual` sync may begin, and whether an automated one that is under way may go on
    (`overrun`). `reason` is one sentence, "" if all may; it may be another one at `again` (None: never).
    """

    automated: bool = True
    manual: bool = True
    overrun: bool = True
    reason: str = ""
    again: datetime | None = None

    def begins(self, *, automated: bool) -> bool:
        """Whether a sync may begin."""
        return self.automated if automated else self.manual

    def goes_on(self, *, automated: bool) -> bool:
        """Whether a sync that is under way may do its next step."""
        return self.overrun or self.begins(automated=automated)


ANYTIME: Final = WindowVerdict()
"""No window means the application."""


def opening(window: SyncWindow, now: datetime, last: Start, following: Start) -> WindowState:
    """The window at `now`. `last` gives the last start at a moment or before it, `following` the first one after it.

    A window lasts its duration whatever the clocks do, and goes on where it opens again before it closes.
    """
    length = timedelta(seconds=window.seconds)
    since = last(now)
    if since is None or now >= since + length:
        opens = following(now)
        return WindowState(window, False, opens=opens, again=opens)
    until = since + length
    for _ in range(_MOST_OVERLAPS):
        later = last(until)
        if later is None or later + length <= until:
            return WindowState(window, True, since=since, until=until, again=until)
        until = later + length
    return WindowState(window, True, since=since, again=until)


def judge(states: Sequence[WindowState]) -> WindowVerdict:
    """What the windows of one application say together.

    An open deny window holds syncs back; so do allow windows of which none is open. Manual syncs and overrun have to be
    allowed by all windows that hold back.
    """
    again = min((state.again for state in states if state.again is not None), default=None)
    denying = [state for state in states if state.active and state.window.kind is WindowKind.DENY]
    allowing = [state for state in states if state.window.kind is WindowKind.ALLOW]
    if denying:
        blocking, reason = denying, _denied(denying)
    elif allowing and not any(state.active for state in allowing):
        blocking, reason = allowing, _closed(allowing)
    else:
        return WindowVerdict(again=again)
    return WindowVerdict(
        automated=False,
        manual=all(state.window.manual_sync for state in blocking),
        overrun=all(state.window.sync_overrun for state in blocking),
        reason=reason,
        again=again,
    )


def _any(globs: Iterable[str], names: Iterable[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs for name in names)


def _denied(states: Sequence[WindowState]) -> str:
    longest = max(states, key=lambda state: (state.until is None, state.until or state.since))
    until = f"until {_shown(longest.until)}" if longest.until is not None else "without an end in sight"
    return f"a {longest.window} is open {until}"


def _closed(states: Sequence[WindowState]) -> str:
    coming = [(state.opens, state.window) for state in states if state.opens is not None]
    if not coming:
        return f"the {states[0].window} is not open, and never opens"
    opens, window = min(coming, key=lambda item: item[0])
    return f"no allow window is open; the {window} opens at {_shown(opens)}"


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _length(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", f"{rest:g}s" if rest else ""]
    return "".join(parts) or "0s"
