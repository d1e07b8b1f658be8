"""Which kinds are looked for below which, besides those that the configuration names."""

from __future__ import annotations

from gitopsd.core.ids import GroupKind
from gitopsd.core.tree.kinds import built_in_children
from gitopsd.rules.bundled import bundled_children


def child_kinds(kind: GroupKind) -> tuple[GroupKind, ...]:
    """What Kubernetes' own controllers make below `kind`, and what the bundled tables say of other people's."""
    return (*built_in_children(kind), *bundled_children(kind))
