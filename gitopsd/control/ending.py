"""What is kept of an operation that is over."""

from __future__ import annotations

from datetime import datetime

from gitopsd.control.ground import Ground
from gitopsd.control.revision_infos import infos
from gitopsd.control.view import View
from gitopsd.core.app import Source
from gitopsd.core.errors import StoreError
from gitopsd.core.history import HistoryEntry, Past, RevisionInfo, confirms, deployed, pinned_entry, trimmed
from gitopsd.core.operation import Operation, Phase


async def end(ground: Ground, operation: Operation, view: View) -> None:
    """Keep what came of it. A state that cannot be written costs its entry in the history, and is told by the store."""
    app, journal = ground.app, ground.adapters.journal
    app.operation, app.terminate = None, ""  # who comes to terminate it is too late, and does not mean the next one
    name = app.spec.name
    kept = bool(operation.manifests)
    remembered = operation.phase is Phase.SUCCEEDED and not operation.self_heal and not operation.request.selective
    if not kept and not remembered:
        return
    try:
        past = await _past(ground, operation, view) if remembered else None
        await journal.end(name, operation, past)
    except StoreError as error:
        ground.adapters.on_store_trouble(error)
        return
    if past is not None:
        app.past, app.trying, app.healthy_with = past, None, ""


async def _past(ground: Ground, operation: Operation, view: View) -> Past:
    """The history after a sync that succeeded: with one more entry, unless it left what the newest one did."""
    app, journal = ground.app, ground.adapters.journal
    past = await journal.past(app.spec.name)
    limit = app.spec.revision_history_limit
    goes_back = app.spec.sync_policy.auto_rollback is not None
    if confirms(past, operation):
        return trimmed(past, limit, goes_back=goes_back)
    manifests = operation.manifests or await journal.keep(app.spec.name, view.wanted)
    held = pinned_entry(past)
    if held is not None and held.digest == operation.digest:
        entry = _entry(held.sources, operation, manifests, ground.adapters.clock.now(), held.infos)
    else:
        told = await infos(ground.adapters.describe, app.spec.sources, operation.revisions)
        entry = _entry(app.spec.sources, operation, manifests, ground.adapters.clock.now(), told)
    return deployed(past, entry, limit, goes_back=goes_back)


def _entry(
    sources: tuple[Source, ...], operation: Operation, manifests: str, now: datetime, told: tuple[RevisionInfo, ...]
) -> HistoryEntry:
    request = operation.request
    return HistoryEntry(
        id=0,
        revisions=operation.revisions,
        sources=sources,
        digest=operation.digest,
        manifests=manifests,
        started_at=operation.started_at,
        deployed_at=now,
        initiated_by=request.initiated_by,
        automated=request.automated,
        rollback_of=request.history,
        infos=told,
    )
