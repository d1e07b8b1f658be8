"""What a run of the property test tried, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass
class Tally:
    """What was tried, per kind."""

    objects: Counter[str] = field(default_factory=Counter)
    discarded: Counter[str] = field(default_factory=Counter)
    rounds: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    synced: Counter[str] = field(default_factory=Counter)
    quick: Counter[str] = field(default_factory=Counter)
    untouched: Counter[str] = field(default_factory=Counter)
    untouched_quick: Counter[str] = field(default_factory=Counter)
    drifted: Counter[str] = field(default_factory=Counter)
    unable: Counter[str] = field(default_factory=Counter)
    again: Counter[str] = field(default_factory=Counter)
    plain: Counter[str] = field(default_factory=Counter)
    plain_quick: Counter[str] = field(default_factory=Counter)
    owners: int = 0

    def lines(self) -> Iterator[str]:
        """A table: one line per kind, then the sums."""
        yield (
            f"{'kind':31}{'objects':>8}{'refused':>8}{'rounds':>8}{'drifted':>8}{'syncs':>7}{'quick':>7}"
            f"{'plain':>7}{'quick':>7}{'untouched':>10}{'quick':>7}"
        )
        for kind in sorted(self.objects):
            yield self._line(kind, *(counter[kind] for counter in self._columns()))
        yield self._line(f"{len(self.objects)} kinds", *(counter.total() for counter in self._columns()))
        yield "changes: " + ", ".join(f"{who} {count}" for who, count in sorted(self.changes.items()))
        yield f"changes that the API server refused: {self.refused.total()}"
        yield f"differences with their owner: {self.owners}"
        yield f"objects that it refused to take once more, unchanged: {self.again.total()}"
        yield f"applies that could not be, because of what somebody changed: {self.unable.total()}"

    def _columns(self) -> Sequence[Counter[str]]:
        return (
            *(self.objects, self.discarded, self.rounds, self.drifted),
            *(self.synced, self.quick, self.plain, self.plain_quick, self.untouched, self.untouched_quick),
        )

    @staticmethod
    def _line(kind: str, *counts: int) -> str:
        objects, discarded, rounds, drifted, synced, quick, plain, plain_quick, untouched, untouched_quick = counts
        return (
            f"{kind:31}{objects:8}{discarded:8}{rounds:8}{drifted:8}{synced:7}{_percent(quick, synced)}"
            f"{plain:7}{_percent(plain_quick, plain)}{untouched:10}{_percent(untouched_quick, untouched)}"
        )


def _percent(count: int, of: int) -> str:
    return f"{100 * count / of:6.0f}%" if of else f"{'-':>7}"
