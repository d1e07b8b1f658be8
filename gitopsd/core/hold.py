"""Why an application is not synced by itself now, though it could be."""

from __future__ import annotations

from dataclasses import dataclass, field

from gitopsd.core.breaker import BreakerSettings
from gitopsd.core.ids import GroupKind
from gitopsd.core.plan import PROTECTED


@dataclass(frozen=True, slots=True)
class Hold:
    """`reasons` are sentences (none: nothing holds it). `again` is after how many seconds to ask again though nothing
    told that something changed (None: never). `manual`: somebody may sync it all the same. `stops` and `stops_manual`
    are why an operation under way has to stop ("": it goes on), one that nobody asked for and one that somebody did.
    """

    reasons: tuple[str, ...] = ()
    again: float | None = None
    manual: bool = True
    stops: str = ""
    stops_manual: str = ""


FREE = Hold()
"""Nothing holds it."""


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """The daemon's `sync` block. `protected` are kinds that are pruned only if somebody confirms; `timeout` and
    `hook_timeout` (seconds) end operations and hooks, None for never; without a `breaker` nothing stops the syncs of
    many applications at once.
    """

    protected: frozenset[GroupKind] = PROTECTED
    timeout: float | None = None
    hook_timeout: float | None = None
    breaker: BreakerSettings | None = field(default_factory=BreakerSettings)
