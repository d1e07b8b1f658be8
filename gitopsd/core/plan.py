"""What a sync will do, decided before it does anything: stages, one after another, of steps."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from gitopsd.core import annotations as marks
from gitopsd.core.compare import Comparison, ObjectComparison, Verdict
from gitopsd.core.hook import SyncPhase
from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.core.jsonvalue import string_map
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import Desired, DesiredHook, DesiredObject
from gitopsd.core.waves import kind_rank

_CRD = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")
_NAMESPACE = GroupKind("", "Namespace")


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
    says why it cannot be changed in place. `force`: recreate it should the API server refuse to change it in place.
    `validate` is what `Validate` says.
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
    """Steps that belong together: prunes first, then `groups`, each group only after the one before.

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
    """What the sync is allowed to do, and how."""

    prune: bool = False
    prune_last: bool = False
    propagation: str = "Foreground"


def plan(
    desired: Desired, comparison: Comparison, options: PlanOptions, namespace: ObjectComparison | None = None
) -> Plan:
    """The plan that makes `comparison` synced: apply what differs, prune what left git if `options` allow it.

    Waves in ascending order, kinds in `waves.kind_rank` order within one. A Namespace or CustomResourceDefinition comes
    with the first wave that uses it; kinds that a definition in the plan brings wait until it is established. With more
    than one stage, each waits until its wave is healthy. `namespace` is the comparison of the namespace that
    `CreateNamespace=true` asks for; it comes before everything.
    """
    waves = _effective_waves(desired)
    applies = [
        ApplyStep(
            item.desired, PlanReason.MISSING if item.verdict is Verdict.MISSING else PlanReason.CHANGED, item.changes
        )
        for item in comparison.having(Verdict.MISSING, Verdict.CHANGED, Verdict.REFUSED)
        if item.desired is not None
    ]
    prunes, skipped = _prunes(comparison, options)
    stages = list(_stages(desired, waves, applies, prunes, options))
    if namespace is not None and namespace.desired is not None and namespace.verdict is not Verdict.SYNCED:
        first = ApplyStep(namespace.desired, PlanReason.NAMESPACE, namespace.changes)
        stages = _with_namespace(stages, first)
    if len(stages) == 1:
        stages = [replace(stages[0], waits_for=())]
    return Plan(comparison.digest, tuple(stages), skipped)


def _effective_waves(desired: Desired) -> dict[ObjectKey, int]:
    """Each object's wave; a Namespace or definition is pulled forward to the first wave that needs it."""
    waves = {item.key: item.wave for item in desired.objects}
    first_in_namespace: dict[str, int] = {}
    first_of_kind: dict[GroupKind, int] = {}
    for key, wave in waves.items():
        if key.namespace:
            first_in_namespace[key.namespace] = min(wave, first_in_namespace.get(key.namespace, wave))
        first_of_kind[key.group_kind] = min(wave, first_of_kind.get(key.group_kind, wave))
    for item in desired.objects:
        if item.key.group_kind == _NAMESPACE:
            waves[item.key] = min(waves[item.key], first_in_namespace.get(item.key.name, waves[item.key]))
        elif item.key.group_kind == _CRD:
            users = [wave for kind, wave in first_of_kind.items() if _defines(item.key, kind)]
            waves[item.key] = min([waves[item.key], *users])
    return waves


def _defines(definition: ObjectKey, kind: GroupKind) -> bool:
    """Whether a definition may bring `kind`: its name is `<plural>.<group>`, so the group is all that it tells."""
    return bool(kind.group) and definition.name.endswith(f".{kind.group}")


def _prunes(comparison: Comparison, options: PlanOptions) -> tuple[list[PruneStep], dict[ObjectKey, str]]:
    steps: list[PruneStep] = []
    skipped: dict[ObjectKey, str] = {}
    for item in comparison.having(Verdict.EXTRA):
        if item.live is None or item.live.deleting:
            continue
        reason = _kept(item.live, options)
        if reason:
            skipped[item.key] = reason
        else:
            steps.append(PruneStep(item.live, options.propagation))
    return steps, skipped


def _kept(live: LiveObject, options: PlanOptions) -> str:
    """Why an object that left git stays; "" if it goes."""
    if not options.prune:
        return "pruning is off (syncPolicy.automated.prune)"
    written = marks.sync_options(_live_annotations(live)).get("Prune", "true")
    return "" if written == "true" else f"the object says Prune={written}"


def _live_annotations(live: LiveObject) -> Mapping[str, str]:
    return string_map(live.document.body(), "metadata", "annotations")


def _stages(
    desired: Desired,
    waves: Mapping[ObjectKey, int],
    applies: Iterable[ApplyStep],
    prunes: Iterable[PruneStep],
    options: PlanOptions,
) -> Iterator[Stage]:
    by_wave: dict[int, list[ApplyStep]] = {}
    for step in applies:
        by_wave.setdefault(waves[step.key], []).append(step)
    prunes_by_wave = _prune_waves(prunes)
    last: list[PruneStep] = []
    if options.prune_last:
        last = [step for wave in sorted(prunes_by_wave) for step in prunes_by_wave[wave]]
        prunes_by_wave = {}
    for wave in sorted(by_wave.keys() | prunes_by_wave.keys()):
        members = tuple(item.key for item in desired.objects if waves[item.key] == wave)
        steps = by_wave.get(wave, [])
        early = [step for step in steps if step.key.group_kind in (_NAMESPACE, _CRD)]
        definitions = {step.key for step in early if step.key.group_kind == _CRD}
        pruned = tuple(prunes_by_wave.get(wave, ()))
        if definitions and any(step.key.group_kind in desired.defines for step in steps):
            yield Stage(wave, pruned, _by_kind(early), tuple(key for key in members if key in definitions))
            rest = [step for step in steps if step not in early]
            yield Stage(wave, (), _by_kind(rest), members)
        else:
            yield Stage(wave, pruned, _by_kind(steps), members)
    if last:
        yield Stage(max([*by_wave, 0]), tuple(last))


def _prune_waves(prunes: Iterable[PruneStep]) -> dict[int, list[PruneStep]]:
    """Prunes by wave, in reverse: what was applied last goes first (Argo CD mirrors the waves of pruned objects)."""
    written: dict[int, list[PruneStep]] = {}
    for step in prunes:
        written.setdefault(marks.wave(_live_annotations(step.live)) or 0, []).append(step)
    order = sorted(written)
    mirrored = dict(zip(order, reversed(order), strict=True))
    return {
        mirrored[wave]: sorted(steps, key=lambda step: (-kind_rank(step.key.kind), step.key))
        for wave, steps in written.items()
    }


def _by_kind(steps: Iterable[ApplyStep]) -> tuple[tuple[ApplyStep, ...], ...]:
    ordered = sorted(steps, key=lambda step: (kind_rank(step.key.kind), step.key))
    groups = itertools.groupby(ordered, key=lambda step: kind_rank(step.key.kind))
    return tuple(tuple(group) for _, group in groups)


def _with_namespace(stages: list[Stage], first: ApplyStep) -> list[Stage]:
    if not stages:
        return [Stage(0, (), ((first,),))]
    head = stages[0]
    return [replace(head, groups=((first,), *head.groups)), *stages[1:]]
