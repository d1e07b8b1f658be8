"""What a deletion needs of the world, and what is known of it in this process."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import anyio

from gitopsd.control.sync import Execution
from gitopsd.core.claims import NOTHING_CLAIMED, Claims
from gitopsd.core.deletion_record import spec_of
from gitopsd.core.health.timing import NO_TIMEOUTS, Timing
from gitopsd.core.history import Deletion
from gitopsd.core.ids import AppName, GroupKind, ObjectKey
from gitopsd.core.manifest import Desired
from gitopsd.core.permit import Permit, permit_object
from gitopsd.core.plan import PROTECTED, HookStep
from gitopsd.core.progress import Known, everybody_is_known
from gitopsd.core.project import ONLY_DEFAULT, Projects
from gitopsd.ports.clock import Clock
from gitopsd.ports.cluster import Cluster
from gitopsd.ports.health import HealthJudge
from gitopsd.ports.journal import Journal

Claiming = Callable[[AppName, str, Collection[ObjectKey]], Claims]


def nobody_claims(_name: AppName, _server: str, _keys: Collection[ObjectKey]) -> Claims:
    """No other application wants any of an application's objects."""
    return NOTHING_CLAIMED


@dataclass(frozen=True, slots=True)
class DeletionTools:
    """What deletions need of the world. `claims` (quick, from memory) says which of an application's objects on a
    cluster (by its URL) other applications want. Objects of the kinds `protected` are not deleted because an entry left
    unless somebody confirms. `known` is as for `may_replace`. Before it is `configured` which applications there are,
    nobody can say who wants what, and nothing is looked at; `Deletions.rewire` says when it is. `threads` bounds the
    work on large applications done aside.
    """

    journal: Journal
    clock: Clock
    judge: HealthJudge
    projects: Callable[[], Projects] = lambda: ONLY_DEFAULT
    timing: Callable[[], Timing] = lambda: NO_TIMEOUTS
    claims: Claiming = nobody_claims
    protected: Callable[[], frozenset[GroupKind]] = lambda: PROTECTED
    known: Known = everybody_is_known
    configured: Callable[[], bool] = lambda: True
    threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(1))


@dataclass(slots=True)
class DeletionWork:
    """One deletion in this process. `saved` is what the journal has of it, `shown` what everybody was told.

    `wanted` is what the application wants (None: not known), until its hooks are kept. `asked` are the uids of objects
    that were deleted a moment ago, and when (monotonic clock), `counted` all such uids. `asks`: at the last look
    something was to be confirmed. `failures` counts errors in a row, `failed` hooks' failures in a row; those are tried
    again at `retry_at`. `unknown_since` is when nobody knew its cluster. Before `rest_until` (monotonic clock) changes
    in the cluster and looks at other applications wake nobody; `disturbed`: there were some during its pass.
    """

    deletion: Deletion
    saved: Deletion | None = None
    shown: Deletion | None = None
    wanted: Desired | None = None
    kept: bool = False
    hooks: tuple[HookStep, ...] | None = None
    execution: Execution | None = None
    cluster: Cluster | None = None
    asked: dict[str, float] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)
    asks: bool = False
    failures: int = 0
    failed: int = 0
    retry_at: float | None = None
    unknown_since: float | None = None
    rest_until: float = 0.0
    disturbed: bool = False

    @property
    def name(self) -> AppName:
        """The application."""
        return AppName(self.deletion.app)


def cluster_of(work: DeletionWork) -> Cluster:
    """The cluster that its pass looked at."""
    if work.cluster is None:
        raise RuntimeError("a deletion writes only to a cluster that it looked at")
    return work.cluster


def permit_of(work: DeletionWork, key: ObjectKey, projects: Projects) -> Permit:
    """The permit to write one object for it. Raises `SpecError`."""
    return permit_object(spec_of(work.deletion), key, projects, cluster_of(work).server)
