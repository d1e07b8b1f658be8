"""What is known of an application: Argo CD's `status`, as one value."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from gitopsd.core.annotations import IGNORE_HEALTHCHECK
from gitopsd.core.compare import Comparison, ObjectComparison, Verdict
from gitopsd.core.conditions import Condition
from gitopsd.core.health.rollup import ResourceHealth, roll_up
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.health.timing import NO_TIMEOUTS, Timed, Timing, earliest, timed
from gitopsd.core.history import Deletion, Pin
from gitopsd.core.ids import GVK, AppName, ObjectKey
from gitopsd.core.jsonvalue import string_map
from gitopsd.core.links import Link, links_of
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import Hook
from gitopsd.core.operation import Operation
from gitopsd.core.unreadable import Unreadable


class SyncCode(enum.StrEnum):
    """Argo CD's sync status codes."""

    SYNCED = "Synced"
    OUT_OF_SYNC = "OutOfSync"
    UNKNOWN = "Unknown"


_SYNC: Final = {Verdict.SYNCED: SyncCode.SYNCED, Verdict.UNKNOWN: SyncCode.UNKNOWN}


@dataclass(frozen=True, slots=True)
class ResourceStatus:
    """One object of an application. `health` is None for kinds of which nothing is known; `version`: resourceVersion.

    `changes` are the paths at which it differs from git. `tolerated`: it left git, and its application may be Synced
    all the same (`IgnoreExtraneous`). `links` lead out to the web. `since` and `until` are as in
    `core.health.timing.Timed`. `out_of_sight`: it was there when that could last be told, and nobody can tell now.
    `prune_held`: it left git among too many at once, and is not pruned unless somebody confirms.
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
    since: datetime | None = None
    until: datetime | None = None
    tolerated: bool = False
    links: tuple[Link, ...] = ()
    out_of_sight: bool = False
    prune_held: bool = False

    def stands(self, version: str, now: datetime) -> bool:
        """Whether its health holds for the object at this resourceVersion."""
        return self.version == version != "" and (self.until is None or now < self.until)

    @property
    def was_there(self) -> bool:
        """Whether it was there when that could last be told."""
        return bool(self.version) or self.out_of_sight


@dataclass(frozen=True, slots=True)
class AppStatus:
    """One application as people and metrics see it.

    `unused_ignores` are rules of its `ignoreDifferences` that found nothing to ignore so far, each as a sentence.
    `external_urls` are those of its resources' links (Argo CD's `status.summary.externalURLs`). `pin` is what it is
    held at; `blocked_by` is what keeps it from being synced, each as a sentence. `deletion`: its objects are being
    deleted, or were. `server` is the URL of the cluster that all this is of ("": none was looked at).
    """

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
    unused_ignores: tuple[str, ...] = ()
    external_urls: tuple[str, ...] = ()
    reconciled_at: datetime | None = None
    pin: Pin | None = None
    blocked_by: tuple[str, ...] = ()
    deletion: Deletion | None = None
    server: str = ""


def unknown_status(name: AppName, conditions: Iterable[Condition] = ()) -> AppStatus:
    """The status of an application of which nothing is known (yet)."""
    return AppStatus(name, SyncCode.UNKNOWN, Health(HealthStatus.UNKNOWN), conditions=tuple(conditions))


def unjudged(
    comparison: Comparison, previous: Mapping[ObjectKey, ResourceStatus], now: datetime
) -> tuple[LiveObject, ...]:
    """The live objects whose health `previous` does not tell: that changed since, or whose verdict was for a time."""
    return tuple(item.live for item in comparison.objects.values() if item.live and not _stands(item, previous, now))


def resource_statuses(
    comparison: Comparison,
    previous: Mapping[ObjectKey, ResourceStatus],
    verdicts: Mapping[ObjectKey, Health | None],
    now: datetime,
    timing: Timing = NO_TIMEOUTS,
) -> tuple[ResourceStatus, ...]:
    """The status of each object; `verdicts` are those on the `unjudged` ones."""
    return tuple(_status(item, previous, verdicts, now, timing) for item in comparison.objects.values())


def with_held(resources: tuple[ResourceStatus, ...], held: Collection[ObjectKey]) -> tuple[ResourceStatus, ...]:
    """The resources, of which `held` left git and were not pruned because they were too many at once."""
    if not held:
        return resources
    return tuple(
        replace(item, requires_pruning=True, prune_held=True) if item.key in held else item for item in resources
    )


def out_of_sight(
    previous: Iterable[ResourceStatus], comparison: Comparison, unreadable: Unreadable
) -> tuple[ResourceStatus, ...]:
    """Objects that were there, left git, and cannot be read now: they are remembered until somebody can tell whether
    they still are, or they would never be pruned.
    """
    if not unreadable:
        return ()
    return tuple(
        replace(
            item,
            sync=SyncCode.UNKNOWN,
            health=Health(HealthStatus.UNKNOWN, why),
            requires_pruning=True,
            changes=(),
            message=f"it left git, and nobody can tell whether it is still there: {why}",
            version="",
            since=None,
            until=None,
            out_of_sight=True,
        )
        for item in previous
        if item.was_there and item.key not in comparison.objects and (why := unreadable.why(item.key))
    )


def judged_again_at(resources: Iterable[ResourceStatus]) -> datetime | None:
    """When the first verdict ends that was for a time; None if there is none."""
    return earliest(item.until for item in resources)


def external_urls(resources: Iterable[ResourceStatus]) -> tuple[str, ...]:
    """Where the resources' links lead, each place once."""
    return tuple(dict.fromkeys(link.url for item in resources for link in item.links))


def overall_health(resources: Iterable[ResourceStatus]) -> Health:
    """The application's health, rolled up from its resources (those that left git count only if they may stay)."""
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
            if not item.requires_pruning or item.tolerated
        ]
    )


def overall_sync(comparison: Comparison, problems: Sequence[str] = ()) -> SyncCode:
    """Synced if every object is. Unknown if one is, or with `problems`: what those manifests mean is in neither side of
    it.
    """
    if problems or comparison.having(Verdict.UNKNOWN):
        return SyncCode.UNKNOWN
    return SyncCode.SYNCED if comparison.synced else SyncCode.OUT_OF_SYNC


@dataclass(frozen=True, slots=True)
class _Judged:
    version: str
    timed: Timed
    ignored: bool = False
    links: tuple[Link, ...] = ()


def _stands(item: ObjectComparison, previous: Mapping[ObjectKey, ResourceStatus], now: datetime) -> bool:
    before = previous.get(item.key)
    return before is not None and item.live is not None and before.stands(item.live.resource_version, now)


def _status(
    item: ObjectComparison,
    previous: Mapping[ObjectKey, ResourceStatus],
    verdicts: Mapping[ObjectKey, Health | None],
    now: datetime,
    timing: Timing,
) -> ResourceStatus:
    """The status that it had, where nothing of it is new: most objects have not changed since the last look."""
    before = previous.get(item.key)
    if before is not None and _repeats(item, before, now):
        return before
    return _resource(item, _health(item, previous, verdicts.get(item.key), now, timing), before)


def _repeats(item: ObjectComparison, before: ResourceStatus, now: datetime) -> bool:
    wanted, live = item.desired, item.live
    return (
        live is not None
        and before.key is item.key
        and before.stands(live.resource_version, now)
        and before.sync is _SYNC.get(item.verdict, SyncCode.OUT_OF_SYNC)
        and before.requires_pruning == (item.verdict is Verdict.EXTRA)
        and before.gvk == (wanted.gvk if wanted is not None else live.gvk)
        and before.wave == (wanted.wave if wanted is not None else 0)
        and before.changes == item.changes
        and before.message == item.error
        and before.tolerated == item.tolerated
    )


def _health(
    item: ObjectComparison,
    previous: Mapping[ObjectKey, ResourceStatus],
    verdict: Health | None,
    now: datetime,
    timing: Timing,
) -> _Judged:
    if item.live is None and item.verdict is Verdict.UNKNOWN:
        return _Judged("", Timed(Health(HealthStatus.UNKNOWN, item.error)))
    if item.live is None:
        return _Judged("", Timed(Health(HealthStatus.MISSING)))
    before = previous.get(item.key)
    if before is not None and before.stands(item.live.resource_version, now):
        kept = Timed(before.health, before.since, before.until)
        return _Judged(item.live.resource_version, kept, before.health_ignored, before.links)
    body = item.live.document.body()
    ignored = string_map(body, "metadata", "annotations").get(IGNORE_HEALTHCHECK) == "true"
    since = before.since if before is not None else None
    fresh = timed(verdict, body, now, timing, since=since)
    return _Judged(item.live.resource_version, fresh, ignored, links_of(item.key, body))


def _resource(item: ObjectComparison, judged: _Judged, before: ResourceStatus | None) -> ResourceStatus:
    gvk = item.desired.gvk if item.desired else item.live.gvk if item.live else GVK(item.key.group, "", item.key.kind)
    return ResourceStatus(
        key=item.key,
        gvk=gvk,
        sync=_SYNC.get(item.verdict, SyncCode.OUT_OF_SYNC),
        health=judged.timed.health,
        wave=item.desired.wave if item.desired else 0,
        requires_pruning=item.verdict is Verdict.EXTRA,
        health_ignored=judged.ignored,
        changes=item.changes,
        message=item.error,
        version=judged.version,
        since=judged.timed.since,
        until=judged.timed.until,
        tolerated=item.tolerated,
        links=judged.links,
        out_of_sight=item.live is None and item.verdict is Verdict.UNKNOWN and before is not None and before.was_there,
        prune_held=item.verdict is Verdict.EXTRA and before is not None and before.prune_held,
    )
