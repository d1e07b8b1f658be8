"""Orphaned resources: objects in an application's namespace that belong to nobody.

Source: https://argo-cd.readthedocs.io/en/stable/user-guide/orphaned-resources/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.core.live import LiveObject
from gitopsd.core.project import OrphanedResources

_NAMED: Final = 5
_OF_THE_CLUSTER: Final = frozenset({ObjectKey("", "Service", "default", "kubernetes")})
_OF_EACH_NAMESPACE: Final = frozenset(
    {ObjectKey("", "ServiceAccount", "", "default"), ObjectKey("", "ConfigMap", "", "kube-root-ca.crt")}
)


@dataclass(frozen=True, slots=True)
class Strays:
    """Objects of one namespace that no other object owns and no application wants; of each only the metadata.

    `untracked` are those that nothing tracks, `tracked` the others by the mark of their application. Objects of other
    installations and of excluded kinds are in neither. `complete` is False until all kinds were listed; `unreadable`
    are those that cannot be, and why.
    """

    untracked: tuple[LiveObject, ...] = ()
    tracked: Mapping[str, tuple[LiveObject, ...]] = field(default_factory=dict)
    complete: bool = True
    unreadable: Mapping[GroupKind, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Orphaned:
    """What was found for one application, sorted. `asked`: its project wants to know.

    `complete` and `unreadable` are as in `Strays`; `error` says why nobody could look.
    """

    asked: bool = False
    objects: tuple[LiveObject, ...] = ()
    complete: bool = True
    unreadable: Mapping[GroupKind, str] = field(default_factory=dict)
    error: str = ""


NOT_ASKED: Final = Orphaned()
"""Nobody looks."""


def orphaned(strays: Strays, exists: Callable[[str], bool], settings: OrphanedResources) -> Orphaned:
    """The strays that are orphans: `exists` says whether there is an application with such a mark."""
    found = list(strays.untracked)
    for mark, objects in strays.tracked.items():
        if not exists(mark):
            found += objects
    kept = sorted((live for live in found if not _known(live.key, settings)), key=lambda live: live.key)
    return Orphaned(True, tuple(kept), strays.complete, strays.unreadable)


def warnings(found: Orphaned, settings: OrphanedResources | None) -> Iterable[Condition]:
    """The conditions that `found` is worth; none before all kinds were listed."""
    if settings is None or not settings.warn:
        return
    if found.error:
        yield _warning(f"orphaned resources cannot be looked for: {found.error}")
    elif found.objects and found.complete:
        named = ", ".join(str(live.key) for live in found.objects[:_NAMED])
        more = f" and {len(found.objects) - _NAMED} more" if len(found.objects) > _NAMED else ""
        yield _warning(
            f"Application has {len(found.objects)} orphaned resources: {named}{more}. "
            "Try: take them into git, delete them, or name them in orphanedResources.ignore of the project"
        )


def _warning(message: str) -> Condition:
    return Condition(ConditionType.ORPHANED_RESOURCE_WARNING, message)


def _known(key: ObjectKey, settings: OrphanedResources) -> bool:
    """Whether everybody knows what it is for: what Kubernetes itself makes, and what the project ignores."""
    if key in _OF_THE_CLUSTER or key._replace(namespace="") in _OF_EACH_NAMESPACE:
        return True
    return any(ignored.fits(key) for ignored in settings.ignore)
