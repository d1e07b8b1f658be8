"""What a remembered result depends on, and whether it still holds at another commit (design decision 2)."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

from gitopsd.core.manifest import Read
from gitopsd.plugin.supply import Need
from gitopsd.render.supplies import Supplied

_COMMITS: Final = 8

Fingerprints = Callable[[Sequence[Read]], Awaitable[Sequence[str]]]
Changes = Callable[[str], Awaitable[frozenset[str] | None]]
Identify = Callable[[Need], Awaitable[str]]


async def _unknown(_: Need) -> str:
    """Nothing comes from elsewhere."""
    return ""


@dataclass(frozen=True, slots=True)
class Moment:
    """When and for whom is asked: a commit, the digest of the cluster's version and APIs, the commit's paths.

    `changes` says at which places (`place_of`) the commit differs from an earlier one (None where that cannot be told).
    `identify` says what a need stands for now. Where other sources play a part, `commit` names theirs too.
    """

    commit: str
    target: str
    fingerprints: Fingerprints
    changes: Changes
    identify: Identify = _unknown


@dataclass(slots=True)
class Evidence:
    """Reads and their fingerprints; the `commits` (newest last) for which they are known to hold.

    `target` is "" where the cluster played no part. Without reads the result holds at its own commit only. `supplied`
    is what it was given from elsewhere.
    """

    commits: list[str]
    target: str
    reads: tuple[Read, ...] | None
    fingerprints: tuple[str, ...]
    supplied: tuple[Supplied, ...] = ()
    _places: frozenset[str] | None = field(default=None, init=False, repr=False, compare=False)
    _name: str = field(default="", init=False, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Different for different evidence, and the same for ever: what it knows of later commits is no part of it."""
        if not self._name:
            parts = [self.target, *self.fingerprints, *(() if self.reads is not None else self.commits[:1])]
            parts += [f"{read.kind}:{read.root}:{read.path}" for read in self.reads or ()]
            parts += [f"{each.need}:{each.identity}" for each in self.supplied]
            self._name = hashlib.blake2b(orjson.dumps(parts), digest_size=8).hexdigest()
        return self._name

    def for_target(self, target: str) -> bool:
        """Whether the result was made for a cluster like this."""
        return self.target in ("", target)

    def untouched_by(self, changed: frozenset[str]) -> bool:
        """Whether a commit that differs from one of ours at these paths alone cannot have touched a read.

        Where a read went through a link ("|" in its fingerprint), its path alone does not tell.
        """
        if self.reads is None:
            return False
        if self._places is None:
            linked = any("|" in each for each in self.fingerprints)
            self._places = frozenset() if linked else frozenset(place_of(read) for read in self.reads)
        return bool(self._places or not self.reads) and self._places.isdisjoint(changed)

    async def supplied_still(self, moment: Moment) -> bool:
        """Whether each need stands for the same as then; one of which that cannot be told now does."""
        for each in self.supplied:
            if await moment.identify(each.need) not in ("", each.identity):
                return False
        return True

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
        if moment.commit in each.commits and await each.supplied_still(moment):
            return index
    newest = fitting[-1] if fitting else None
    if newest is not None and newest[1].commits and newest[1].reads is not None:
        changed = await moment.changes(newest[1].commits[-1])
        if changed is not None and newest[1].untouched_by(changed) and await newest[1].supplied_still(moment):
            newest[1].holds_at(moment.commit)
            return newest[0]
    reads = sorted({read for _, each in fitting for read in each.reads or ()})
    if not any(each.reads is not None for _, each in fitting):
        return None
    now = dict(zip(reads, await moment.fingerprints(reads) if reads else (), strict=True))
    for index, each in reversed(fitting):
        if each.reads is None or tuple(now[read] for read in each.reads) != each.fingerprints:
            continue
        if await each.supplied_still(moment):
            each.holds_at(moment.commit)
            return index
    return None


def place_of(read: Read) -> str:
    """The read's path, marked with its root where that is not the source's own."""
    return f"{read.root}\0{read.path}" if read.root else read.path


async def gather(
    reads: Sequence[Read] | None, moment: Moment, *, uses_cluster: bool, supplied: Sequence[Supplied] = ()
) -> Evidence:
    """The evidence of a result that was just made."""
    unique = None if reads is None else tuple(sorted(set(reads)))
    fingerprints = tuple(await moment.fingerprints(unique)) if unique else ()
    target = moment.target if uses_cluster else ""
    return Evidence([moment.commit], target, unique, fingerprints, tuple(sorted(supplied)))
