"""What becomes of a sync after its end: its history entry learns that it was Healthy, or the application goes back."""

from __future__ import annotations

from gitopsd.control.adapters import Adapters
from gitopsd.control.application import Application
from gitopsd.core.appstatus import AppStatus, SyncCode
from gitopsd.core.errors import StoreError
from gitopsd.core.health.status import HealthStatus
from gitopsd.core.history import healthy


async def note_health(app: Application, status: AppStatus, adapters: Adapters) -> None:
    """Keep with the newest history entry that the application was Healthy with it; asked once for each."""
    operation = app.operation
    if status.health.status is not HealthStatus.HEALTHY or status.sync is not SyncCode.SYNCED:
        return
    digest = app.comparison.digest
    if app.healthy_with == digest or (operation is not None and not operation.phase.done):
        return
    try:
        past = app.past or await adapters.journal.past(app.spec.name)
        noted = healthy(past, digest, adapters.clock.now())
        if noted is not past:
            await adapters.journal.save_past(app.spec.name, noted)
    except StoreError as error:
        adapters.on_store_trouble(error)
        return
    app.past = noted
    app.healthy_with = digest
