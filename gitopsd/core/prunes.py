"""Which objects that left git are deleted, which stay and why, and in which order they go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from gitopsd.core import annotations as marks
from gitopsd.core.claims import claim
from gitopsd.core.compare import Comparison, Verdict
from gitopsd.core.guards import held_back
from gitopsd.core.ids import ObjectKey
from gitopsd.core.jsonvalue import mapping, string_map
from gitopsd.core.live import LiveObject
from gitopsd.core.plan import PlanOptions, PruneStep
from gitopsd.core.waves import kind_rank

_GOES: Final = ("true", "confirm")
_LONGEST: Final = 80


@dataclass(frozen=True, slots=True)
class Prunes:
    """`by_wave` are the deletions by the wave at which they happen, in order; `last` those that come after all waves.

    `skipped` stay, with the reason; `guarded` are those of them that go if somebody confirms.
    """

    by_wave: Mapping[int, tuple[PruneStep, ...]]
    last: tuple[PruneStep, ...]
    skipped: Mapping[ObjectKey, str]
    guarded: frozenset[ObjectKey]


class _Going(NamedTuple):
    """An object that left git and may be deleted, and what its annotations say of when."""

    step: PruneStep
    wave: int
    last: bool


def prunes(comparison: Comparison, options: PlanOptions) -> Prunes:
    """What `options` let happen to the objects that left git. Those that are being deleted already are left out."""
    going: list[_Going] = []
    skipped: dict[ObjectKey, str] = {}
    for item in comparison.having(Verdict.EXTRA):
        if item.live is None or item.live.deleting:
            continue
        metadata = mapping(item.live.document.body(), "metadata")
        if not options.request.selects(item.key, string_map(metadata, "labels")):
            continue
        annotations = string_map(metadata, "annotations")
        reason = _kept(annotations, options) or claim(options.claimed, item.key)
        if reason:
            skipped[item.key] = reason
        else:
            going.append(_going(item.live, annotations, options))
    held = held_back([each.step for each in going], comparison, options)
    left = [each for each in going if each.step.key not in held] if held else going
    last = _by_wave(each for each in left if each.last)
    return Prunes(
        _by_wave(each for each in left if not each.last),
        tuple(step for wave in sorted(last) for step in last[wave]),
        {**skipped, **held},
        frozenset(held),
    )


def _kept(annotations: Mapping[str, str], options: PlanOptions) -> str:
    """Why an object that left git stays; "" if it goes."""
    if not options.prune:
        return "pruning is off (syncPolicy.automated.prune)"
    said = marks.deletion_option(annotations, "Prune")
    if said:
        written = "Prune=false" if said == "false" else said[:_LONGEST]
        return "" if said in _GOES else f"the object says {written}"
    everywhere = options.options.get("Prune", "true")
    return "" if everywhere in _GOES else f"syncOptions say Prune={everywhere}"


def _going(live: LiveObject, annotations: Mapping[str, str], options: PlanOptions) -> _Going:
    said = marks.deletion_option(annotations, "Prune") or options.options.get("Prune")
    step = PruneStep(live, options.propagation, said == "confirm" and not options.request.confirmed)
    own = marks.sync_options(annotations).get("PruneLast")
    last = own == "true" if own in ("true", "false") else options.prune_last
    return _Going(step, marks.wave(annotations) or 0, last)


def _by_wave(going: Iterable[_Going]) -> dict[int, tuple[PruneStep, ...]]:
    """Prunes by wave, in reverse: what was applied last goes first (Argo CD mirrors the waves of pruned objects)."""
    written: dict[int, list[PruneStep]] = {}
    for each in going:
        written.setdefault(each.wave, []).append(each.step)
    order = sorted(written)
    mirrored = dict(zip(order, reversed(order), strict=True))
    return {
        mirrored[wave]: tuple(sorted(found, key=lambda step: (-kind_rank(step.key.kind), step.key)))
        for wave, found in written.items()
    }
