"""Charts of Helm repositories: one index for all charts of a repository, one archive for each version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import anyio.abc

from gitopsd.core.errors import SourceError
from gitopsd.core.history import RevisionInfo
from gitopsd.core.jsonvalue import JsonObject, JsonValue, boolean, mapping, objects, sequence, string_map, text
from gitopsd.ports.sources import Refs
from gitopsd.sources.artifact_address import Address
from gitopsd.sources.artifact_description import described_chart
from gitopsd.sources.artifact_fetch import ArtifactFetch
from gitopsd.sources.artifact_reasons import artifact_error
from gitopsd.sources.artifact_shelf import ArtifactShelf
from gitopsd.sources.shared import SharedCalls
from gitopsd.sources.wire import Failure, FailureKind


@dataclass(frozen=True, slots=True)
class _Version:
    """One version as the index lists it; `digest` is hex, "" where the index has none."""

    version: str
    digest: str
    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Listing:
    """A chart as the last look-up had it; `chosen` holds ranges that were resolved since."""

    versions: Mapping[str, _Version]
    chosen: dict[str, str] = field(default_factory=dict)


class HelmRepository:
    """The index of one repository. A look-up serves all charts in use; what is unchanged is not sent again."""

    def __init__(self, address: Address, fetch: ArtifactFetch, tasks: anyio.abc.TaskGroup) -> None:
        self._address = replace(address, chart="", shown=address.shown.split(" chart ", maxsplit=1)[0])
        self._fetch = fetch
        self._lookups: SharedCalls[None] = SharedCalls(tasks)
        self._listings: dict[str, _Listing | None] = {}
        self._stamp: JsonObject = {}

    def use(self, chart: str) -> None:
        """A chart is asked for from now on: the next look-up has to bring it."""
        if chart not in self._listings:
            self._listings[chart] = None
            self._stamp = {}

    def leave(self, chart: str) -> None:
        """Nobody asks for a chart any more."""
        self._listings.pop(chart, None)

    @property
    def used(self) -> bool:
        """Whether any chart is asked for."""
        return bool(self._listings)

    async def listing(self, chart: str, *, fresh: bool) -> _Listing:
        """What the index has for a chart: as it is now if `fresh`, else as it was at the last look-up."""
        self.use(chart)
        if fresh or self._listings[chart] is None:
            await self._lookups.call("index", self._look_up)
        return self._listings.get(chart) or _Listing({})

    async def _look_up(self, close: Callable[[], None]) -> None:
        charts: dict[str, JsonValue] = {}

        def begin() -> Mapping[str, JsonValue]:
            close()
            charts.update({chart: list(found.chosen) if found else [] for chart, found in self._listings.items()})
            return {"known": self._stamp, "charts": charts}

        answer = await self._fetch.ask("index", self._address, begin)
        if boolean(answer, "unchanged"):
            return
        for chart in charts.keys() & self._listings.keys():
            self._listings[chart] = _listing(mapping(answer, "charts", chart))
        self._stamp = mapping(answer, "stamp")


def _listing(answer: JsonObject) -> _Listing:
    versions = {}
    for item in objects(answer, "versions"):
        urls = tuple(str(url) for url in sequence(item, "urls"))
        versions[text(item, "version")] = _Version(text(item, "version"), text(item, "digest"), urls)
    chosen = {revision: version for revision, version in string_map(answer, "chosen").items() if version}
    return _Listing(versions, chosen)


class HelmChart:
    """One chart of a repository. A commit is `VERSION@sha256:HEX`, with the digest of the version's archive."""

    def __init__(
        self, address: Address, repository: HelmRepository, fetch: ArtifactFetch, shelf: ArtifactShelf
    ) -> None:
        self._address = address
        self._repository = repository
        self._fetch = fetch
        self._shelf = shelf
        self._pulled: dict[str, tuple[_Listing, str]] = {}

    async def refs(self, *, fresh: bool) -> Refs:
        """Every version, with its commit where the index has its digest."""
        listing = await self._repository.listing(self._address.chart, fresh=fresh)
        return Refs(
            {
                f"refs/tags/{each.version}": _commit(each.version, each.digest) if each.digest else ""
                for each in listing.versions.values()
            }
        )

    async def commit(self, revision: str, tag_prefix: str) -> str:  # noqa: ARG002 - charts' versions have no prefix
        """The version that is spelled like `revision`, else the newest in the range.

        The index is asked once more before it is said that there is none.
        """
        listing = await self._repository.listing(self._address.chart, fresh=False)
        found = await self._chosen(listing, revision)
        if found is None:
            listing = await self._repository.listing(self._address.chart, fresh=True)
            found = await self._chosen(listing, revision)
        if found is None:
            raise self._unknown(revision, listing)
        return _commit(found.version, found.digest or await self._digest(listing, found))

    async def snapshot(self, commit: str) -> str:
        """The unpacked chart."""
        version, _, digest = commit.partition("@sha256:")
        found = await self._shelf.find(digest)
        if found is not None:
            return found
        listing = await self._repository.listing(self._address.chart, fresh=False)
        listed = listing.versions.get(version)
        if listed is None or listed.digest not in {"", digest}:
            why = (
                f"version {version} is not listed any more"
                if listed is None
                else f"version {version} is another one now"
            )
            raise artifact_error(Failure(FailureKind.GONE, why), self._address.shown)
        return await self._shelf.get(digest, partial(self._pull, listed, digest))

    async def describe(self, commit: str) -> RevisionInfo:
        """What the chart's own file says of it, if its snapshot is here."""
        return await self._shelf.look(commit.partition("@sha256:")[2], described_chart, RevisionInfo())

    async def keep(self, commits: frozenset[str]) -> None:
        """Remove the snapshots of all other commits."""
        await self._shelf.keep(frozenset(commit.partition("@sha256:")[2] for commit in commits))

    def forget(self) -> None:
        """Nobody uses the chart any more."""
        self._pulled.clear()
        self._repository.leave(self._address.chart)

    async def _chosen(self, listing: _Listing, revision: str) -> _Version | None:
        exact, _, digest = revision.partition("@sha256:")
        if digest:
            listed = listing.versions.get(exact)
            return replace(listed, digest=digest) if listed is not None and listed.digest in {"", digest} else None
        if revision in listing.versions:
            return listing.versions[revision]
        if revision not in listing.chosen and listing.versions:
            listing.chosen[revision] = await self._fetch.newest(list(listing.versions), revision)
        return listing.versions.get(listing.chosen.get(revision, ""))

    async def _digest(self, listing: _Listing, version: _Version) -> str:
        """The digest of an archive whose index has none: that of the archive, got once for each look-up."""
        known = self._pulled.get(version.version)
        if known is None or known[0] is not listing:
            known = (listing, await self._shelf.add(partial(self._pull, version, "")))
            self._pulled[version.version] = known
        return known[1]

    async def _pull(self, version: _Version, digest: str, folder: str) -> str:
        request: dict[str, JsonValue] = {"url": version.urls[0], "digest": digest, "folder": folder}
        answer = await self._fetch.ask("pull", self._address, lambda: request)
        return digest or text(answer, "digest")  # of a chart in a registry, the index may have the manifest's

    def _unknown(self, revision: str, listing: _Listing) -> SourceError:
        if not listing.versions:
            return SourceError(
                f"the repository has no chart {self._address.chart}",
                where=self._address.shown,
                hint="check the chart's name, and that it was published to this repository",
            )
        near = ", ".join(list(listing.versions)[:3])
        what = f"no version of the chart fits {_printable(revision)}"
        return SourceError(
            what, where=self._address.shown, hint=f"there are {near}{' and others' * (len(listing.versions) > 3)}"
        )


def _commit(version: str, digest: str) -> str:
    return f"{version}@sha256:{digest}"


def _printable(revision: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in revision or "HEAD")[:200]
