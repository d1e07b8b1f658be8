"""What applications wait for before they are synced, and the order in which they are deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Final, TypeAlias

from gitopsd.core.app import AppSpec, Dependency
from gitopsd.core.appstatus import AppStatus, SyncCode
from gitopsd.core.health.status import HealthStatus
from gitopsd.core.ids import AppName, ObjectKey

Edges: TypeAlias = Mapping[AppName, tuple[AppName, ...]]
"""Applications and those that they wait for."""

_MOST_CYCLES: Final = 100
_COMMIT_LENGTHS: Final = frozenset({40, 64})


@dataclass(frozen=True, slots=True)
class DependencyState:
    """How an application that others wait for stands; `busy`: a sync of it is under way or about to begin.

    `revisions` are those that it is Synced with.
    """

    sync: SyncCode
    health: HealthStatus
    revisions: tuple[str, ...] = ()
    busy: bool = False

    @classmethod
    def of(cls, status: AppStatus) -> DependencyState:
        """As its status says."""
        busy = status.operation is not None and not status.operation.phase.done
        return cls(status.sync, status.health.status, status.revisions, busy)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a live object that is waited for is ready, and if not why."""

    ready: bool
    why: str = ""


ABSENT: Final = Readiness(False, "it does not exist")
"""An object that is not there."""


def blocked_by(
    spec: AppSpec,
    state_of: Callable[[AppName], DependencyState | None],
    readiness_of: Callable[[Dependency], Readiness] = lambda _: ABSENT,
) -> tuple[str, ...]:
    """What `spec` has to wait for, each as a sentence (`waits for database (Progressing)`); empty if nothing.

    `state_of` gives None for an application that is not configured, or of which nothing is known yet.
    """
    found: list[str] = []
    for item in spec.depends_on:
        if item.gvk is not None:
            verdict = readiness_of(item)
            if not verdict.ready:
                found.append(f"waits for {item} ({verdict.why})" if verdict.why else f"waits for {item}")
        elif why := _unready(item, state_of(item.app)):
            found.append(f"waits for {item} ({why})")
    return tuple(found)


def edges(specs: Iterable[AppSpec]) -> Edges:
    """Which applications wait for which."""
    return {spec.name: waited_for(spec) for spec in specs}


def waited_for(spec: AppSpec) -> tuple[AppName, ...]:
    """The applications that `spec` waits for, each once."""
    return tuple(dict.fromkeys(item.app for item in spec.depends_on if item.gvk is None))


def dependants(specs: Iterable[AppSpec]) -> Edges:
    """Who waits for an application: whom to look at again when its status changes. Those for whom nobody waits are left
    out.
    """
    found: dict[AppName, list[AppName]] = {}
    for spec in specs:
        for name in waited_for(spec):
            found.setdefault(name, []).append(spec.name)
    return {name: tuple(waiting) for name, waiting in found.items()}


def cycles(graph: Edges) -> Iterator[tuple[AppName, ...]]:
    """Applications that wait for one another: circles that share none, each from the first of its names in `graph` on,
    which waits for the next. A hundred at most. Names that `graph` does not have lead nowhere.
    """
    order = {name: number for number, name in enumerate(graph)}
    left = {name: {other for other in others if other in order} for name, others in graph.items()}
    for _ in range(_MOST_CYCLES):
        try:
            TopologicalSorter(left).prepare()
        except CycleError as error:
            found: list[AppName] = error.args[1][:0:-1]
        else:
            return
        first = found.index(min(found, key=order.__getitem__))
        yield (*found[first:], *found[:first])
        gone = frozenset(found)
        left = {name: others - gone for name, others in left.items() if name not in gone}


def object_of(item: Dependency) -> ObjectKey:
    """The live object that a dependency names; ValueError for one on an application."""
    if item.gvk is None:
        raise ValueError(f"{item} is no object")
    return ObjectKey(item.gvk.group, item.gvk.kind, item.namespace, item.name)


def _unready(item: Dependency, state: DependencyState | None) -> str:
    if state is None:
        return "nothing is known of it"
    if state.sync is not SyncCode.SYNCED:
        return str(state.sync)
    if state.busy:
        return "a sync is under way"
    if state.health is not HealthStatus.HEALTHY:
        return str(state.health)
    if item.revision and not any(_means(item.revision, each) for each in state.revisions):
        return f"it is at {', '.join(each[:12] for each in state.revisions) or 'no revision'}"
    return ""


def _means(wanted: str, revision: str) -> bool:
    """Commit ids by their beginning, versions and digests only as a whole."""
    if len(revision) in _COMMIT_LENGTHS and len(wanted) >= 4:
        return revision.startswith(wanted.lower())
    return revision == wanted
