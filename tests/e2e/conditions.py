"""What tests wait for: questions to the status of one application."""

from __future__ import annotations

from collections.abc import Callable

from gitopsd.core.appstatus import AppStatus, ResourceStatus, SyncCode
from gitopsd.core.health.status import HealthStatus
from gitopsd.core.operation import Phase

Wanted = Callable[[AppStatus], object]


def synced(status: AppStatus) -> bool:
    """Synced, and no sync under way."""
    return status.sync is SyncCode.SYNCED and (status.operation is None or status.operation.phase.done)


def out_of_sync(status: AppStatus) -> bool:
    """OutOfSync."""
    return status.sync is SyncCode.OUT_OF_SYNC


def healthy(status: AppStatus) -> bool:
    """Healthy."""
    return status.health.status is HealthStatus.HEALTHY


def degraded(status: AppStatus) -> bool:
    """Degraded."""
    return status.health.status is HealthStatus.DEGRADED


def failed(status: AppStatus) -> bool:
    """The last sync failed."""
    return status.operation is not None and status.operation.phase is Phase.FAILED


def running(status: AppStatus) -> bool:
    """A sync is under way."""
    return status.operation is not None and status.operation.phase is Phase.RUNNING


def waiting(status: AppStatus) -> bool:
    """A sync is under way and waits for something that it names."""
    return status.operation is not None and status.operation.phase is Phase.RUNNING and status.operation.message != ""


def says(*words: str) -> Wanted:
    """One condition holds all of `words`, its type included."""
    return lambda status: any(
        all(word in f"{condition.type.value}: {condition.message}" for word in words) for condition in status.conditions
    )


def quiet(status: AppStatus) -> bool:
    """No condition at all."""
    return not status.conditions


def at(revision: str) -> Wanted:
    """Looked at with this commit of its first source."""
    return lambda status: status.revisions[:1] == (revision,)


def resource(status: AppStatus, name: str) -> ResourceStatus:
    """The status of the object called `name`."""
    found = [item for item in status.resources if item.key.name == name]
    assert found, f"{name} is not among {[item.key.name for item in status.resources]}"
    return found[0]


def shown(status: AppStatus | None) -> str:
    """A status for the eyes of whoever reads a failed test."""
    if status is None:
        return "no status"
    conditions = "; ".join(f"{item.type.value}: {item.message}" for item in status.conditions) or "no conditions"
    last = status.operation
    operation = f"{last.phase.value}: {last.message}" if last else "no operation"
    return f"{status.sync.value}, {status.health}, {status.revisions}, {conditions}, {operation}, {status.decision}"
