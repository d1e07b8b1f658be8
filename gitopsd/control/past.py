"""What becomes of a sync after its end: its history entry learns that it was Healthy, or the application goes back."""

from __future__ import annotations

from dataclasses import replace

from gitopsd.control.adapters import Adapters
from gitopsd.control.application import Application
from gitopsd.control.asking import AskedSync
from gitopsd.core.appstatus import AppStatus, SyncCode
from gitopsd.core.autorollback import Turn, auto_rollback, told
from gitopsd.core.errors import StoreError
from gitopsd.core.health.status import HealthStatus
from gitopsd.core.history import healthy, pinned
from gitopsd.core.syncrequest import AUTOMATED
from gitopsd.ports.journal import Journal


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


async def hold_as_before(app: Application, journal: Journal) -> None:
    """A rollback was refused: the application is held as it was before, unless somebody pinned it anew. Raises
    `StoreError`.
    """
    refused = app.refused
    if refused is None:
        return
    past = await journal.past(app.spec.name)
    if past.pin == refused.pin:
        await journal.save_past(app.spec.name, replace(past, pin=refused.before))
    app.refused = None


async def go_back(app: Application, status: AppStatus, adapters: Adapters) -> AppStatus:
    """Pin the application to what was Healthy before, where its policy says so and its time is over; `status` with what
    there is to be told of it.
    """
    policy = app.spec.sync_policy.auto_rollback
    if policy is None or app.pin is not None:
        return status
    try:
        past = app.past = app.past or await adapters.journal.past(app.spec.name)
        now = adapters.clock.now()
        decision = auto_rollback(policy, past, status.health.status, now, app.trying)
        if decision.turn is Turn.WAIT:
            app.look_again = min(app.look_again or decision.until, decision.until) if decision.until else None
        if decision.turn is not Turn.BACK or decision.entry is None:
            return told(status, decision)
        held_against = app.desired.digest if app.desired is not None else ""
        past = pinned(
            past, decision.entry, held_against=held_against, since=now, by="autoRollback", reason=decision.reason
        )
        await adapters.journal.save_past(app.spec.name, past)
    except StoreError as error:
        adapters.on_store_trouble(error)
        return status
    app.past, app.pin, app.held, app.trying = past, past.pin, None, None
    request = replace(AUTOMATED, initiated_by="autoRollback", history=decision.entry.id)
    app.asked_syncs.append(AskedSync(request))
    return status
