"""What a remembered result depends on, and whether it still holds at another commit (design decision 2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gitopsd.core.manifest import Read

_COMMITS: Final = 8

Fingerprints = Callable[[Sequence[Read]], Awaitable[Sequence[str]]]
Changes = Callable[[str], Awaitable[frozenset[str] | None]]


@dataclass(frozen=True, slots=True)
class Moment:
    """When and for whom is asked: a commit, the digest of the cluster's version and APIs, the commit's paths.

    `changes` says at which paths the commit differs from an earlier one (None where that cannot be told).
    """

    commit: str
    target: str
    fingerprints: Fingerprints
    changes: Changes


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

    def untouched_by(self, changed: frozenset[str]) -> bool:
        """Whether a commit that differs from one of ours at these paths alone cannot have touched a read.

        Where a read went through a link ("|" in its fingerprint), its path alone does not tell.
        """
        if self.reads is None or any("|" in each for each in self.fingerprints):
            return False
        return all(read.path not in changed for read in self.reads)

    def holds_at(self, commit: str) -> None:
        """Remember that the result is valid at `commit` too."""
        if commit in self.commits:
            self.commits.remove(commit)
        self.commits.append(commit)
        del self.commits[:-_COMMITS]


async def valid_at(candidates: Sequence[Evidence], moment: Moment) -> int | None:
    """The index of the newest candidate (they come oldest first) that holds, None if none does.

    Costs nothing for a commit that a candidate knows, and next to nothing for one that changed other paths than the
    newest candidate read: all applications of a repository share that answer. Else one look-up of fingerprints.
    """
    fitting = [(index, each) for index, each in enumerate(candidates) if each.for_target(moment.target)]
    for index, each in reversed(fitting):
        if moment.commit in each.commits:
            return index
    newest = fitting[-1] if fitting else None
    if newest is not None and newest[1].commits and newest[1].reads is not None:
        changed = await moment.changes(newest[1].commits[-1])
        if changed is not None and newest[1].untouched_by(changed):
            newest[1].holds_at(moment.commit)
            return newest[0]
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
