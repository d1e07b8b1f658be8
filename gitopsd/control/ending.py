"""What is kept of an operation that is over."""

from __future__ import annotations

from datetime import datetime

from gitopsd.control.application import Application
from gitopsd.control.ground import Ground
from gitopsd.control.revision_infos import infos
from gitopsd.control.view import View
from gitopsd.core.errors import StoreError
from gitopsd.core.history import HistoryEntry, RevisionInfo, deployed
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
        past = None
        if remembered:
            manifests = operation.manifests or await journal.keep(name, view.wanted)
            told = await infos(ground.adapters.describe, app.spec.sources, operation.revisions)
            entry = _entry(app, operation, manifests, ground.adapters.clock.now(), told)
            past = deployed(await journal.past(name), entry, app.spec.revision_history_limit)
        await journal.end(name, operation, past)
    except StoreError as error:
        ground.adapters.on_store_trouble(error)
        return
    if past is not None:
        app.past, app.trying, app.healthy_with = past, None, ""


def _entry(
    app: Application, operation: Operation, manifests: str, now: datetime, told: tuple[RevisionInfo, ...]
) -> HistoryEntry:
    request = operation.request
    return HistoryEntry(
        id=0,
        revisions=operation.revisions,
        sources=app.spec.sources,
        digest=operation.digest,
        manifests=manifests,
        started_at=operation.started_at,
        deployed_at=now,
        initiated_by=request.initiated_by,
        automated=request.automated,
        rollback_of=request.history,
        infos=told,
    )
