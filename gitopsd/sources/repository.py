"""One repository: its refs as last looked up, its mirror, its snapshots."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import anyio
import anyio.abc

from gitopsd.core.errors import SourceError, shown_url
from gitopsd.core.jsonvalue import JsonObject, JsonValue, boolean, integer, mapping, sequence, text
from gitopsd.core.manifest import Read
from gitopsd.ports.sources import Refs, RepositoryAccess, Snapshot
from gitopsd.sources.folders import Folders, digest_of
from gitopsd.sources.limits import GitLimits, GitRequest, OnRequest
from gitopsd.sources.pool import WorkerPool
from gitopsd.sources.reasons import source_error
from gitopsd.sources.resolve import ById, Named, nearest, resolve
from gitopsd.sources.shared import SharedCalls
from gitopsd.sources.urls import NormalisedUrl, check_url
from gitopsd.sources.wire import Failure, FailureKind

Result = TypeVar("Result")
_LOST = frozenset({FailureKind.MIRROR, FailureKind.MISSING})


class _MovedError(Exception):
    """The server no longer has what the last look-up said."""


class Repository:
    """What `GitSources` does, for one repository. All methods raise `SourceError`."""

    def __init__(
        self,
        access: RepositoryAccess,
        *,
        folders: Folders,
        pool: WorkerPool,
        limits: GitLimits,
        tasks: anyio.abc.TaskGroup,
        on_request: OnRequest,
    ) -> None:
        self._folders = folders
        self._pool = pool
        self._limits = limits
        self._on_request = on_request
        self.url: NormalisedUrl = check_url(access.url)
        self._access = access
        self._shown = shown_url(self.url.url)
        self.digest = digest_of(self.url.key)
        self._refs: Refs | None = None
        self._known = ""
        self._base = ""
        self._noted = anyio.Event()
        self._lookups: SharedCalls[Refs] = SharedCalls(tasks)
        self._looking = anyio.Lock()
        self._mirror = anyio.Lock()
        self._tidy = False
        self._present: set[str] = set()
        self._everything = ""
        self._making: SharedCalls[Snapshot] = SharedCalls(tasks)
        self._shelf: dict[str, None] = {}
        self._shelved = anyio.Event()
        self._shelving = anyio.Lock()
        self._in_use: dict[str, int] = {}

    def reconfigure(self, access: RepositoryAccess) -> None:
        """Use other credentials from the next request on; mirror, refs and snapshots stay."""
        if access.url != self._access.url:
            self._base = ""
        self.url = check_url(access.url)
        self._access = access

    async def refs(self, *, fresh: bool) -> Refs:
        """See the port. A look-up that is on the wire already is not shared: it may not tell of the latest push."""
        await self._read_note()
        if self._refs is not None and not fresh:
            return self._refs
        return await self._lookups.call(self.digest, self._look_up)

    async def commit(self, revision: str) -> str:
        """See the port."""
        for fresh in (False, True):
            refs = await self.refs(fresh=fresh)
            found = resolve(refs.commits, revision)
            try:
                match found:
                    case Named(ref=ref, commit=commit):
                        return await self._told(self._ensured(commit, ref))
                    case ById(digits=digits):
                        return await self._told(self._by_id(digits, revision))
                    case None:
                        raise self._unknown(revision, refs.commits)
            except _MovedError:
                continue
        raise SourceError(
            f"{revision or 'HEAD'} moved while it was fetched",
            where=self._shown,
            hint="it is tried again",
            retryable=True,
        )

    async def fingerprints(self, commit: str, reads: Sequence[Read]) -> Sequence[str]:
        """See the port."""
        pairs: list[JsonValue] = [[read.path, read.kind.value] for read in reads]
        request: dict[str, JsonValue] = {"op": "fingerprints", "commit": commit, "reads": pairs}
        answer = await self._told(self._from_mirror(request, commit))
        return [str(item) for item in sequence(answer, "texts")]

    async def snapshot(self, commit: str) -> Snapshot:
        """See the port. Callers at the same time share one making."""
        return await self._making.call(commit, lambda _: self._snapshot(commit))

    async def keep(self, commits: frozenset[str]) -> None:
        """Remove the snapshots of all other commits, save what is being made or linked from."""
        shelf = await self._snapshots()
        gone = [commit for commit in shelf if commit not in commits and commit not in self._in_use]
        for commit in gone:
            del shelf[commit]
        await self._folders.remove(self._folders.snapshot(self.digest, commit) for commit in gone)

    async def forget(self) -> None:
        """Remove the mirror and what the last look-up said; both come back when somebody asks."""
        async with self._looking, self._mirror:
            self._refs, self._known = None, ""
            self._noted.set()
            await self._drop_mirror()
            await self._folders.remove([self._folders.note(self.digest)])

    # Refs

    async def _look_up(self, close: Callable[[], None]) -> Refs:
        async with self._looking:
            request: dict[str, JsonValue] = {
                "op": "refs",
                "access": self._access_frame(self.url.url),
                "known": self._known,
                "max_refs": self._limits.refs,
                "note": self._folders.note(self.digest),
            }
            answer = await self._told(self._asked("ls-remote", request, self._limits.lookup_seconds, close))
            return self._taken_over(answer)

    def _taken_over(self, answer: JsonObject) -> Refs:
        self._base = text(answer, "base")
        if self._refs is None or "refs" in answer:
            self._refs = Refs({name: str(commit) for name, commit in mapping(answer, "refs").items()})
            self._known = text(answer, "digest")
        return self._refs

    async def _read_note(self) -> None:
        if self._noted.is_set():
            return
        async with self._looking:
            if self._noted.is_set():
                return
            note = await self._folders.note_of(self.digest)
            self._noted.set()
            if "refs" in note and text(note, "digest"):
                self._taken_over({**note, "base": ""})

    # Commits

    async def _ensured(self, commit: str, ref: str) -> str:
        """Have the commit in the mirror, fetching `ref` for it if need be."""
        if commit in self._present:
            return commit
        async with self._mirror:
            if await self._held(commit) is None:
                await self._fetch([ref])
                if await self._held(commit) is None:
                    raise _MovedError
        return commit

    async def _by_id(self, digits: str, revision: str) -> str:
        if digits in self._present:
            return digits
        async with self._mirror:
            found = await self._held(digits)
            if found is None:
                await self._fetch_for(digits)
                found = await self._held(digits)
        if found is None:
            raise self._unknown(revision, (await self.refs(fresh=False)).commits)
        return found

    async def _held(self, digits: str) -> str | None:
        """The full id of a commit in the mirror, None if it is not there. Needs the mirror's lock."""
        await self._make_tidy()
        try:
            answer = await self._pool.local({"op": "commit", "mirror": self._folders.mirror(self.digest), "id": digits})
        except Failure as failure:
            if failure.kind != FailureKind.MIRROR:
                raise
            await self._drop_mirror()
            return None
        if why := text(answer, "not"):
            raise SourceError(
                f"{digits} is not a commit of {self._shown}",
                where=self._shown,
                why=f"it is {why}",
                hint="name a branch, a tag, or a commit's full id",
            )
        found = text(answer, "commit")
        if found:
            self._present.add(found)
        return found or None

    async def _fetch_for(self, digits: str) -> None:
        """Fetch the ref with this commit at its tip, or else all branches and tags unless they are here already."""
        commits = (await self.refs(fresh=False)).commits
        tips = [ref for ref, commit in commits.items() if commit.startswith(digits)]
        if tips:
            await self._fetch(tips[:1])
        elif self._everything != self._known and commits:
            known = self._known
            await self._fetch([])
            self._everything = known

    async def _fetch(self, refs: Sequence[str]) -> None:
        """Fetch these refs, or with none all branches and tags. A mirror found damaged is made anew, once."""
        for last in (False, True):
            request: dict[str, JsonValue] = {
                "op": "fetch",
                "access": self._access_frame(self._base or self.url.url),
                "mirror": self._folders.mirror(self.digest),
                "refspecs": _refspecs(refs),
                "max_bytes": self._limits.pack_bytes,
            }
            try:
                await self._asked("fetch", request, self._limits.fetch_seconds, _nothing)
                return
            except Failure as failure:
                self._tidy = False
                if failure.kind not in _LOST or last:
                    raise
                await self._drop_mirror()

    async def _make_tidy(self) -> None:
        if self._tidy:
            return
        answer = await self._pool.local({"op": "tidy", "mirror": self._folders.mirror(self.digest)})
        if not boolean(answer, "whole") or integer(answer, "packs") > self._limits.mirror_packs:
            await self._drop_mirror()
        self._tidy = True

    async def _drop_mirror(self) -> None:
        self._present.clear()
        self._everything = ""
        await self._folders.remove([self._folders.mirror(self.digest)])

    async def _from_mirror(self, request: Mapping[str, JsonValue], commit: str) -> JsonObject:
        """Have a request answered that reads `commit`; a mirror that turns out damaged is made anew, once."""
        await self._by_id(commit, commit)
        whole = {**request, "mirror": self._folders.mirror(self.digest)}
        try:
            return await self._pool.local(whole)
        except Failure as failure:
            if failure.kind not in _LOST:
                raise
        async with self._mirror:
            await self._drop_mirror()
        await self._by_id(commit, commit)
        return await self._pool.local(whole)

    # Snapshots

    async def _snapshot(self, commit: str) -> Snapshot:
        final = self._folders.snapshot(self.digest, commit)
        shelf = await self._snapshots()
        if commit not in shelf or not await self._folders.exists(final):
            base = next((other for other in reversed(shelf) if other != commit), "")
            with _Held(self._in_use, commit), _Held(self._in_use, base):
                await self._make(commit, base, final)
            shelf[commit] = None
        return Snapshot(final, self.url.url, commit)

    async def _make(self, commit: str, base: str, final: str) -> None:
        await self._folders.make_room_for_snapshots(self.digest)
        temp = self._folders.new_temp()
        request: dict[str, JsonValue] = {
            "op": "snapshot",
            "commit": commit,
            "base_commit": base,
            "base": self._folders.snapshot(self.digest, base) if base else "",
            "temp": temp,
            "final": final,
            "max_files": self._limits.snapshot_files,
            "max_bytes": self._limits.snapshot_bytes,
        }
        try:
            await self._told(self._from_mirror(request, commit))
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._folders.remove([temp])
            raise

    async def _snapshots(self) -> dict[str, None]:
        async with self._shelving:
            if not self._shelved.is_set():
                self._shelf = dict.fromkeys(await self._folders.snapshots_of(self.digest))
                self._shelved.set()
        return self._shelf

    # Requests

    async def _asked(
        self, kind: str, request: Mapping[str, JsonValue], seconds: float, begin: Callable[[], None]
    ) -> JsonObject:
        """One request on the network, told to whoever counts them."""
        started = anyio.current_time()
        ok = False

        def begun() -> None:
            nonlocal started
            started = anyio.current_time()
            begin()

        trust = self._access.ca if self.url.scheme == "https" else ""
        try:
            answer = await self._pool.remote(request, seconds, trust=trust, begin=begun)
            ok = True
            return answer
        finally:
            self._on_request(GitRequest(self._shown, kind, anyio.current_time() - started, ok))

    async def _told(self, work: Awaitable[Result]) -> Result:
        try:
            return await work
        except Failure as failure:
            raise source_error(failure, self._shown) from None

    def _access_frame(self, url: str) -> JsonObject:
        access = self._access
        password = access.password or self.url.password
        return {
            "url": url,
            "username": access.username or self.url.user,
            "password": password.reveal() if password else "",
            "token": access.bearer_token.reveal() if access.bearer_token else "",
            "ssh_key": access.ssh_private_key.reveal().rstrip() + "\n" if access.ssh_private_key else "",
            "known_hosts": access.ssh_known_hosts,
            "insecure": access.insecure,
            "insecure_host_key": access.insecure_ignore_host_key,
        }

    def _unknown(self, revision: str, commits: Mapping[str, str]) -> SourceError:
        if not commits:
            hint = "push a branch: the repository is empty"
        else:
            near = nearest(commits, revision)
            hint = f"did you mean {' or '.join(near)}?" if near else "name a branch, a tag or a full commit id"
        shown = "".join(letter if letter.isprintable() else "?" for letter in revision or "HEAD")[:200]
        return SourceError(f"{shown} is not a branch, tag or commit of {self._shown}", where=self._shown, hint=hint)


class _Held:
    """Counts a snapshot as in use while something is made of it."""

    def __init__(self, counts: dict[str, int], commit: str) -> None:
        self._counts = counts
        self._commit = commit

    def __enter__(self) -> None:
        self._counts[self._commit] = self._counts.get(self._commit, 0) + 1

    def __exit__(self, *_: object) -> None:
        self._counts[self._commit] -= 1
        if not self._counts[self._commit]:
            del self._counts[self._commit]


def _refspecs(refs: Sequence[str]) -> list[JsonValue]:
    """Where fetched refs go in the mirror: under names of ours, so that none can be in another's way (G7)."""
    if not refs:
        return ["+refs/heads/*:refs/all/heads/*", "+refs/tags/*:refs/all/tags/*"]
    return [f"+{ref}:refs/one/{digest_of(ref)}" for ref in refs]


def _nothing() -> None:
    """Nobody waits for a fetch to begin."""
