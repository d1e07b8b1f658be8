"""What the administrator says of kinds: how they are compared, judged, watched and marked.

Argo CD's `resource.customizations`, `resource.exclusions` and their like
(https://argo-cd.readthedocs.io/en/stable/operator-manual/argocd-cm-yaml/), as values.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from gitopsd.core.app import BY_ANNOTATION, Tracking
from gitopsd.core.fieldpath import FieldPath
from gitopsd.core.ids import GroupKind
from gitopsd.core.ignore import IgnoreRule, KindPattern


class IgnoredStatus(enum.StrEnum):
    """Of which kinds `status` in git is not compared (Argo CD's `ignoreResourceStatusField`)."""

    ALL = "all"
    CRD = "crd"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class KindFilter:
    """Kinds of clusters, each by globs; an empty tuple is any."""

    groups: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()

    def fits(self, kind: GroupKind, *cluster: str) -> bool:
        """Whether it means `kind` on the cluster with these names (its URL, its name)."""
        here = any(_any(self.clusters, name) for name in cluster)
        return here and _any(self.groups, kind.group) and _any(self.kinds, kind.kind)


@dataclass(frozen=True, slots=True)
class KnownField:
    """A field of a custom kind with a Kubernetes type: `core/Quantity` and `meta/v1/Duration` are compared by what they
    mean, `core/v1/PodSpec` and the like by the fields of that type that are quantities.
    """

    kind: GroupKind
    path: FieldPath
    type: str


@dataclass(frozen=True, slots=True)
class HealthRule:
    """A rule of the user's: `language` is `lua` (Argo CD's health.lua), `cel` or `table`. `where`: the file or key."""

    kinds: KindPattern
    language: str
    source: str
    open_libs: bool = False
    where: str = ""


@dataclass(frozen=True, slots=True)
class ActionRule:
    """Actions of the user's, as Argo CD has them: `discovery` is a discovery.lua ("": none), `definitions` are names
    and action.lua. Without `merge_builtin` a discovery takes the place of the built-in actions.
    """

    kinds: KindPattern
    discovery: str = ""
    definitions: tuple[tuple[str, str], ...] = ()
    merge_builtin: bool = False
    where: str = ""


@dataclass(frozen=True, slots=True)
class HealthTimeout:
    """Objects of these kinds that are Progressing for longer than `seconds` are Degraded."""

    kinds: KindPattern
    seconds: float


@dataclass(frozen=True, slots=True)
class ChildRule:
    """Kinds that the controller of a kind makes below its objects."""

    kind: GroupKind
    children: tuple[GroupKind, ...]


ALWAYS_EXCLUDED: Final = (
    KindFilter(groups=("events.k8s.io", "metrics.k8s.io")),
    KindFilter(groups=("",), kinds=("Event",)),
    KindFilter(groups=("coordination.k8s.io",), kinds=("Lease",)),
)
"""Kinds that nobody manages from git and that change all the time (as in Argo CD)."""


@dataclass(frozen=True, slots=True)
class ResourceSettings:
    """All of it. `health_tables` are paths of files, `action_files` of folders and files (docs/actions.md)."""

    ignore_differences: tuple[IgnoreRule, ...] = ()
    ignore_updates: tuple[IgnoreRule, ...] = ()
    ignore_differences_on_updates: bool = True
    ignore_aggregated_roles: bool = False
    ignore_status: IgnoredStatus = IgnoredStatus.ALL
    exclusions: tuple[KindFilter, ...] = ALWAYS_EXCLUDED
    inclusions: tuple[KindFilter, ...] = ()
    known_fields: tuple[KnownField, ...] = ()
    health: tuple[HealthRule, ...] = ()
    health_tables: tuple[str, ...] = ()
    health_folders: tuple[str, ...] = ()
    health_timeouts: tuple[HealthTimeout, ...] = ()
    actions: tuple[ActionRule, ...] = ()
    action_files: tuple[str, ...] = ()
    children: tuple[ChildRule, ...] = ()
    mask_annotations: frozenset[str] = field(default_factory=frozenset)
    tracking: Tracking = BY_ANNOTATION

    def children_of(self, kind: GroupKind) -> tuple[GroupKind, ...]:
        """The kinds that the administrator wants to see below objects of `kind`."""
        return tuple(child for rule in self.children if rule.kind == kind for child in rule.children)

    def excluded(self, kind: GroupKind, *cluster: str) -> bool:
        """Whether objects of `kind` on the cluster with these names (URL, name) are neither watched, compared nor
        shown.
        """
        if any(item.fits(kind, *cluster) for item in self.exclusions):
            return True
        return bool(self.inclusions) and not any(item.fits(kind, *cluster) for item in self.inclusions)


def _any(patterns: tuple[str, ...], text: str) -> bool:
    return not patterns or any(fnmatchcase(text, pattern) for pattern in patterns)
