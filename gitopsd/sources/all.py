"""All sources as one: git, Helm repositories, OCI registries and files of the web, told apart by their origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gitopsd.core.history import RevisionInfo
from gitopsd.core.manifest import Read
from gitopsd.core.origin import OriginKind, parse_origin
from gitopsd.ports.sources import Refs, Snapshot, Sources
from gitopsd.sources.accesses import Accesses
from gitopsd.sources.artifacts import ArtifactSources
from gitopsd.sources.git import GitSources


class AllSources:
    """The port `Sources` over both; whoever makes it opens and closes them."""

    def __init__(self, git: GitSources, artifacts: ArtifactSources) -> None:
        self.git = git
        self.artifacts = artifacts

    def reconfigure(self, accesses: Accesses) -> None:
        """Use these accesses from the next request on. `SourceError`, and nothing changed: a bad URL."""
        self.git.reconfigure(accesses)
        self.artifacts.reconfigure(accesses)

    async def refs(self, repo_url: str, *, fresh: bool) -> Refs:
        """See the port."""
        return await self._of(repo_url).refs(repo_url, fresh=fresh)

    async def commit(self, repo_url: str, target_revision: str, tag_prefix: str = "") -> str:
        """See the port."""
        return await self._of(repo_url).commit(repo_url, target_revision, tag_prefix)

    async def fingerprints(self, repo_url: str, commit: str, reads: Sequence[Read]) -> Sequence[str]:
        """See the port."""
        return await self._of(repo_url).fingerprints(repo_url, commit, reads)

    async def changes(self, repo_url: str, before: str, after: str) -> frozenset[str] | None:
        """See the port."""
        return await self._of(repo_url).changes(repo_url, before, after)

    async def snapshot(self, repo_url: str, commit: str) -> Snapshot:
        """See the port."""
        return await self._of(repo_url).snapshot(repo_url, commit)

    def form(self, repo_url: str) -> str:
        """See the port."""
        return self._of(repo_url).form(repo_url)

    async def describe(self, repo_url: str, commits: Sequence[str]) -> Sequence[RevisionInfo]:
        """See the port."""
        return await self._of(repo_url).describe(repo_url, commits)

    async def keep(self, wanted: Mapping[str, frozenset[str]]) -> None:
        """See the port."""
        git = {origin: commits for origin, commits in wanted.items() if _is_git(origin)}
        await self.git.keep(git)
        await self.artifacts.keep({origin: commits for origin, commits in wanted.items() if origin not in git})

    def workers(self) -> Sequence[int]:
        """The process ids of all workers and fetches that run now."""
        return (*self.git.workers(), *self.artifacts.workers())

    def _of(self, repo_url: str) -> Sources:
        return self.git if _is_git(repo_url) else self.artifacts


def _is_git(origin: str) -> bool:
    return parse_origin(origin).kind is OriginKind.GIT


if TYPE_CHECKING:
    _: type[Sources] = AllSources
