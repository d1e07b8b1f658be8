"""What a remembered result depends on, and whether it still holds at another commit (design decision 2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gitopsd.core.manifest import Read

_COMMITS: Final = 8

Fingerprints = Callable[[Sequence[Read]], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Moment:
    """When and for whom is asked: a commit, the digest of the cluster's version and APIs, the commit's paths."""

    commit: str
    target: str
    fingerprints: Fingerprints


@dataclass(slots=True)
class Evidence:
    """Reads and their fingerprints; the `commits` (newest last) for which they are known to hold.

    `target` is "" where the cluster played no part. Without reads the result holds at its own commit only.
    """

    commits: list[str]
    target: str
    reads: tuple[Read, ...] | None
    fingerprints: tuple[str, ...]

    def for_target(self, target: str) -> bool:
        """Whether the result was made for a cluster like this."""
        return self.target in ("", target)

    def holds_at(self, commit: str) -> None:
        """Remember that the result is valid at `commit` too."""
        if commit in self.commits:
            self.commits.remove(commit)
        self.commits.append(commit)
        del self.commits[:-_COMMITS]


async def valid_at(candidates: Sequence[Evidence], moment: Moment) -> int | None:
    """The index of the newest candidate (they come oldest first) that holds, None if none does.

    Costs nothing for a commit that a candidate knows, else one look-up of the fingerprints of all their reads.
    """
    fitting = [(index, each) for index, each in enumerate(candidates) if each.for_target(moment.target)]
    for index, each in reversed(fitting):
        if moment.commit in each.commits:
            return index
    reads = sorted({read for _, each in fitting for read in each.reads or ()})
    if not any(each.reads is not None for _, each in fitting):
        return None
    now = dict(zip(reads, await moment.fingerprints(reads) if reads else (), strict=True))
    for index, each in reversed(fitting):
        if each.reads is not None and tuple(now[read] for read in each.reads) == each.fingerprints:
            each.holds_at(moment.commit)
            return index
    return None


async def gather(reads: Sequence[Read] | None, moment: Moment, *, uses_cluster: bool) -> Evidence:
    """The evidence of a result that was just made."""
    unique = None if reads is None else tuple(sorted(set(reads)))
    fingerprints = tuple(await moment.fingerprints(unique)) if unique else ()
    return Evidence([moment.commit], moment.target if uses_cluster else "", unique, fingerprints)
