"""Single files of the web: what a URL gives now, kept as a folder with that one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import anyio.abc

from gitopsd.core.history import RevisionInfo
from gitopsd.core.jsonvalue import JsonObject, JsonValue, boolean, mapping, text
from gitopsd.ports.sources import Refs
from gitopsd.sources.artifact_address import Address
from gitopsd.sources.artifact_fetch import ArtifactFetch
from gitopsd.sources.artifact_reasons import artifact_error
from gitopsd.sources.artifact_shelf import ArtifactShelf
from gitopsd.sources.shared import SharedCalls
from gitopsd.sources.wire import Failure, FailureKind


class WebFile:
    """One URL. A commit is the content's digest, `sha256:HEX`; a look-up brings the content with it."""

    def __init__(
        self, address: Address, fetch: ArtifactFetch, shelf: ArtifactShelf, tasks: anyio.abc.TaskGroup
    ) -> None:
        self._address = address
        self._fetch = fetch
        self._shelf = shelf
        self._lookups: SharedCalls[str] = SharedCalls(tasks)
        self._digest = ""
        self._stamp: JsonObject = {}

    async def refs(self, *, fresh: bool) -> Refs:
        """HEAD alone: what the URL gives."""
        if fresh or not self._digest:
            await self._look_up()
        return Refs({"HEAD": f"sha256:{self._digest}"})

    async def commit(self, revision: str, tag_prefix: str) -> str:  # noqa: ARG002 - a file has one revision
        """What the URL gave at the last look-up, whatever revision is named, save a digest that it is not."""
        current = (await self.refs(fresh=False)).commits["HEAD"]
        if revision.startswith("sha256:") and revision != current:
            raise artifact_error(Failure(FailureKind.GONE, "the URL gives another content now"), self._address.shown)
        return current

    async def snapshot(self, commit: str) -> str:
        """The folder with the file."""
        digest = commit.removeprefix("sha256:")
        found = await self._shelf.find(digest)
        if found is None:
            self._stamp = {}  # the server knows nothing of what was removed here
            await self._look_up()
            found = await self._shelf.find(digest)
        if found is None:
            raise artifact_error(Failure(FailureKind.GONE, "the URL gives another content now"), self._address.shown)
        return found

    async def describe(self, commit: str) -> RevisionInfo:  # noqa: ARG002  # a file has no revisions to tell apart; the port names one
        """Empty: a file says nothing of itself."""
        return RevisionInfo()

    async def keep(self, commits: frozenset[str]) -> None:
        """Remove the snapshots of all other commits."""
        await self._shelf.keep(frozenset(commit.removeprefix("sha256:") for commit in commits))

    def forget(self) -> None:
        """Nobody uses the file any more."""
        self._digest, self._stamp = "", {}

    async def _look_up(self) -> None:
        await self._lookups.call("file", self._looked_up)

    async def _looked_up(self, close: Callable[[], None]) -> str:
        stamp: JsonObject = {}

        def begin(folder: str) -> Mapping[str, JsonValue]:
            close()
            return {"url": self._address.url, "folder": folder, "known": self._stamp}

        async def fill(folder: str) -> str:
            nonlocal stamp
            answer = await self._fetch.ask("file", self._address, lambda: begin(folder))
            if boolean(answer, "unchanged"):
                return ""
            stamp = mapping(answer, "stamp")
            return text(answer, "digest")

        digest = await self._shelf.add(fill)
        if digest:
            self._digest, self._stamp = digest, stamp
        return self._digest
