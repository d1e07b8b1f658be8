"""Git repositories for the control and render rooms: the port `Sources`, done by workers that can be killed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from gitopsd.core.errors import SourceError, shown_url
from gitopsd.core.history import RevisionInfo
from gitopsd.core.jsonvalue import JsonObject, JsonValue
from gitopsd.core.manifest import Read
from gitopsd.core.origin import OriginKind
from gitopsd.core.repo_url import normalise
from gitopsd.ports.sources import Refs, RepositoryAccess, Snapshot, Sources
from gitopsd.sources.accesses import Accesses
from gitopsd.sources.folder_lock import locked
from gitopsd.sources.folders import Folders, digest_of
from gitopsd.sources.githubapp import AppTokens
from gitopsd.sources.limits import GitLimits, GitRequest, OnRequest
from gitopsd.sources.pool import WorkerPool, default_worker_command
from gitopsd.sources.repository import Repository
from gitopsd.sources.submodules import check_reach
from gitopsd.sources.urls import check_url


def _unheard(_: GitRequest) -> None:
    """Nobody counts."""


class GitSources(anyio.AsyncContextManagerMixin):
    """Mirrors, refs and snapshots of git repositories below one folder, which belongs to this object alone.

    Entering it raises `SourceError` while another process has the folder.

    `repositories` say how to reach those that need more than their URL (a sequence means no templates); any other URL
    is read without credentials.
    `worker_command` starts one worker (`python -m gitopsd.sources.worker`); `on_request` hears of each request to a
    server.
    """

    def __init__(
        self,
        *,
        folder: Path,
        repositories: Sequence[RepositoryAccess] | Accesses = (),
        limits: GitLimits | None = None,
        worker_command: Sequence[str] | None = None,
        on_request: OnRequest = _unheard,
    ) -> None:
        self._limits = limits or GitLimits()
        self._folders = Folders(folder.absolute())
        self._pool = WorkerPool(self._folders.workers, self._limits, worker_command or default_worker_command())
        self._on_request = on_request
        self._accesses = _as_accesses(repositories)
        self._repositories: dict[str, Repository] = {}

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncIterator[GitSources]:
        async with locked(self._folders.root), self._running():
            yield self

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        await self._folders.prepare()
        async with self._pool, anyio.create_task_group() as tasks:
            self._tasks = tasks
            self._tokens = AppTokens(self._ask_forge, tasks)
            try:
                yield
            finally:
                tasks.cancel_scope.cancel()

    def reconfigure(self, repositories: Sequence[RepositoryAccess] | Accesses) -> None:
        """Use these accesses from the next request on; mirrors, refs and snapshots stay. `SourceError`: a bad URL."""
        accesses = _as_accesses(repositories)
        for _, access in accesses.repositories:
            if access.kind is OriginKind.GIT:
                check_url(access.url)
        self._accesses = accesses
        for repository in self._repositories.values():
            repository.reconfigure(accesses.find(repository.origin))

    def workers(self) -> Sequence[int]:
        """The process ids of the git workers that run now; what they use belongs to gitopsd's own use."""
        return self._pool.workers()

    def waiting(self) -> Mapping[str, int]:
        """How many requests wait for a worker, of each repository that was asked for, as it may be shown."""
        return {repository.shown: repository.waiting for repository in self._repositories.values()}

    async def refs(self, repo_url: str, *, fresh: bool) -> Refs:
        """See the port."""
        return await self._repository(repo_url).refs(fresh=fresh)

    async def commit(self, repo_url: str, target_revision: str, tag_prefix: str = "") -> str:
        """See the port."""
        return await self._repository(repo_url).commit(target_revision, tag_prefix)

    async def fingerprints(self, repo_url: str, commit: str, reads: Sequence[Read]) -> Sequence[str]:
        """See the port."""
        return await self._repository(repo_url).fingerprints(commit, reads)

    async def changes(self, repo_url: str, before: str, after: str) -> frozenset[str] | None:
        """See the port."""
        return await self._repository(repo_url).changes(before, after)

    async def snapshot(self, repo_url: str, commit: str) -> Snapshot:
        """See the port."""
        return await self._repository(repo_url).snapshot(commit)

    def form(self, repo_url: str) -> str:
        """See the port."""
        return self._repository(repo_url).form

    async def describe(self, repo_url: str, commits: Sequence[str]) -> Sequence[RevisionInfo]:
        """See the port."""
        try:
            return await self._repository(repo_url).describe(commits)
        except SourceError:
            return [RevisionInfo()] * len(commits)

    async def keep(self, wanted: Mapping[str, frozenset[str]]) -> None:
        """See the port. What is being made or linked from stays until the next time."""
        commits = self._with_submodules({normalise(url): kept for url, kept in wanted.items()})
        for key, repository in list(self._repositories.items()):
            await repository.keep(commits.get(key, frozenset()))
            if key not in commits:
                await repository.forget()
        mine = {repository.digest for repository in self._repositories.values()}
        strangers = await self._folders.repositories() - mine - {digest_of(key) for key in commits}
        await self._folders.remove(path for digest in strangers for path in self._folders.all_of(digest))
        for key in set(commits) - set(self._repositories):
            await self._folders.keep_snapshots(digest_of(key), commits[key])

    async def _ask_forge(self, request: Mapping[str, JsonValue], trust: str) -> JsonObject:
        return await self._pool.remote(request, self._limits.lookup_seconds, trust=trust, begin=lambda: None)

    def _repository(self, repo_url: str) -> Repository:
        key = normalise(repo_url)
        known = self._repositories.get(key)
        if known is None:
            known = self._repositories[key] = Repository(
                self._accesses.find(repo_url),
                folders=self._folders,
                pool=self._pool,
                limits=self._limits,
                tasks=self._tasks,
                tokens=self._tokens,
                on_request=self._on_request,
                submodule=self._submodule,
            )
        return known

    async def _submodule(self, url: str, owner: Repository) -> Repository:
        """The repository of a submodule: reached with what the configuration says of its own URL, never the owner's."""
        if self._accesses.entry(url) is None:
            await check_reach(url, owner.url.url)
        mine = self._accesses.entry(owner.origin)
        why = self._accesses.refusal(url, mine.project if mine is not None else "")
        if why:
            raise SourceError(
                "a submodule's repository is for others",
                where=shown_url(url),
                why=why,
                hint="give the repository that has the submodule the same project",
            )
        return self._repository(url)

    def _with_submodules(self, wanted: Mapping[str, frozenset[str]]) -> Mapping[str, frozenset[str]]:
        """What is wanted, and the submodules of it that were asked for since the start."""
        found = {key: set(commits) for key, commits in wanted.items()}
        todo = [(key, commit) for key, commits in wanted.items() for commit in commits]
        while todo:
            key, commit = todo.pop()
            owner = self._repositories.get(key)
            for module in owner.pinned(commit) if owner is not None else ():
                inner = (normalise(module.url), module.commit)
                if inner[1] not in found.setdefault(inner[0], set()):
                    found[inner[0]].add(inner[1])
                    todo.append(inner)
        return {key: frozenset(commits) for key, commits in found.items()}


def _as_accesses(repositories: Sequence[RepositoryAccess] | Accesses) -> Accesses:
    return repositories if isinstance(repositories, Accesses) else Accesses(repositories)


if TYPE_CHECKING:
    _: type[Sources] = GitSources
