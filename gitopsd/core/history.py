"""What was deployed before, and what an application is held at.

Source: https://argo-cd.readthedocs.io/en/stable/user-guide/app_deletion/ for cascades, and the `history` and
`revisionHistoryLimit` fields of Argo CD's `Application`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from gitopsd.core.app import Source
from gitopsd.core.ids import ObjectKey
from gitopsd.core.operation import HookId, HookRun, Operation


@dataclass(frozen=True, slots=True)
class RevisionInfo:
    """Who made a revision, when, and the first line of what was said of it; all empty where the source cannot tell."""

    author: str = ""
    date: datetime | None = None
    message: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One successful sync (Argo CD's `status.history[]`). `id` counts up within the application, from 0.

    `revisions` and `sources` go together, in order. `manifests` names the stored objects and hooks (`ports.journal`).
    `healthy_at` is when the application was first Healthy with it; None: never so far. `rollback_of` is the id of the
    entry that a rollback brought back.
    """

    id: int
    revisions: tuple[str, ...]
    sources: tuple[Source, ...]
    digest: str
    manifests: str
    started_at: datetime
    deployed_at: datetime
    initiated_by: str = ""
    automated: bool = False
    healthy_at: datetime | None = None
    rollback_of: int | None = None
    infos: tuple[RevisionInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class Pin:
    """An application is held at a history entry until somebody unpins it, or a newer commit changes what git wants.

    `held_against` is the digest of what git wanted when it was pinned ("" if that was not known): the pin ends when git
    wants something else. `manifests` as in `HistoryEntry`.
    """

    entry: int
    manifests: str
    digest: str
    held_against: str
    since: datetime
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """What is remembered of one application: its history (oldest first) and pin.

    `counted` is at least how many entries there ever were: an id is not used again when its entry was trimmed.
    """

    entries: tuple[HistoryEntry, ...] = ()
    pin: Pin | None = None
    counted: int = 0

    def find(self, entry: int) -> HistoryEntry | None:
        """The entry with this id."""
        return next((item for item in self.entries if item.id == entry), None)

    def healthy_before(self, digest: str) -> HistoryEntry | None:
        """The newest entry that was Healthy, with other objects than those of `digest`."""
        return next((item for item in reversed(self.entries) if item.healthy_at and item.digest != digest), None)

    @property
    def next_id(self) -> int:
        """The id of the next entry."""
        return max(self.counted, self.entries[-1].id + 1) if self.entries else self.counted


NOTHING_PAST = Past()
"""An application that was never synced."""


def deployed(past: Past, entry: HistoryEntry, limit: int, *, goes_back: bool = False) -> Past:
    """`past` after one more successful sync. The entry's id becomes the next one, whatever it was.

    `limit` is `revisionHistoryLimit`: as many entries stay at most, the newest; with 0 or less none does. A pin stays.
    Where the application `goes_back` by itself, the newest entry stays in any case, and what it would go back to.
    """
    added = replace(entry, id=past.next_id)
    return trimmed(replace(past, entries=(*past.entries, added), counted=added.id + 1), limit, goes_back=goes_back)


def trimmed(past: Past, limit: int, *, goes_back: bool = False) -> Past:
    """`past` with as many entries as it may have; the arguments as in `deployed`."""
    stay = {item.id for item in past.entries[-limit:]} if limit > 0 else set()
    if goes_back and past.entries:
        newest = past.entries[-1]
        good = past.healthy_before(newest.digest)
        stay |= {newest.id} | ({good.id} if good is not None else set())
    return replace(past, entries=tuple(item for item in past.entries if item.id in stay))


def limited(limit: int) -> str:
    """Why there is little to go back to; "" if `revisionHistoryLimit` is not the reason."""
    return f"for its revisionHistoryLimit is {limit}" if limit <= 1 else ""


def confirms(past: Past, operation: Operation) -> bool:
    """Whether a sync that succeeded left what the newest entry says: it is no entry of its own."""
    newest = past.entries[-1] if past.entries else None
    return newest is not None and (newest.digest, newest.revisions) == (operation.digest, operation.revisions)


def pinned_entry(past: Past) -> HistoryEntry | None:
    """The entry that it is held at; where that was trimmed, the newest one that deployed the same."""
    if past.pin is None:
        return None
    pin = past.pin
    same = (item for item in reversed(past.entries) if item.digest == pin.digest)
    return past.find(pin.entry) or next(same, None)


def healthy(past: Past, digest: str, at: datetime) -> Past:
    """`past` once the application is Healthy with `digest` deployed. Only the first time counts, and only of the newest
    entry; `past` itself if that changes nothing.
    """
    if not past.entries or past.entries[-1].digest != digest or past.entries[-1].healthy_at is not None:
        return past
    return replace(past, entries=(*past.entries[:-1], replace(past.entries[-1], healthy_at=at)))


def pinned(
    past: Past, entry: HistoryEntry, *, held_against: str, since: datetime, by: str = "", reason: str = ""
) -> Past:
    """`past` with the application held at `entry`; a pin before is replaced. The other arguments as in `Pin`."""
    pin = Pin(entry.id, entry.manifests, entry.digest, held_against, since, by, reason)
    return replace(past, pin=pin)


def unpinned(past: Past) -> Past:
    """`past` with the application following git again; `past` itself if it does."""
    return replace(past, pin=None) if past.pin is not None else past


class DeletionPhase(enum.StrEnum):
    """How far a deletion came; the phases follow one another in this order, `Held` left out in most."""

    NONE = ""
    """Nothing is to be deleted, come what may."""
    ARMED = "Armed"
    """The application is there; should its entry leave the configuration, its objects go (it has a finalizer)."""
    HELD = "Held"
    """Very many applications left the configuration at once: somebody has to confirm that this was meant."""
    WAITING = "Waiting"
    """For those that depend on it to be gone, and for the confirmation that some of its objects want."""
    PRE_DELETE = "PreDelete"
    DELETING = "Deleting"
    POST_DELETE = "PostDelete"
    DELETED = "Deleted"


_NO_LABELS: Mapping[str, str] = {}
_NO_HOOKS: Mapping[HookId, HookRun] = {}


@dataclass(frozen=True, slots=True)
class Deletion:
    """An application that is being deleted, or whose objects were: as much of it as a restart needs to go on.

    `cascade` is `foreground`, `background` or `orphan`; `removed`: its entry left the configuration (else it was asked
    for, and the application rests until its entry changes: `spec_digest`). `manifests` names the stored hooks.
    `id` is on the hooks that it makes, with `attempt` behind it: a failure is tried again. `hooks` are those that
    began. `details` is what is needed of the application itself (`core.deletion_record`). `kept` are the objects that
    stay, each with the reason. `error` is why it does not go on ("" if it does), `message` how it stands, `left` which
    objects there are yet (None: nobody has looked since the start, or they do not go); these three are not journalled.
    """

    app: str
    cascade: str
    began: datetime
    id: str = ""
    phase: DeletionPhase = DeletionPhase.WAITING
    by: str = ""
    removed: bool = False
    spec_digest: str = ""
    manifests: str = ""
    confirmed: bool = False
    attempt: int = 0
    hooks: Mapping[HookId, HookRun] = field(default_factory=lambda: _NO_HOOKS)
    kept: Mapping[str, str] = field(default_factory=lambda: _NO_LABELS)
    message: str = ""
    error: str = ""
    details: Mapping[str, str] = field(default_factory=lambda: _NO_LABELS)
    left: frozenset[ObjectKey] | None = None

    @property
    def under_way(self) -> bool:
        """Whether it has still to do something, or to wait for somebody."""
        return self.phase not in (DeletionPhase.NONE, DeletionPhase.ARMED, DeletionPhase.DELETED)

    @property
    def done(self) -> bool:
        """Whether it is over."""
        return self.phase is DeletionPhase.DELETED
