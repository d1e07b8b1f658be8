"""What is known of an application: Argo CD's `status`, as one value."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gitopsd.core.annotations import IGNORE_HEALTHCHECK
from gitopsd.core.compare import Comparison, ObjectComparison, Verdict
from gitopsd.core.conditions import Condition
from gitopsd.core.health.assess import assess
from gitopsd.core.health.rollup import ResourceHealth, roll_up
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.ids import GVK, AppName, ObjectKey
from gitopsd.core.jsonvalue import string_map
from gitopsd.core.manifest import Hook
from gitopsd.core.operation import Operation


class SyncCode(enum.StrEnum):
    """Argo CD's sync status codes."""

    SYNCED = "Synced"
    OUT_OF_SYNC = "OutOfSync"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class ResourceStatus:
    """One object of an application. `health` is None for kinds of which nothing is known; `version`: resourceVersion.

    `changes` are the paths at which it differs from git.
    """

    key: ObjectKey
    gvk: GVK
    sync: SyncCode
    health: Health | None
    wave: int = 0
    requires_pruning: bool = False
    health_ignored: bool = False
    changes: tuple[str, ...] = ()
    message: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class AppStatus:
    """One application as people and metrics see it."""

    name: AppName
    sync: SyncCode
    health: Health
    revisions: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    resources: tuple[ResourceStatus, ...] = ()
    hooks: tuple[Hook, ...] = ()
    renderers: tuple[str, ...] = ()
    operation: Operation | None = None
    decision: str = ""
    reconciled_at: datetime | None = None


def unknown_status(name: AppName, conditions: Iterable[Condition] = ()) -> AppStatus:
    """The status of an application of which nothing is known (yet)."""
    return AppStatus(name, SyncCode.UNKNOWN, Health(HealthStatus.UNKNOWN), conditions=tuple(conditions))


def resource_statuses(
    comparison: Comparison, previous: Mapping[ObjectKey, ResourceStatus]
) -> tuple[ResourceStatus, ...]:
    """The status of each object; the health of an object whose resourceVersion did not change is not assessed again."""
    return tuple(_resource(item, previous.get(item.key)) for item in comparison.objects.values())


def overall_health(resources: Iterable[ResourceStatus]) -> Health:
    """The application's health, rolled up from its resources (those that left git do not count)."""
    return roll_up(
        [
            ResourceHealth(
                item.key.kind,
                item.key.name,
                item.key.namespace,
                item.health,
                ignored=item.health_ignored,
                group=item.key.group,
            )
            for item in resources
            if not item.requires_pruning
        ]
    )


def overall_sync(comparison: Comparison, problems: Sequence[str] = ()) -> SyncCode:
    """Synced if every object is; Unknown with `problems`: what those manifests mean is in neither side of it."""
    if problems:
        return SyncCode.UNKNOWN
    return SyncCode.SYNCED if comparison.synced else SyncCode.OUT_OF_SYNC


def _resource(item: ObjectComparison, before: ResourceStatus | None) -> ResourceStatus:
    version = item.live.resource_version if item.live else ""
    if item.live is None:
        health: Health | None = Health(HealthStatus.MISSING)
        ignored = False
    elif before is not None and before.version == version and version:
        health, ignored = before.health, before.health_ignored
    else:
        body = item.live.document.body()
        health = assess(body)
        ignored = string_map(body, "metadata", "annotations").get(IGNORE_HEALTHCHECK) == "true"
    gvk = item.desired.gvk if item.desired else item.live.gvk if item.live else GVK(item.key.group, "", item.key.kind)
    return ResourceStatus(
        key=item.key,
        gvk=gvk,
        sync=SyncCode.SYNCED if item.verdict is Verdict.SYNCED else SyncCode.OUT_OF_SYNC,
        health=health,
        wave=item.desired.wave if item.desired else 0,
        requires_pruning=item.verdict is Verdict.EXTRA,
        health_ignored=ignored,
        changes=item.changes,
        message=item.error,
        version=version,
    )
