"""Artifacts and charts of OCI registries: tags move, manifests' digests do not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import anyio.abc

from gitopsd.core.history import RevisionInfo
from gitopsd.core.jsonvalue import JsonObject, JsonValue, objects, string_map, text
from gitopsd.ports.sources import Refs
from gitopsd.sources.artifact_address import Address
from gitopsd.sources.artifact_description import described_artifact, described_chart
from gitopsd.sources.artifact_fetch import ArtifactFetch
from gitopsd.sources.artifact_reasons import artifact_error
from gitopsd.sources.artifact_shelf import ArtifactShelf
from gitopsd.sources.shared import SharedCalls
from gitopsd.sources.wire import Failure, FailureKind

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_LONGEST: Final = 256
Wanted = tuple[str, str]
"""A revision (tag, digest or range) and the prefix of the tags that count."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What a revision stood for at the last look-up; `failure` where it stood for nothing."""

    tag: str = ""
    digest: str = ""
    failure: Failure | None = None


class OciArtifact:
    """One repository of a registry. A commit is the digest of a manifest, `sha256:HEX`."""

    def __init__(
        self, address: Address, fetch: ArtifactFetch, shelf: ArtifactShelf, tasks: anyio.abc.TaskGroup
    ) -> None:
        self._address = address
        self._fetch = fetch
        self._shelf = shelf
        self._lookups: SharedCalls[Mapping[Wanted, _Found]] = SharedCalls(tasks)
        self._known: dict[Wanted, _Found] = {}
        self._asked: set[Wanted] = set()
        self._annotations: dict[str, Mapping[str, str]] = {}

    async def refs(self, *, fresh: bool) -> Refs:
        """The tags in use. A fresh look-up resolves the revisions that were asked for since the last one anew."""
        if fresh and self._known:
            wanted = tuple(sorted(self._asked or self._known))
            self._asked.clear()
            self._known = dict(await self._lookups.call(("all", wanted), partial(self._look_up, wanted)))
        return Refs({f"refs/tags/{each.tag}": each.digest for each in self._known.values() if each.tag and each.digest})

    async def commit(self, revision: str, tag_prefix: str) -> str:
        """The manifest's digest for a tag, digest or range of versions."""
        wanted = (revision, tag_prefix)
        if len(revision) > _LONGEST or len(tag_prefix) > _LONGEST:
            raise artifact_error(Failure(FailureKind.MISSING, "the revision is too long"), self._address.shown)
        found = self._known.get(wanted)
        if found is None:
            found = (await self._lookups.call(("one", wanted), partial(self._look_up, (wanted,))))[wanted]
            self._known[wanted] = found
        self._asked.add(wanted)
        if found.failure is not None:
            raise artifact_error(found.failure, self._address.shown)
        return found.digest

    async def snapshot(self, commit: str) -> str:
        """The unpacked layer; of a chart without its top folder."""
        if not _DIGEST.fullmatch(commit):
            raise artifact_error(Failure(FailureKind.MISSING, "this is no digest of a manifest"), self._address.shown)
        digest = commit.removeprefix("sha256:")
        return await self._shelf.get(digest, partial(self._pull, digest))

    async def describe(self, commit: str) -> RevisionInfo:
        """What the manifest's annotations said when it was pulled; else, of a chart, what its own file says."""
        if commit in self._annotations:
            tags = (each.tag for each in self._known.values() if each.digest == commit)
            return described_artifact(self._annotations[commit], tags)
        return await self._shelf.look(commit.removeprefix("sha256:"), described_chart, RevisionInfo())

    async def keep(self, commits: frozenset[str]) -> None:
        """Remove the snapshots of all other commits."""
        self._annotations = {commit: said for commit, said in self._annotations.items() if commit in commits}
        await self._shelf.keep(frozenset(commit.removeprefix("sha256:") for commit in commits))

    def forget(self) -> None:
        """Nobody uses the artifact any more."""
        self._known.clear()
        self._asked.clear()
        self._annotations.clear()

    async def _look_up(self, wanted: Sequence[Wanted], close: Callable[[], None]) -> Mapping[Wanted, _Found]:
        revisions: list[JsonValue] = [{"revision": revision, "prefix": prefix} for revision, prefix in wanted]

        def begin() -> Mapping[str, JsonValue]:
            close()
            return {"revisions": revisions}

        answer = await self._fetch.ask("oci", self._address, begin)
        return dict(zip(wanted, map(_found, objects(answer, "resolved")), strict=True))

    async def _pull(self, digest: str, folder: str) -> str:
        answer = await self._fetch.ask("pull", self._address, lambda: {"digest": digest, "folder": folder})
        if annotations := string_map(answer, "annotations"):
            self._annotations[f"sha256:{digest}"] = annotations
        return digest


def _found(answer: JsonObject) -> _Found:
    kind = text(answer, "failure")
    if kind:
        return _Found(failure=Failure(FailureKind(kind), text(answer, "why")))
    return _Found(text(answer, "version"), text(answer, "digest"))
