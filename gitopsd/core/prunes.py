"""Which objects that left git are deleted, which stay and why, and in which order they go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gitopsd.core import annotations as marks
from gitopsd.core.compare import Comparison, Verdict
from gitopsd.core.guards import held_back
from gitopsd.core.ids import ObjectKey
from gitopsd.core.jsonvalue import string_map
from gitopsd.core.live import LiveObject
from gitopsd.core.plan import PlanOptions, PruneStep
from gitopsd.core.waves import kind_rank


@dataclass(frozen=True, slots=True)
class Prunes:
    """`by_wave` are the deletions by the wave at which they happen, in order; `last` those that come after all waves.

    `skipped` stay, with the reason; `guarded` are those of them that go if somebody confirms.
    """

    by_wave: Mapping[int, tuple[PruneStep, ...]]
    last: tuple[PruneStep, ...]
    skipped: Mapping[ObjectKey, str]
    guarded: frozenset[ObjectKey]


def prunes(comparison: Comparison, options: PlanOptions) -> Prunes:
    """What `options` let happen to the objects that left git. Those that are being deleted already are left out."""
    steps: list[PruneStep] = []
    skipped: dict[ObjectKey, str] = {}
    for item in comparison.having(Verdict.EXTRA):
        live = item.live
        if live is None or live.deleting or not options.request.selects(item.key, _labels(live)):
            continue
        said = marks.deletion_option(_annotations(live), "Prune")
        reason = _kept(said, options)
        if reason:
            skipped[item.key] = reason
        else:
            confirm = "confirm" in (said, said or options.options.get("Prune")) and not options.request.confirmed
            steps.append(PruneStep(live, options.propagation, confirm))
    held = held_back(steps, comparison, options)
    going = [step for step in steps if step.key not in held]
    last = [step for step in going if _goes_last(step, options)]
    by_wave = _by_wave(step for step in going if step not in last) if last else _by_wave(going)
    return Prunes(by_wave, _last(last), {**skipped, **held}, frozenset(held))


def _kept(said: str, options: PlanOptions) -> str:
    """Why an object that left git and says `said` stays; "" if it goes."""
    if not options.prune:
        return "pruning is off (syncPolicy.automated.prune)"
    if said:
        return "" if said in ("true", "confirm") else f"the object says {_written(said)}"
    everywhere = options.options.get("Prune", "true")
    return "" if everywhere in ("true", "confirm") else f"syncOptions say Prune={everywhere}"


def _written(said: str) -> str:
    return "Prune=false" if said == "false" else said[:80]


def _goes_last(step: PruneStep, options: PlanOptions) -> bool:
    own = marks.sync_options(_annotations(step.live)).get("PruneLast")
    return own == "true" if own in ("true", "false") else options.prune_last


def _last(steps: Iterable[PruneStep]) -> tuple[PruneStep, ...]:
    found = _by_wave(steps)
    return tuple(step for wave in sorted(found) for step in found[wave])


def _by_wave(steps: Iterable[PruneStep]) -> dict[int, tuple[PruneStep, ...]]:
    """Prunes by wave, in reverse: what was applied last goes first (Argo CD mirrors the waves of pruned objects)."""
    written: dict[int, list[PruneStep]] = {}
    for step in steps:
        written.setdefault(marks.wave(_annotations(step.live)) or 0, []).append(step)
    order = sorted(written)
    mirrored = dict(zip(order, reversed(order), strict=True))
    return {
        mirrored[wave]: tuple(sorted(found, key=lambda step: (-kind_rank(step.key.kind), step.key)))
        for wave, found in written.items()
    }


def _annotations(live: LiveObject) -> Mapping[str, str]:
    return string_map(live.document.body(), "metadata", "annotations")


def _labels(live: LiveObject) -> Mapping[str, str]:
    return string_map(live.document.body(), "metadata", "labels")
