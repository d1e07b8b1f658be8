"""From a target revision to what it means on a server, and the errors for those that mean nothing there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import anyio
from anyio import to_thread

from gitopsd.core.errors import SourceError
from gitopsd.core.version_range import VersionRange
from gitopsd.ports.sources import Refs
from gitopsd.sources.resolve import ById, InRange, Named, nearest, newest_tag, resolve, tags_at


class Revisions:
    """Of one repository, which is `shown` so. All methods raise `SourceError`."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._refs: Refs | None = None
        self._newest: dict[tuple[VersionRange, str], Named | None] = {}
        self._threads = anyio.CapacityLimiter(1)

    async def meaning(self, refs: Refs, revision: str, tag_prefix: str) -> Named | ById:
        """The ref that is meant, or the (short) id."""
        meant = resolve(refs.commits, revision, tag_prefix)
        if meant is None:
            raise self.unknown(revision, refs.commits)
        if not isinstance(meant, InRange):
            return meant
        found = await self._newest_tag(meant.versions, tag_prefix, refs)
        if found is None:
            raise self._empty_range(revision, tag_prefix, refs.commits)
        return found

    async def _newest_tag(self, versions: VersionRange, tag_prefix: str, refs: Refs) -> Named | None:
        """The newest tag in a range, looked for once for each state of the server."""
        if self._refs is not refs:
            self._refs, self._newest = refs, {}
        known = self._newest
        if (versions, tag_prefix) not in known:
            # A thread: ten thousand tags take some fifty milliseconds.
            found = await to_thread.run_sync(newest_tag, refs.commits, versions, tag_prefix, limiter=self._threads)
            known[versions, tag_prefix] = found
        return known[versions, tag_prefix]

    async def tags(self, refs: Refs | None, commits: frozenset[str]) -> Mapping[str, Sequence[str]]:
        """The names of the tags that point at each of these commits."""
        # A thread: see above.
        return await to_thread.run_sync(tags_at, refs.commits if refs else {}, commits, limiter=self._threads)

    def unknown(self, revision: str, commits: Mapping[str, str]) -> SourceError:
        """The error for a revision that nothing stands for."""
        near = nearest(commits, revision)
        hint = f"did you mean {' or '.join(near)}?" if near else "name a branch, a tag or a full commit id"
        if not commits:
            hint = "push a branch: the repository is empty"
        what = f"{printable(revision)} is not a branch, tag or commit of {self._shown}"
        return SourceError(what, where=self._shown, hint=hint)

    def moved(self, revision: str) -> SourceError:
        """The error for a revision that was another one each time we came."""
        what = f"{printable(revision)} moved while it was fetched"
        return SourceError(what, where=self._shown, hint="wait: it is tried again", retryable=True)

    def _empty_range(self, revision: str, tag_prefix: str, commits: Mapping[str, str]) -> SourceError:
        if not any(ref.startswith("refs/tags/") for ref in commits):
            return SourceError(
                "the repository has no tags",
                where=self._shown,
                why=f"{printable(revision)} is a range of versions, and looked for among tags",
                hint="push a tag with a version, or name a branch or a commit",
            )
        among = f" that begins with {printable(tag_prefix)}" if tag_prefix else ""
        return SourceError(
            f"no tag{among} is in the range {printable(revision)}",
            where=self._shown,
            why="only tags that are versions count, and pre-releases only if the range names one",
            hint="push such a tag, or widen targetRevision (`>=1.0.0-0` takes pre-releases too)",
        )


def printable(revision: str) -> str:
    """A revision as it may be shown."""
    return "".join(letter if letter.isprintable() else "?" for letter in revision or "HEAD")[:200]
