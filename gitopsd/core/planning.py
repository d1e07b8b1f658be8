"""From a comparison to the plan of a sync.

Source of the order: https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from gitopsd.core.compare import Comparison, ObjectComparison, Verdict
from gitopsd.core.hook import SyncPhase
from gitopsd.core.hooknames import named
from gitopsd.core.ids import ObjectKey
from gitopsd.core.jsonvalue import string_map
from gitopsd.core.manifest import Desired, DesiredObject
from gitopsd.core.plan import DEFINITION, NAMESPACE, ApplyStep, HookStep, Plan, PlanOptions, PlanReason, Stage
from gitopsd.core.prunes import Prunes, prunes
from gitopsd.core.waves import PHASES, Place, hook_places, kind_rank, object_places
from gitopsd.core.ways import apply_step

_Written: TypeAlias = ApplyStep | HookStep
_SYNC: Final = PHASES.index(SyncPhase.SYNC)
_EARLY: Final = frozenset({NAMESPACE, DEFINITION})


def plan(
    desired: Desired, comparison: Comparison, options: PlanOptions, namespace: ObjectComparison | None = None
) -> Plan:
    """The plan that makes `comparison` synced: hooks of every phase, apply what differs, prune what left git as far as
    `options` allow it.

    Phases, waves in ascending order within one, kinds in `waves.kind_rank` order within these. A Namespace or
    CustomResourceDefinition comes with the first that needs it; kinds that a definition in the plan brings wait until
    it is established. With more than one stage, each waits until its objects are healthy; PostSync hooks wait for all
    objects. `namespace` is the comparison of the namespace that `CreateNamespace=true` asks for; it comes before
    everything.
    """
    chosen = [item for item in desired.objects if _selected(item, options)]
    hooks = list(_hook_steps(desired, PHASES, options))
    places = object_places(chosen, hooks)
    found = prunes(comparison, options)
    steps: dict[Place, list[_Written]] = {}
    for hook, place in zip(hooks, hook_places(chosen, hooks), strict=True):
        steps.setdefault(place, []).append(hook)
    for step in _applies(chosen, comparison, options):
        steps.setdefault(places[step.key], []).append(step)
    whole = not options.request.selective and not options.request.self_heal
    stages = _after_all_objects(list(_stages(desired, places, steps, found, whole=whole)), places)
    if namespace is not None and namespace.desired is not None and namespace.verdict is not Verdict.SYNCED:
        stages = _with_namespace(stages, ApplyStep(namespace.desired, PlanReason.NAMESPACE, namespace.changes))
    if len(stages) == 1 and not stages[0].hooks:
        stages = [replace(stages[0], waits_for=())]
    failing = tuple(_failing(_hook_steps(desired, (SyncPhase.SYNC_FAIL,), options)))
    return Plan(comparison.digest, tuple(stages), found.skipped, found.guarded, failing)


def _selected(item: DesiredObject, options: PlanOptions) -> bool:
    request = options.request
    if not request.selective:
        return True
    labels = string_map(item.document.body(), "metadata", "labels") if request.labels else {}
    return request.selects(item.key, labels)


def _applies(chosen: Iterable[DesiredObject], comparison: Comparison, options: PlanOptions) -> Iterator[ApplyStep]:
    for wanted in chosen:
        item = comparison.objects.get(wanted.key)
        step = apply_step(item, options) if item is not None else None
        if step is not None:
            yield step


def _hook_steps(desired: Desired, phases: Iterable[SyncPhase], options: PlanOptions) -> Iterator[HookStep]:
    """The hooks of these phases under their final names; one of several phases is there once for each."""
    if not options.runs_hooks:
        return
    taken: set[ObjectKey] = set()
    for phase, hook in itertools.product(phases, desired.hooks):
        if phase in hook.phases:
            final = named(hook, phase, options.suffix, taken)
            taken.add(final.key)
            yield HookStep(final, phase)


def _stages(
    desired: Desired,
    places: Mapping[ObjectKey, Place],
    steps: Mapping[Place, Sequence[_Written]],
    found: Prunes,
    *,
    whole: bool,
) -> Iterator[Stage]:
    """The stages of all places with something to do, in order; of a `whole` application also those before them, whose
    objects have to be healthy first.
    """
    pruned = {Place(_SYNC, wave): items for wave, items in found.by_wave.items()}
    order = sorted(steps.keys() | pruned.keys())
    if found.last:
        waves = [place.wave for place in (*order, *places.values()) if place.phase == _SYNC]
        last = Place(_SYNC, max(waves, default=-1) + 1)
        pruned[last] = found.last
        order = sorted([*order, last])
    members: dict[Place, list[ObjectKey]] = {}
    for key, place in places.items():
        members.setdefault(place, []).append(key)
    if whole:
        last_write = max((place for place in steps if place.phase == _SYNC), default=None)
        # Argo CD: nothing of a wave is done before all of the waves before it are healthy, changed or not.
        order = sorted({*order, *(place for place in members if last_write is not None and place < last_write)})
    for place in order:
        here = Stage(place.wave, pruned.get(place, ()), (), tuple(members.get(place, ())), PHASES[place.phase])
        yield from _at(here, steps.get(place, ()), desired)


def _at(here: Stage, steps: Sequence[_Written], desired: Desired) -> Iterator[Stage]:
    """One stage, or two where definitions have to be established before their kinds can be used."""
    early = [step for step in steps if step.key.group_kind in _EARLY]
    definitions = {step.key for step in early if step.key.group_kind == DEFINITION}
    if definitions and any(step.key.group_kind in desired.defines for step in steps):
        first = tuple(key for key in here.waits_for if key in definitions)
        yield replace(here, groups=_by_kind(early), waits_for=first)
        yield replace(here, prunes=(), groups=_by_kind(step for step in steps if step.key.group_kind not in _EARLY))
    else:
        yield replace(here, groups=_by_kind(steps))


def _by_kind(steps: Iterable[_Written]) -> tuple[tuple[_Written, ...], ...]:
    ordered = sorted(steps, key=lambda step: (kind_rank(step.key.kind), step.key))
    groups = itertools.groupby(ordered, key=lambda step: kind_rank(step.key.kind))
    return tuple(tuple(group) for _, group in groups)


def _after_all_objects(stages: list[Stage], places: Mapping[ObjectKey, Place]) -> list[Stage]:
    """PostSync hooks run when all objects are healthy, not only those of the waves with something to do."""
    first = next((at for at, stage in enumerate(stages) if stage.phase is SyncPhase.POST_SYNC), None)
    every = tuple(key for key, place in places.items() if PHASES[place.phase] is not SyncPhase.POST_SYNC)
    if first is None or not every:
        return stages
    before = stages[first - 1] if first else None
    if before is not None and before.phase is SyncPhase.SYNC:
        return [*stages[: first - 1], replace(before, waits_for=every), *stages[first:]]
    waiting = Stage(max(places[key].wave for key in every), waits_for=every)
    return [*stages[:first], waiting, *stages[first:]]


def _with_namespace(stages: list[Stage], first: ApplyStep) -> list[Stage]:
    if not stages:
        return [Stage(0, (), ((first,),))]
    head = stages[0]
    return [replace(head, groups=((first,), *head.groups)), *stages[1:]]


def _failing(hooks: Iterable[HookStep]) -> Iterator[Stage]:
    ordered = sorted(hooks, key=lambda step: step.hook.object.wave)
    for wave, steps in itertools.groupby(ordered, key=lambda step: step.hook.object.wave):
        yield Stage(wave, groups=_by_kind(steps), phase=SyncPhase.SYNC_FAIL)
