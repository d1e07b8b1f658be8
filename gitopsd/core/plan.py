"""What a sync will do, decided before it does anything: stages, one after another, of steps (`core.planning` makes
them).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from gitopsd.core.app import OnImmutable
from gitopsd.core.hook import SyncPhase
from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import DesiredHook, DesiredObject
from gitopsd.core.syncrequest import AUTOMATED, SyncRequest

NAMESPACE: Final = GroupKind("", "Namespace")
DEFINITION: Final = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")
CLAIM: Final = GroupKind("", "PersistentVolumeClaim")
PROTECTED: Final = frozenset({NAMESPACE, DEFINITION, CLAIM})
"""The kinds that take more along when they are deleted; of claims only those that are Bound."""
_NONE: Final[Mapping[str, str]] = {}


class PlanReason(enum.StrEnum):
    """Why a step is in the plan."""

    MISSING = "missing"
    CHANGED = "changed"
    LEFT_GIT = "left git"
    NAMESPACE = "namespace"
    EACH_SYNC = "at each sync"


class Way(enum.StrEnum):
    """How an object is written: by server-side apply, by replacing it as a whole, or by deleting and making it anew."""

    APPLY = "apply"
    REPLACE = "replace"
    RECREATE = "recreate"


@dataclass(frozen=True, slots=True)
class ApplyStep:
    """Write one object; `changes` are the paths that it will change (empty for a new object).

    `replaces` is the uid of the object that `RECREATE` deletes: one with another uid was made anew already. `why_anew`
    says why it cannot be changed in place, and where it is not made anew all the same, what holds that back. `force`:
    recreate it should the API server refuse to change it in place. `validate` is what `Validate` says.
    """

    desired: DesiredObject
    reason: PlanReason
    changes: tuple[str, ...] = ()
    way: Way = Way.APPLY
    replaces: str = ""
    why_anew: str = ""
    force: bool = False
    validate: bool = True

    @property
    def key(self) -> ObjectKey:
        """The object."""
        return self.desired.key


@dataclass(frozen=True, slots=True)
class PruneStep:
    """Delete one live object that left git. `confirm`: it waits until somebody says that it may (`Prune=confirm`)."""

    live: LiveObject
    propagation: str = "Foreground"
    confirm: bool = False

    @property
    def key(self) -> ObjectKey:
        """The object."""
        return self.live.key


@dataclass(frozen=True, slots=True)
class HookStep:
    """Run one hook, which has its final name."""

    hook: DesiredHook
    phase: SyncPhase

    @property
    def key(self) -> ObjectKey:
        """The object."""
        return self.hook.key


Step: TypeAlias = ApplyStep | PruneStep | HookStep


@dataclass(frozen=True, slots=True)
class Stage:
    """Steps that belong together: prunes first, then `groups`, each group only after the one before. One without any
    step only waits.

    `waits_for`: objects that have to be healthy before the next stage begins, in the order of the manifests. Its hooks
    are waited for in any case.
    """

    wave: int
    prunes: tuple[PruneStep, ...] = ()
    groups: tuple[tuple[ApplyStep | HookStep, ...], ...] = ()
    waits_for: tuple[ObjectKey, ...] = ()
    phase: SyncPhase = SyncPhase.SYNC

    @property
    def hooks(self) -> tuple[HookStep, ...]:
        """The hooks among its steps."""
        return tuple(step for group in self.groups for step in group if isinstance(step, HookStep))


@dataclass(frozen=True, slots=True)
class Plan:
    """One sync of one application. `skipped` are objects that left git and stay, with the reason; `guarded` those among
    them that a guard holds back until somebody confirms. `failing` are the stages that run if it fails (SyncFail).
    """

    digest: str
    stages: tuple[Stage, ...]
    skipped: Mapping[ObjectKey, str]
    guarded: frozenset[ObjectKey] = frozenset()
    failing: tuple[Stage, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.stages

    def steps(self) -> Iterator[Step]:
        """All steps in the order of their stages."""
        for stage in self.stages:
            yield from stage.prunes
            for group in stage.groups:
                yield from group


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What a sync is asked to do, and what it may do. `plan_options` makes one of an application and a request.

    `options` are the sync options of the application and, before them, of the request; an object's own go before both.
    `hooks`: there are hooks to run, if `request` is for one that runs them; the names of those that are generated end
    in `suffix`, which is `<first seven of the commit>-<seconds since 1970>`. More than `prune_limit` (a share) of the
    application's objects, what was `held` back as too many before, and live objects of the kinds `protected`, are not
    deleted unless somebody confirms; `may_empty`: all may go when git wants nothing any more (`allowEmpty`). Objects
    that another application wants too (`claimed`: which) are not deleted.
    """

    prune: bool = False
    prune_last: bool = False
    propagation: str = "Foreground"
    request: SyncRequest = AUTOMATED
    options: Mapping[str, str] = field(default_factory=lambda: _NONE)
    on_immutable: OnImmutable | None = None
    prune_limit: float = 0.5
    held: frozenset[ObjectKey] = frozenset()
    may_empty: bool = False
    protected: frozenset[GroupKind] = PROTECTED
    hooks: bool = False
    suffix: str = ""
    claimed: Mapping[ObjectKey, str] = field(default_factory=dict)

    @property
    def runs_hooks(self) -> bool:
        """Whether hooks run: not in a selective sync, and not when changes made in the cluster are undone."""
        request = self.request
        return self.hooks and request.hooks and not request.selective and not request.self_heal

    def chosen(self, option: str, wanted: DesiredObject) -> str:
        """What is said of `option` for this object: by itself, else by the request, else by the application; "" if
        nobody says anything.
        """
        return wanted.options.get(option, "") or self.options.get(option, "")
