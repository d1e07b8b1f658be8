"""What somebody asks of a sync: Argo CD's `operation.sync`, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from gitopsd.core.ids import ObjectKey

_NONE: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class ObjectFilter:
    """`[!]GROUP:KIND:[NAMESPACE/]NAME` of a selective sync; each part may be a glob. `exclude` is the `!`."""

    group: str = "*"
    kind: str = "*"
    namespace: str = "*"
    name: str = "*"
    exclude: bool = False

    def fits(self, key: ObjectKey) -> bool:
        """Whether it names this object, `exclude` aside."""
        parts = (
            (key.group, self.group),
            (key.kind, self.kind),
            (key.namespace, self.namespace),
            (key.name, self.name),
        )
        return all(fnmatchcase(text, pattern) for text, pattern in parts)


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """A sync that was asked for. `initiated_by` is who ("" is gitopsd itself); `automated`: nobody asked.

    `prune` None is what the application's policy says. `resources` and `labels` (equal values) make it selective:
    no hooks run then, and no history is written. `options` go before the application's own. `confirmed`: deletions
    that a guard would hold back may happen. `plan` is the id of the plan that was shown: any other is refused.
    `history` is the id of the entry that a rollback brings back. `revisions` (one for each source) is what to sync
    instead of the target revisions; empty is those. `retries` is how often a failure is tried again, None as the
    application's policy has it. Without `hooks` none run (Argo CD's `strategy.apply`).
    """

    initiated_by: str = ""
    automated: bool = False
    self_heal: bool = False
    prune: bool | None = None
    dry_run: bool = False
    confirmed: bool = False
    force: bool = False
    resources: tuple[ObjectFilter, ...] = ()
    labels: Mapping[str, str] = field(default_factory=lambda: _NONE)
    options: Mapping[str, str] = field(default_factory=lambda: _NONE)
    plan: str = ""
    history: int | None = None
    revisions: tuple[str, ...] = ()
    retries: int | None = None
    info: Mapping[str, str] = field(default_factory=lambda: _NONE)
    hooks: bool = True

    @property
    def selective(self) -> bool:
        """Whether it is for some of the objects only."""
        return bool(self.resources or self.labels)

    @property
    def has_own_target(self) -> bool:
        """Whether it is for something else than what the application is compared with."""
        return bool(self.revisions) or self.history is not None

    def selects(self, key: ObjectKey, labels: Mapping[str, str]) -> bool:
        """Whether it is for this object, with these labels."""
        if any(labels.get(name) != text for name, text in self.labels.items()):
            return False
        if any(item.exclude and item.fits(key) for item in self.resources):
            return False
        wanted = [item for item in self.resources if not item.exclude]
        return not wanted or any(item.fits(key) for item in wanted)


AUTOMATED = SyncRequest(automated=True)
"""What gitopsd does on its own."""
HEALING = SyncRequest(automated=True, self_heal=True)
"""What it does on its own about changes made in the cluster."""
