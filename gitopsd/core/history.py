"""What was deployed before, and what an application is held at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gitopsd.core.app import Source


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
    """What is remembered of one application: its history (oldest first) and pin."""

    entries: tuple[HistoryEntry, ...] = ()
    pin: Pin | None = None

    def find(self, entry: int) -> HistoryEntry | None:
        """The entry with this id."""
        return next((item for item in self.entries if item.id == entry), None)

    @property
    def next_id(self) -> int:
        """The id of the next entry."""
        return self.entries[-1].id + 1 if self.entries else 0


NOTHING_PAST = Past()
"""An application that was never synced."""

Labels = Mapping[str, str]
_NONE: Labels = {}


@dataclass(frozen=True, slots=True)
class Deletion:
    """An application that is being deleted, or whose objects were: as much of it as a restart needs to go on.

    `cascade` is `foreground`, `background` or `orphan`; `removed`: its entry left the configuration (else it was asked
    for, and the application rests until its entry changes: `spec_digest`). `manifests` names the stored hooks.
    `stage` counts the steps that are done (`core.deletion`).
    """

    app: str
    cascade: str
    began: datetime
    by: str = ""
    removed: bool = False
    spec_digest: str = ""
    manifests: str = ""
    stage: int = 0
    done: bool = False
    message: str = ""
    details: Labels = field(default_factory=lambda: _NONE)
