"""Charts, OCI artifacts and files of the web for the control and render rooms: the port `Sources` for their origins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from gitopsd.core.errors import SourceError
from gitopsd.core.history import RevisionInfo
from gitopsd.core.manifest import Read
from gitopsd.core.origin import OriginKind
from gitopsd.ports.sources import Refs, Snapshot, Sources
from gitopsd.sources.accesses import Accesses
from gitopsd.sources.artifact_address import Address, check_origin
from gitopsd.sources.artifact_fetch import ArtifactFetch, OnConnection
from gitopsd.sources.artifact_file import WebFile
from gitopsd.sources.artifact_helm import HelmChart, HelmRepository
from gitopsd.sources.artifact_limits import ArtifactLimits
from gitopsd.sources.artifact_oci import OciArtifact
from gitopsd.sources.artifact_process import FetchProcesses
from gitopsd.sources.artifact_shelf import ArtifactShelf
from gitopsd.sources.folders import Folders, digest_of
from gitopsd.sources.limits import GitRequest, OnRequest

Artifact = HelmChart | OciArtifact | WebFile


def fetch_command(engine: str | None) -> Sequence[str] | None:
    """The command that starts one fetch with the engine at a path; None without one."""
    return None if engine is None else (engine, "fetch")


def _unheard_request(_: GitRequest) -> None:
    """Nobody counts."""


def _unheard_connection(_origin: str, _error: str) -> None:
    """Nobody wants to know."""


class ArtifactSources(anyio.AsyncContextManagerMixin):
    """Snapshots of charts, artifacts and files below one folder, which belongs to this object alone.

    `command` starts one fetch (`gitopsd-engine fetch`), None where there is no engine: then every request says so.
    `accesses` chooses credentials by URL. `on_request` and `on_connection` hear of each request to a server.
    """

    def __init__(
        self,
        *,
        folder: Path,
        command: Sequence[str] | None,
        accesses: Accesses | None = None,
        limits: ArtifactLimits | None = None,
        on_request: OnRequest = _unheard_request,
        on_connection: OnConnection = _unheard_connection,
    ) -> None:
        limits = limits or ArtifactLimits()
        self._folders = Folders(folder.absolute())
        self._processes = FetchProcesses(command, most=limits.processes, memory_bytes=limits.memory_bytes)
        self._fetch = ArtifactFetch(
            self._processes, limits, accesses or Accesses(), on_request=on_request, on_connection=on_connection
        )
        self._artifacts: dict[str, Artifact] = {}
        self._repositories: dict[str, HelmRepository] = {}

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncIterator[ArtifactSources]:
        await self._folders.prepare()
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            try:
                yield self
            finally:
                tasks.cancel_scope.cancel()

    def reconfigure(self, accesses: Accesses) -> None:
        """Use these accesses from the next request on; what is known and the snapshots stay."""
        self._fetch.accesses = accesses

    def workers(self) -> Sequence[int]:
        """The process ids of the fetches that run now."""
        return self._processes.running()

    async def refs(self, repo_url: str, *, fresh: bool) -> Refs:
        """See the port. Versions and tags are `refs/tags/…`; of a registry, those in use."""
        return await self._artifact(repo_url).refs(fresh=fresh)

    async def commit(self, repo_url: str, target_revision: str, tag_prefix: str = "") -> str:
        """See the port: a version, tag, digest, or a range of versions. What it stood for is kept until the next fresh
        look-up.
        """
        return await self._artifact(repo_url).commit(target_revision, tag_prefix)

    async def fingerprints(self, repo_url: str, commit: str, reads: Sequence[Read]) -> Sequence[str]:  # noqa: ARG002 - the port has it
        """See the port. The commit itself: another one is another artifact, in all of its files."""
        return [commit] * len(reads)

    async def changes(self, repo_url: str, before: str, after: str) -> frozenset[str] | None:  # noqa: ARG002 - the port has it
        """See the port."""
        return frozenset() if before == after else None

    async def snapshot(self, repo_url: str, commit: str) -> Snapshot:
        """See the port. Of a chart: the chart's folder; of a file: a folder with that one file."""
        address = check_origin(repo_url)
        return Snapshot(await self._artifact(repo_url).snapshot(commit), address.origin, commit)

    def form(self, repo_url: str) -> str:  # noqa: ARG002 - the port has it
        """See the port. There is only one."""
        return ""

    async def describe(self, repo_url: str, commits: Sequence[str]) -> Sequence[RevisionInfo]:
        """See the port. Of a chart what its Chart.yaml says, of an artifact its annotations."""
        try:
            artifact = self._artifact(repo_url)
        except SourceError:
            return [RevisionInfo()] * len(commits)
        return [await artifact.describe(commit) for commit in commits]

    async def keep(self, wanted: Mapping[str, frozenset[str]]) -> None:
        """See the port. What is being made stays until the next time."""
        commits = {key: kept for url, kept in wanted.items() if (key := _key(url))}
        for key, artifact in list(self._artifacts.items()):
            await artifact.keep(commits.get(key, frozenset()))
            if key not in commits:
                artifact.forget()
                del self._artifacts[key]
        for key in [key for key, repository in self._repositories.items() if not repository.used]:
            del self._repositories[key]
        used = {digest_of(key) for key in (*commits, *self._artifacts)}
        strangers = await self._folders.repositories() - used
        await self._folders.remove(path for digest in strangers for path in self._folders.all_of(digest))
        for key in set(commits) - set(self._artifacts):
            names = frozenset(commit.rpartition("sha256:")[2] for commit in commits[key])
            await self._folders.keep_snapshots(digest_of(key), names)

    def _artifact(self, repo_url: str) -> Artifact:
        address = check_origin(repo_url)
        known = self._artifacts.get(address.key)
        if known is None:
            known = self._artifacts[address.key] = self._opened(address)
        return known

    def _opened(self, address: Address) -> Artifact:
        shelf = ArtifactShelf(digest_of(address.key), self._folders, self._tasks)
        match address.kind:
            case OriginKind.HELM:
                whole = replace(address, chart="").key
                repository = self._repositories.get(whole)
                if repository is None:
                    repository = self._repositories[whole] = HelmRepository(address, self._fetch, self._tasks)
                return HelmChart(address, repository, self._fetch, shelf)
            case OriginKind.OCI:
                return OciArtifact(address, self._fetch, shelf, self._tasks)
            case OriginKind.FILE:
                return WebFile(address, self._fetch, shelf, self._tasks)
            case OriginKind.GIT:
                raise SourceError("this is a git repository", where=address.shown, hint="name a chart, or oci://…")


def _key(repo_url: str) -> str:
    try:
        return check_origin(repo_url).key
    except SourceError:
        return ""


if TYPE_CHECKING:
    _: type[Sources] = ArtifactSources
