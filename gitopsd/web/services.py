"""What the web room needs from the rest of the daemon, which wires it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gitopsd.control.actions import Actions
from gitopsd.control.operations import Operations
from gitopsd.control.trees import Sight
from gitopsd.core.app import AppSpec
from gitopsd.core.appstatus import AppStatus
from gitopsd.core.compare import NOTHING_COMPARED, Comparison
from gitopsd.core.ids import AppName
from gitopsd.core.live import LiveObject
from gitopsd.core.orphans import Orphaned
from gitopsd.ports.backup import Backups
from gitopsd.ports.clusterstatus import ClusterStatus
from gitopsd.ports.debugging import Debugging
from gitopsd.ports.health import HealthJudge
from gitopsd.ports.sources import RepositoryStatus
from gitopsd.web.reconciliations import Reconciliations


class Refresh(Protocol):
    """Looks an application's repositories up and reconciles it now."""

    def __call__(self, name: AppName, *, hard: bool) -> None:
        """Ask for it; does not wait. `hard` renders without the cache. KeyError if there is no such application."""
        ...


async def _no_tree(_name: AppName) -> Sight | None:
    return None


@dataclass(frozen=True, slots=True)
class Services:
    """All are called in the event loop's thread and answer at once; `metrics` is awaited, `repositories` called in
    another thread.

    - `applications`: what the supervisor has now, a copy that a thread may read; `application`: one of them, or None.
    - `children`: live objects below those that the application manages; none while its cluster is not known.
    - `judge`: tells the health of live objects; awaited.
    - `metrics`: the Accept header in, content type and body out.
    - `ready`: whether the daemon does its work, and if not why.
    - `not_alive`: why a restart is due, "" if it is not.
    - `repositories`: those that are configured or were asked.
    - `comparison`: an application's last one; `masked_annotations`: whose values are not shown, of any kind.
    - `tree`: the resource tree of an application; None if there is none of that name. Awaited.
    - `clusters`: those that are known, in the order of the configuration.
    - `orphaned`: what belongs to nobody where an application deploys to; None if there is none of that name.
    - `operations`: plans, syncs, rollbacks, deletions; awaited. None where nobody takes them.
    - `actions`: on live objects; awaited. None where nobody takes them.
    - `debugging`: looks into the daemon; None where it does not let anybody.
    - `backups`: makes them, of the state; None where nobody does.
    - `on_bug`: hears of exceptions that nobody foresaw; `where` is the route.
    """

    applications: Callable[[], Mapping[AppName, tuple[AppSpec, AppStatus]]]
    application: Callable[[AppName], tuple[AppSpec, AppStatus] | None]
    refresh: Refresh
    reconciliations: Reconciliations
    children: Callable[[AppName], Sequence[LiveObject]]
    judge: HealthJudge
    metrics: Callable[[str], Awaitable[tuple[str, bytes]]]
    ready: Callable[[], tuple[bool, str]]
    version: str
    on_bug: Callable[[str, Exception], None]
    not_alive: Callable[[], str] = str
    repositories: Callable[[], Sequence[RepositoryStatus]] = tuple
    clusters: Callable[[], Sequence[ClusterStatus]] = tuple
    comparison: Callable[[AppName], Comparison] = lambda _: NOTHING_COMPARED
    masked_annotations: Callable[[], frozenset[str]] = frozenset
    tree: Callable[[AppName], Awaitable[Sight | None]] = _no_tree
    orphaned: Callable[[AppName], Orphaned | None] = lambda _: None
    operations: Operations | None = None
    actions: Actions | None = None
    debugging: Debugging | None = None
    backups: Backups | None = None
