"""What was deployed before, what an application is held at, and its deletion."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pydantic import Field

from gitopsd.core.history import Deletion, DeletionPhase, HistoryEntry, Past, Pin, RevisionInfo
from gitopsd.core.manifest import Desired, DesiredHook, DesiredObject
from gitopsd.core.mask import masked
from gitopsd.web.models.model import Model
from gitopsd.web.models.operation import HookResult
from gitopsd.web.models.source import SourceAnswer


class RevisionMetadata(Model):
    """Who made a revision, when, and the first line of what was said of it; empty where the source cannot tell."""

    author: str
    date: datetime | None
    message: str
    tags: tuple[str, ...]

    @classmethod
    def of(cls, info: RevisionInfo) -> RevisionMetadata:
        """From the core's value."""
        return cls(author=info.author, date=info.date, message=info.message, tags=info.tags)


class HistoryItem(Model):
    """One successful sync. `revisions`, `sources` and `infos` go together; `infos` may be empty."""

    id: int
    revisions: tuple[str, ...]
    sources: tuple[SourceAnswer, ...]
    infos: tuple[RevisionMetadata, ...]
    deploy_started_at: datetime
    deployed_at: datetime
    initiated_by: str
    automated: bool
    healthy_at: datetime | None = Field(description="when the application was first Healthy with it")
    rollback_of: int | None

    @classmethod
    def of(cls, entry: HistoryEntry) -> HistoryItem:
        """From the core's value."""
        return cls(
            id=entry.id,
            revisions=entry.revisions,
            sources=tuple(SourceAnswer.of(source) for source in entry.sources),
            infos=tuple(RevisionMetadata.of(info) for info in entry.infos),
            deploy_started_at=entry.started_at,
            deployed_at=entry.deployed_at,
            initiated_by=entry.initiated_by,
            automated=entry.automated,
            healthy_at=entry.healthy_at,
            rollback_of=entry.rollback_of,
        )


class PinAnswer(Model):
    """The history entry that an application is held at, until it is unpinned or git wants something else."""

    id: int
    since: datetime
    by: str
    reason: str

    @classmethod
    def of(cls, pin: Pin) -> PinAnswer:
        """From the core's value."""
        return cls(id=pin.entry, since=pin.since, by=pin.by, reason=pin.reason)


class History(Model):
    """Oldest first, as Argo CD's `status.history`."""

    items: tuple[HistoryItem, ...]
    pinned: PinAnswer | None
    limit: int = Field(description="revisionHistoryLimit; autoRollback keeps two entries in any case")

    @classmethod
    def of(cls, past: Past, limit: int) -> History:
        """From the core's values."""
        return cls(
            limit=limit,
            items=tuple(HistoryItem.of(entry) for entry in past.entries),
            pinned=PinAnswer.of(past.pin) if past.pin else None,
        )


class HistoryManifests(Model):
    """What a history entry deployed, as it was applied, Secrets masked."""

    id: int
    objects: tuple[dict[str, object], ...]
    hooks: tuple[dict[str, object], ...]

    @classmethod
    def of(cls, entry: int, desired: Desired, annotations: Collection[str]) -> HistoryManifests:
        """From the core's values; `annotations` are those whose values are not shown on any kind."""
        return cls(
            id=entry,
            objects=tuple(_shown(item, annotations) for item in desired.objects),
            hooks=tuple(_shown(item, annotations) for item in desired.hooks),
        )


class DeletionAnswer(Model):
    """An application whose objects are being deleted, or were."""

    cascade: str = Field(description="foreground, background or orphan (its objects stay)")
    phase: DeletionPhase
    began: datetime
    by: str
    removed: bool = Field(description="whether its entry left the configuration")
    confirmed: bool
    done: bool
    message: str = Field(description="how it stands, and what it waits for")
    error: str = Field(description='why it does not go on; "" if it does')
    hooks: tuple[HookResult, ...]
    kept: dict[str, str] = Field(description="objects that stay, each with the reason")

    @classmethod
    def of(cls, deletion: Deletion) -> DeletionAnswer:
        """From the core's value."""
        return cls(
            cascade=deletion.cascade,
            phase=deletion.phase,
            began=deletion.began,
            by=deletion.by,
            removed=deletion.removed,
            confirmed=deletion.confirmed,
            done=deletion.done,
            message=deletion.message,
            error=deletion.error,
            hooks=tuple(HookResult.of(item, run) for item, run in deletion.hooks.items()),
            kept=dict(deletion.kept),
        )

    @classmethod
    def begun(cls, deletion: Deletion | None) -> DeletionAnswer | None:
        """The same; None for one that has not begun."""
        return cls.of(deletion) if deletion is not None and (deletion.under_way or deletion.done) else None


def _shown(item: DesiredObject | DesiredHook, annotations: Collection[str]) -> dict[str, object]:
    document = item.object.document if isinstance(item, DesiredHook) else item.document
    return dict(masked([document.body()], annotations)[0])
