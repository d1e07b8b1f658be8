"""What the log says of what happens: one line for each thing, application and revision on it."""

from __future__ import annotations

import structlog

from gitopsd.core.appstatus import AppStatus, unknown_status
from gitopsd.core.deletion_record import ORPHAN
from gitopsd.core.events import AppRemoved, ConfigReloaded, Event, OperationEnded, Reconciled, StatusChanged
from gitopsd.core.health.status import HealthStatus
from gitopsd.core.ids import AppName
from gitopsd.core.operation import Phase
from gitopsd.core.origin import short_revision


class EventLog:
    """Writes the events of the bus to the log, application and revision on each line."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("gitopsd")
        self._deleted: set[AppName] = set()

    def on_event(self, event: Event) -> None:
        """One line, or none for what is only bookkeeping."""
        match event:
            case StatusChanged():
                self._note_deletion(event.status)
                self._status(event)
            case OperationEnded():
                self._operation(event)
            case AppRemoved():
                objects = "deleted" if event.name in self._deleted else "stay"
                self._deleted.discard(event.name)
                self._log.info("application removed", application=event.name, objects=objects)
            case ConfigReloaded():
                if event.error:
                    self._log.error("configuration not reloaded; the old one goes on", error=event.error)
                else:
                    self._log.info("configuration reloaded", changed=event.changed)
            case Reconciled():
                self._log.debug(
                    "reconciled", application=event.spec.name, seconds=round(event.seconds, 4), failed=event.failed
                )

    def _note_deletion(self, status: AppStatus) -> None:
        deletion = status.deletion
        if deletion is not None and deletion.done and deletion.cascade != ORPHAN:
            self._deleted.add(status.name)
        else:
            self._deleted.discard(status.name)

    def _status(self, event: StatusChanged) -> None:
        status = event.status
        before = event.previous
        if _shown(before or unknown_status(status.name)) == _shown(status):
            return
        fields = {
            "application": status.name,
            "revision": _revision(status.revisions),
            "sync": status.sync.value,
            "health": status.health.status.value,
        }
        if status.health.message and all(status.health.message != each.message for each in status.conditions):
            fields["health_message"] = status.health.message
        known = set(before.conditions) if before else set()
        for condition in status.conditions:
            if condition not in known:
                log = self._log.error if condition.type.is_error else self._log.warning
                log("condition", condition=condition.type.value, message=condition.message, **fields)
        for unused in status.unused_ignores:
            if before is None or unused not in before.unused_ignores:
                self._log.warning("a rule finds nothing to ignore", rule=unused, **fields)
        if status.health.status is HealthStatus.DEGRADED:
            fields["cause"] = _cause(status)
        worse = "cause" in fields and (before is None or before.health.status is not HealthStatus.DEGRADED)
        (self._log.warning if worse else self._log.info)("status", **fields)

    def _operation(self, event: OperationEnded) -> None:
        operation = event.operation
        succeeded = operation.phase is Phase.SUCCEEDED
        log = self._log.info if succeeded else self._log.error
        log(
            "synced" if succeeded else "sync failed",
            application=event.spec.name,
            revision=_revision(operation.revisions),
            phase=operation.phase.value,
            message=operation.message,
            self_heal=operation.self_heal,
            retries=operation.retries,
            seconds=round(event.seconds, 3),
        )


def _shown(status: AppStatus) -> tuple[object, ...]:
    """What is worth a line; a new revision that changes nothing of an application is not."""
    return status.sync, status.health, status.conditions, status.unused_ignores


def _cause(status: AppStatus) -> str:
    """What the first degraded object says of itself."""
    for each in status.resources:
        if each.health and each.health.status is HealthStatus.DEGRADED and not each.health_ignored:
            where = f"{each.key.namespace}/{each.key.name}" if each.key.namespace else each.key.name
            return f"{each.key.kind} {where}: {each.health.message}"
    return ""


def _revision(revisions: tuple[str, ...]) -> str:
    return ",".join(short_revision(revision) for revision in revisions)
