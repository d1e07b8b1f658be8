"""One repository's bare mirror as the daemon sees it: which commits it holds, and fetching those that it does not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import anyio

from gitopsd.core.jsonvalue import JsonObject, JsonValue, boolean, integer, text
from gitopsd.sources.folders import Folders, digest_of
from gitopsd.sources.pool import WorkerPool
from gitopsd.sources.wire import Failure, FailureKind

_LOST = frozenset({FailureKind.MIRROR, FailureKind.MISSING})


class Mirror:
    """Holds commits on disk. All methods raise `Failure`. A mirror found damaged is made anew, once for each request.

    `fetch` fetches refspecs into `path`, with the history that the repository is to have, or with all of it (`whole`).
    One fetch at a time; reading goes on meanwhile.
    """

    def __init__(
        self,
        digest: str,
        *,
        folders: Folders,
        pool: WorkerPool,
        most_packs: int,
        fetch: Callable[[Sequence[str], bool], Awaitable[JsonObject]],
    ) -> None:
        self.path = folders.mirror(digest)
        self._folders = folders
        self._pool = pool
        self._most_packs = most_packs
        self._fetch_refspecs = fetch
        self._lock = anyio.Lock()
        self._tidy = False
        self._present: set[str] = set()
        self._everything = ""

    @property
    def busy(self) -> bool:
        """Whether somebody fetches, or looks whether to."""
        return self._lock.locked()

    async def hold(self, commit: str, ref: str) -> bool:
        """Have `commit` in the mirror, fetching `ref` for it if need be; False if it did not come (the ref moved)."""
        if commit in self._present:
            return True
        async with self._lock:
            if await self._found(commit) is None:
                await self._fetch([ref])
                return await self._found(commit) is not None
        return True

    async def find(self, digits: str, commits: Mapping[str, str], known: str) -> str | None:
        """The full id of the commit that `digits` begin; None if neither mirror nor server has one.

        Fetches the ref of `commits` that points at it, or else all branches and tags: once for each state `known` of
        the server.
        """
        if digits in self._present:
            return digits
        async with self._lock:
            found = await self._found(digits)
            if found is None and commits:
                await self._fetch_for(digits, commits, known)
                found = await self._found(digits)
        return found

    async def read(
        self, request: Mapping[str, JsonValue], commit: str, commits: Mapping[str, str], known: str
    ) -> JsonObject:
        """Have a request answered that reads `commit`."""
        whole = {**request, "mirror": self.path}
        await self._must_find(commit, commits, known)
        try:
            return await self._pool.local(whole)
        except Failure as failure:
            if failure.kind not in _LOST:
                raise
        async with self._lock:
            await self._drop()
        await self._must_find(commit, commits, known)
        return await self._pool.local(whole)

    async def have_ref(self, ref: str) -> str:
        """Fetch a ref for itself (a tag's own object does not come with its commit); its name in the mirror."""
        async with self._lock:
            await self._fetch([ref])
        return _own_name(ref)

    async def drop(self) -> None:
        """Remove the mirror; it comes back when somebody asks for a commit."""
        async with self._lock:
            await self._drop()

    async def _must_find(self, commit: str, commits: Mapping[str, str], known: str) -> None:
        if await self.find(commit, commits, known) is None:
            raise Failure(FailureKind.GONE, f"no branch and no tag leads to commit {commit} any more")

    async def _found(self, digits: str) -> str | None:
        await self._make_tidy()
        try:
            answer = await self._pool.local({"op": "commit", "mirror": self.path, "id": digits})
        except Failure as failure:
            if failure.kind != FailureKind.MIRROR:
                raise
            await self._drop()
            return None
        found = text(answer, "commit")
        if found:
            self._present.add(found)
        return found or None

    async def _fetch_for(self, digits: str, commits: Mapping[str, str], known: str) -> None:
        tip = next((ref for ref, commit in commits.items() if commit.startswith(digits)), None)
        if tip is not None:
            await self._fetch([tip])
        elif self._everything != known:
            await self._fetch([], whole=True)
            self._everything = known

    async def _fetch(self, refs: Sequence[str], *, whole: bool = False) -> None:
        """Fetch these refs, or with none all branches and tags."""
        for last in (False, True):
            self._tidy = False  # until it went well: a killed fetch leaves locks and halves behind
            try:
                await self._fetch_refspecs(_refspecs(refs), whole)
            except Failure as failure:
                if failure.kind not in _LOST or last:
                    raise
                await self._drop()
                continue
            self._tidy = True
            return

    async def _make_tidy(self) -> None:
        if self._tidy:
            return
        answer = await self._pool.local({"op": "tidy", "mirror": self.path})
        if not boolean(answer, "whole") or integer(answer, "packs") > self._most_packs:
            await self._drop()
        self._tidy = True

    async def _drop(self) -> None:
        self._present.clear()
        self._everything = ""
        await self._folders.remove([self.path])


def _refspecs(refs: Sequence[str]) -> Sequence[str]:
    """Where fetched refs go in the mirror: below folders of ours, single ones under names of ours too (G7)."""
    if not refs:
        return ["+refs/heads/*:refs/all/heads/*", "+refs/tags/*:refs/all/tags/*"]
    return [f"+{ref}:{_own_name(ref)}" for ref in refs]


def _own_name(ref: str) -> str:
    return f"refs/one/{digest_of(ref)}"
