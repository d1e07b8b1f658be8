"""One repository: its refs as last looked up, and through them its mirror and its snapshots."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final, TypeVar

import anyio
import anyio.abc

from gitopsd.core.errors import shown_url
from gitopsd.core.history import RevisionInfo
from gitopsd.core.jsonvalue import JsonObject, JsonValue, integer, mapping, objects, sequence, text
from gitopsd.core.manifest import Read
from gitopsd.core.repo_url import parse
from gitopsd.core.revision_text import moment_of, revision_info
from gitopsd.ports.sources import Refs, RepositoryAccess, Snapshot
from gitopsd.sources.folders import Folders, digest_of
from gitopsd.sources.frames import git_frame
from gitopsd.sources.githubapp import AppTokens
from gitopsd.sources.limits import GitLimits, GitRequest, OnRequest
from gitopsd.sources.mirrored import Mirror
from gitopsd.sources.pool import WorkerPool
from gitopsd.sources.reasons import source_error
from gitopsd.sources.resolve import ById, Named
from gitopsd.sources.revisions import Revisions
from gitopsd.sources.shared import SharedCalls
from gitopsd.sources.shelf import Shelf, Supplies, Way
from gitopsd.sources.submodules import Module, Part, Submodules
from gitopsd.sources.urls import NormalisedUrl, check_url
from gitopsd.sources.vouching import Vouching
from gitopsd.sources.wire import Failure, FailureKind

Result = TypeVar("Result")


_KEPT_CHANGES: Final = 16
_KEPT_INFOS: Final = 32


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
        tokens: AppTokens,
        on_request: OnRequest,
        submodule: Callable[[str, Repository], Awaitable[Repository]],
    ) -> None:
        self._folders = folders
        self._pool = pool
        self._limits = limits
        self._tokens = tokens
        self._on_request = on_request
        self.url: NormalisedUrl = check_url(access.url)
        self._access = access
        self._shown = shown_url(self.url.url)
        self.digest = digest_of(self.url.key)
        self.waiting = 0
        """Requests to the server that wait for a worker."""
        self._refs: Refs | None = None
        self._known = ""
        self._base = ""
        self._noted = anyio.Event()
        self._looking = anyio.Lock()
        self._lookups: SharedCalls[Refs] = SharedCalls(tasks)
        self._commits: SharedCalls[str] = SharedCalls(tasks)
        self._differences: SharedCalls[frozenset[str] | None] = SharedCalls(tasks)
        self._descriptions: SharedCalls[Mapping[str, JsonObject]] = SharedCalls(tasks)
        self._infos: dict[str, JsonObject] = {}
        self._changes: dict[tuple[str, str], frozenset[str] | None] = {}
        self._revisions = Revisions(self._shown)
        self._mirror = Mirror(
            self.digest, folders=folders, pool=pool, most_packs=limits.mirror_packs, fetch=self._fetch
        )
        self._vouching = Vouching(read=self._read, have_ref=self._mirror.have_ref)
        self._submodules = Submodules(read=self._read, find=submodule, limits=limits)
        supplies = Supplies(read=self._read, local=pool.local, lent=self._lent, bring=self._bring)
        self._shelf = Shelf(self.digest, folders=folders, limits=limits, tasks=tasks, supplies=supplies)

    @property
    def origin(self) -> str:
        """The URL as it was asked for or configured."""
        return self._access.url

    @property
    def shown(self) -> str:
        """The URL as it may be shown, and is in what is told of requests."""
        return self._shown

    @property
    def form(self) -> str:
        """See the port."""
        return self._way.suffix

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

    async def commit(self, revision: str, tag_prefix: str = "") -> str:
        """See the port. Who asks for the same at the same time shares the fetch."""
        for fresh in (False, True):
            refs = await self.refs(fresh=fresh)
            asked = (revision, tag_prefix, self._known)
            try:
                return await self._commits.call(asked, partial(self._commit, revision, tag_prefix, refs))
            except _MovedError:
                continue
        raise self._revisions.moved(revision)

    async def fingerprints(self, commit: str, reads: Sequence[Read]) -> Sequence[str]:
        """See the port."""
        pairs: list[JsonValue] = [[read.path, read.kind.value] for read in reads]
        way = self._way
        request: dict[str, JsonValue] = {
            "op": "fingerprints",
            "commit": commit,
            "reads": pairs,
            "with_modules": way.submodules,
            "with_objects": way.lfs,
        }
        answer = await self._told(self._read(request, commit))
        return [str(item) for item in sequence(answer, "texts")]

    async def changes(self, before: str, after: str) -> frozenset[str] | None:
        """See the port. All applications of the repository ask the same at each commit: one answer serves them."""
        pair = (before, after)
        if pair not in self._changes:
            answer = await self._differences.call(pair, partial(self._difference, before, after))
            self._changes[pair] = answer
            while len(self._changes) > _KEPT_CHANGES:
                del self._changes[next(iter(self._changes))]
        return self._changes.get(pair)

    async def _difference(self, before: str, after: str, _: Callable[[], None]) -> frozenset[str] | None:
        answer = await self._told(self._read({"op": "changes", "before": before, "after": after}, after))
        paths = answer.get("paths")
        return frozenset(str(path) for path in paths) if isinstance(paths, list) else None

    async def describe(self, commits: Sequence[str]) -> Sequence[RevisionInfo]:
        """See the port. What the last look-up said, and what the mirror has; one question serves all applications."""
        await self._read_note()
        unknown = [commit for commit in commits if commit not in self._infos]
        answers = await self._descriptions.call(tuple(unknown), partial(self._described, unknown)) if unknown else {}
        self._infos.update((commit, found) for commit, found in answers.items() if found)
        infos = [self._infos.get(commit, {}) for commit in commits]
        while len(self._infos) > _KEPT_INFOS:
            del self._infos[next(iter(self._infos))]
        tags = await self._revisions.tags(self._refs, frozenset(commits))
        return [_info(info, tags[commit]) for commit, info in zip(commits, infos, strict=True)]

    async def _described(self, commits: Sequence[str], _: Callable[[], None]) -> Mapping[str, JsonObject]:
        request: dict[str, JsonValue] = {"op": "describe", "mirror": self._mirror.path, "commits": list(commits)}
        answer = await self._told(self._pool.local(request))
        return dict(zip(commits, objects(answer, "infos"), strict=True))

    async def snapshot(self, commit: str) -> Snapshot:
        """See the port."""
        return Snapshot(await self._told(self._shelf.get(commit, self._way)), self.url.url, commit)

    @asynccontextmanager
    async def lent(self, commit: str, way: Way) -> AsyncIterator[str]:
        """The folder of a commit that another repository has as a submodule; it stays until the block ends."""
        async with AsyncExitStack() as stack:
            yield await self._told(stack.enter_async_context(self._shelf.lent(commit, way)))

    async def parts(self, commit: str, level: int = 0) -> list[Part]:
        """A commit and all submodules in it, fetched into their mirrors."""
        await self._told(self._have(commit))
        inner = await self._told(self._submodules.parts(self, commit, level))
        return [Part("", self._mirror.path, commit), *inner]

    def pinned(self, commit: str) -> Sequence[Module]:
        """The submodules of a commit, as far as somebody asked for them."""
        return self._submodules.known(commit)

    async def keep(self, commits: frozenset[str]) -> None:
        """Remove the snapshots of all other commits, save what is being made or linked from."""
        await self._shelf.keep(commits)

    async def forget(self) -> None:
        """Remove mirror and refs, unless they are in use just now; both come back when somebody asks."""
        if self._looking.locked() or self._mirror.busy:
            return
        async with self._looking:
            self._refs, self._known = None, ""
            self._noted.set()
            await self._mirror.drop()
            await self._folders.remove([self._folders.note(self.digest)])

    # Refs

    async def _look_up(self, close: Callable[[], None]) -> Refs:
        async with self._looking:
            request: dict[str, JsonValue] = {
                "op": "refs",
                "known": self._known,
                "max_refs": self._limits.refs,
                "note": self._folders.note(self.digest),
            }
            asked = self._asked("ls-remote", request, self.url.url, self._limits.lookup_seconds, close)
            answer = await self._told(asked)
            return self._taken_over(answer)

    def _taken_over(self, answer: JsonObject) -> Refs:
        self._base = text(answer, "base")
        if self._refs is None or "refs" in answer:
            self._refs = Refs({name: str(commit) for name, commit in mapping(answer, "refs").items()})
            self._known = text(answer, "digest")
        return self._refs

    async def _read_note(self) -> None:
        """Take over what the last look-up before a restart said."""
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

    async def _commit(self, revision: str, tag_prefix: str, refs: Refs, _: Callable[[], None]) -> str:
        match await self._revisions.meaning(refs, revision, tag_prefix):
            case Named(ref=ref, commit=commit):
                if not await self._told(self._mirror.hold(commit, ref)):
                    raise _MovedError
                await self._told(self._vouching.check(commit, ref, self._access.verify))
                return commit
            case ById(digits=digits):
                found = await self._told(self._mirror.find(digits, refs.commits, self._known))
                if found is None:
                    raise self._revisions.unknown(revision, refs.commits)
                await self._told(self._vouching.check(found, "", self._access.verify))
                return found

    @property
    def _way(self) -> Way:
        return Way(self._access.submodules, self._access.enable_lfs)

    @asynccontextmanager
    async def _lent(self, commit: str, way: Way) -> AsyncIterator[Mapping[str, JsonValue]]:
        """What a snapshot needs beside the commit itself."""
        found: dict[str, JsonValue] = {}
        async with AsyncExitStack() as stack:
            if way.submodules:
                modules = await stack.enter_async_context(self._submodules.lent(self, commit, way))
                found.update(with_modules=True, modules=modules)
            if way.lfs:
                found["objects"] = self._folders.objects(self.digest)
            yield found

    async def _bring(self, missing: Mapping[str, int]) -> None:
        """Fetch LFS objects (id → bytes)."""
        request: dict[str, JsonValue] = {
            "op": "objects",
            "folder": self._folders.objects(self.digest),
            "missing": dict(missing),
            "max_bytes": self._limits.snapshot_bytes,
        }
        await self._asked("fetch", request, self._base or self.url.url, self._limits.fetch_seconds, _unheard)

    async def _have(self, commit: str) -> None:
        """Have a commit in the mirror that another repository names: its branches may have moved since we looked."""
        for fresh in (False, True):
            refs = await self.refs(fresh=fresh)
            if await self._mirror.find(commit, refs.commits, self._known) is not None:
                return
        raise Failure(FailureKind.GONE, f"no branch and no tag leads to commit {commit}")

    async def _read(self, request: Mapping[str, JsonValue], commit: str) -> JsonObject:
        refs = await self.refs(fresh=False)
        return await self._mirror.read(request, commit, refs.commits, self._known)

    async def _fetch(self, refspecs: Sequence[str], whole: bool) -> JsonObject:
        request: dict[str, JsonValue] = {
            "op": "fetch",
            "mirror": self._mirror.path,
            "refspecs": list(refspecs),
            "max_bytes": self._limits.pack_bytes,
            "depth": self._access.depth,
            "whole": whole,
        }
        return await self._asked("fetch", request, self._base or self.url.url, self._limits.fetch_seconds, _unheard)

    # Requests

    async def _asked(
        self, kind: str, request: Mapping[str, JsonValue], url: str, seconds: float, begin: Callable[[], None]
    ) -> JsonObject:
        """One request to `url`, told to whoever counts them. A token that was revoked meanwhile is replaced once."""
        try:
            return await self._asked_once(kind, request, url, seconds, begin)
        except Failure as failure:
            refused = failure.kind is FailureKind.AUTH
            if not refused or not self._tokens.forget(self._access, parse(self.url.url).path):
                raise
        return await self._asked_once(kind, request, url, seconds, begin)

    async def _asked_once(
        self, kind: str, request: Mapping[str, JsonValue], url: str, seconds: float, begin: Callable[[], None]
    ) -> JsonObject:
        asked = started = anyio.current_time()
        answer: JsonObject | None = None
        error, waits = "", 1
        self.waiting += 1

        def begun() -> None:
            nonlocal started, waits
            started = anyio.current_time()
            self.waiting -= waits
            waits = 0
            begin()

        trust = self._access.ca if self.url.scheme == "https" else ""
        try:
            frame = await self._access_frame(url)
            answer = await self._pool.remote({**request, "access": frame}, seconds, trust=trust, begin=begun)
            return answer
        except Failure as failure:
            error = str(source_error(failure, ""))
            raise
        finally:
            self.waiting -= waits
            seconds, skipped = anyio.current_time() - started, integer(answer, "skipped")
            ok, waited = answer is not None, started - asked
            self._on_request(GitRequest(self._shown, kind, seconds, ok, skipped, error, waited))

    async def _told(self, work: Awaitable[Result]) -> Result:
        try:
            return await work
        except Failure as failure:
            raise source_error(failure, self._shown) from None

    async def _access_frame(self, url: str) -> JsonObject:
        token = await self._tokens.get(self._access, parse(self.url.url).path)
        return git_frame(self._access, self.url, url, token)


def _info(found: JsonObject, tags: Sequence[str]) -> RevisionInfo:
    if not found:
        return RevisionInfo()
    return revision_info(text(found, "author"), moment_of(integer(found, "seconds")), text(found, "message"), tags)


def _unheard() -> None:
    """Nobody wants to know when a fetch begins."""
