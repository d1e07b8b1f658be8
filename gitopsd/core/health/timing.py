"""What time does to a verdict: a new object's controller is given a moment, and nobody is Progressing for ever."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gitopsd.core.customization import HealthTimeout
from gitopsd.core.health.status import Health, HealthStatus, progressing
from gitopsd.core.ids import GVK, GroupKind
from gitopsd.core.jsonvalue import JsonObject, text, value

GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Timing:
    """`grace_seconds`: for how long an object of a custom kind may be without a status before that means nothing.
    `timeouts`: for how long objects may be Progressing; the first that fits a kind counts.
    """

    grace_seconds: float = GRACE_SECONDS
    timeouts: tuple[HealthTimeout, ...] = ()

    def limit(self, kind: GroupKind) -> float | None:
        """For how many seconds objects of `kind` may be Progressing; None for ever."""
        return next((item.seconds for item in self.timeouts if item.kinds.fits(kind)), None)


NO_TIMEOUTS = Timing()


@dataclass(frozen=True, slots=True)
class Timed:
    """A verdict in time. `since`: when it became Progressing, where that counts. `until`: when it has to be judged
    again though nothing changed.
    """

    health: Health | None
    since: datetime | None = None
    until: datetime | None = None


def timed(
    health: Health | None, live: JsonObject, now: datetime, timing: Timing, *, since: datetime | None = None
) -> Timed:
    """The verdict `health` on `live` as of `now`; `since` is what the last answer said."""
    kind = GVK.parse(text(live, "apiVersion"), text(live, "kind")).group_kind
    if health is None:
        return _graced(live, kind, now, timing)
    limit = timing.limit(kind)
    if limit is None or health.status is not HealthStatus.PROGRESSING:
        return Timed(health)
    begun = since or now
    end = begun + timedelta(seconds=limit)
    if now < end:
        return Timed(health, begun, end)
    said = f": {health.message}" if health.message else ""
    return Timed(Health(HealthStatus.DEGRADED, f"Progressing for more than {limit:g} s{said}"), begun)


def earliest(moments: Iterable[datetime | None]) -> datetime | None:
    """The first of those that there are."""
    return min((moment for moment in moments if moment is not None), default=None)


def _graced(live: JsonObject, kind: GroupKind, now: datetime, timing: Timing) -> Timed:
    """A custom object that was made a moment ago and has no status: its controller may be about to write one."""
    if "." not in kind.group or kind.group.endswith(".k8s.io") or value(live, "status"):
        return Timed(None)
    created = made_at(live)
    if created is None:
        return Timed(None)
    end = created + timedelta(seconds=timing.grace_seconds)
    if now >= end:
        return Timed(None)
    return Timed(progressing("Waiting a moment for its controller to write a status"), until=end)


def made_at(live: JsonObject) -> datetime | None:
    """When an object was made, by the API server's clock; None if it does not say."""
    try:
        found = datetime.fromisoformat(text(live, "metadata", "creationTimestamp"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
