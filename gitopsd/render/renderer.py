"""Rendering for the control room: the cache first, then a snapshot and a renderer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import orjson
import structlog

from gitopsd.core.app import AppSpec, Source
from gitopsd.core.errors import PluginError, RenderError, SourceError, shown_url
from gitopsd.core.manifest import Manifest, Read, ReadKind, Rendered
from gitopsd.plugin.failure import TracedRenderError
from gitopsd.plugin.renderer import Renderer
from gitopsd.plugin.supply import Need
from gitopsd.ports.clock import Clock
from gitopsd.ports.renderer import RenderTarget
from gitopsd.ports.sources import Sources
from gitopsd.render.border import Border, Job, Outcome
from gitopsd.render.cache import RenderCache
from gitopsd.render.entry import Entry
from gitopsd.render.environment import build_environment, lasting, names_the_commit
from gitopsd.render.evidence import Changes, Evidence, Fingerprints, Identify, Moment, gather, place_of
from gitopsd.render.failures import Failures
from gitopsd.render.keepback import mask_error, masked_warnings
from gitopsd.render.limits import Limits
from gitopsd.render.seeds import Seed, Seeds
from gitopsd.render.supplies import Asker, RecordingSupply, Supplied, Supplies
from gitopsd.render.supplies import place_of as supplied_from

_TOLD_WARNINGS: Final = 20

_log = structlog.get_logger("gitopsd.render")

OnRender = Callable[[str, float, bool, bool], None]


@dataclass(frozen=True, slots=True)
class _Root:
    """A snapshot that a render may read: its own, or that of a `ref` source."""

    origin: str
    commit: str


@dataclass(frozen=True, slots=True)
class _Ask:
    """One source of one application at one commit; `refs` are the `ref` sources that its options name."""

    spec: AppSpec
    source: Source
    commit: str
    target: RenderTarget
    refs: Mapping[str, _Root]

    def environment(self) -> Mapping[str, str]:
        return build_environment(self.spec, self.source, self.commit, self.target)

    def key(self, identity: str) -> str:
        """For what a render is made: everything but the commits and the cluster, which its evidence knows."""
        source = self.source
        refs = sorted((name, root.origin) for name, root in self.refs.items())
        asked = (
            identity,
            source.origin,
            source.path,
            source.renderer,
            source.options,
            lasting(self.environment()),
            refs,
        )
        return hashlib.blake2b(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()

    def target_digest(self) -> str:
        asked = (self.target.kube_version, sorted(self.target.api_versions))
        return hashlib.blake2b(orjson.dumps(asked), digest_size=16).hexdigest()

    def roots(self) -> Mapping[str, _Root]:
        """The own root under the name "", then the others."""
        return {"": _Root(self.source.origin, self.commit), **self.refs}

    def moment_name(self) -> str:
        """All commits that play a part, in the order of `roots`."""
        return "+".join(root.commit for root in self.roots().values())

    def job(self, snapshots: Mapping[str, str], supplies: Supplies, seed: Seed, *, lookup: bool) -> Job:
        """`snapshots`: the folder of each root."""
        refs = {name: folder for name, folder in snapshots.items() if name}
        return Job(
            root=snapshots[""],
            path=self.source.path,
            origin=f"{shown_url(self.source.repo_url)} at {self.commit[:8]}",
            app=self.spec.name,
            namespace=self.spec.destination.namespace,
            explicit=self.source.renderer or ("helm" if self.source.chart else ""),
            options=self.source.options,
            kube_version=self.target.kube_version,
            api_versions=self.target.api_versions,
            environment=self.environment(),
            supply=RecordingSupply(supplies, Asker(self.spec, snapshots), refs),
            seed=seed,
            lookup=lookup,
        )


class RenderRoom:
    """`ports.Renderer`. `identity` names everything that renders (plugins and engine with their versions).

    What another identity rendered is not reused. `on_render(renderer, seconds, cached, failed)` is called for each
    source; the renderer is "" where an error came before one was chosen.
    """

    def __init__(
        self,
        renderers: Sequence[Renderer],
        sources: Sources,
        cache: RenderCache,
        clock: Clock,
        *,
        identity: str,
        limits: Limits | None = None,
        supplies: Supplies | None = None,
        seeds: Seeds | None = None,
        lookup: bool = False,
        on_render: OnRender = lambda _renderer, _seconds, _cached, _failed: None,
    ) -> None:
        self._border = Border(renderers, limits or Limits())
        self._sources = sources
        self._cache = cache
        self._clock = clock
        self._identity = f"{identity} lookup" if lookup else identity
        self._on_render = on_render
        self._failures = Failures(clock.monotonic)
        self._supplies = supplies or Supplies(sources, clock)
        self._seeds = seeds or Seeds.passing()
        self._lookup = lookup

    async def render(
        self, spec: AppSpec, commits: Sequence[str], target: RenderTarget, *, use_cache: bool = True, known: str = ""
    ) -> Rendered:
        """See `ports.Renderer.render`; also raises `PluginError`."""
        refs = {
            f"${source.ref}": _Root(source.origin, commit)
            for source, commit in zip(spec.sources, commits, strict=True)
            if source.ref
        }
        parts = [
            await self._entry(_Ask(spec, source, commit, target, _named(refs, source)), use_cache=use_cache)
            for source, commit in zip(spec.sources, commits, strict=True)
            if source.renders
        ]
        cached = all(made is None for _, made in parts)
        content = " ".join(entry.name for entry, _ in parts)
        unchanged = cached and content == known
        return Rendered(
            manifests=() if unchanged else tuple(_manifests(parts)),
            revisions=tuple(commits),
            renderers=tuple(entry.renderer for entry, _ in parts),
            warnings=tuple(warning for entry, _ in parts for warning in entry.warnings),
            places=frozenset(_places(parts)),
            random=tuple(dict.fromkeys(each for entry, _ in parts for each in entry.random)),
            cached=cached,
            content=content,
            unchanged=unchanged,
        )

    def used(self) -> Mapping[str, frozenset[str]]:
        """Origin → revisions that renders were given from elsewhere, for `Sources.keep`."""
        return self._supplies.used()

    async def _entry(self, ask: _Ask, *, use_cache: bool) -> tuple[Entry, Outcome | None]:
        """The source's entry, and the outcome if it was rendered just now."""
        began = self._clock.monotonic()
        key = ask.key(self._identity)
        moment = self._moment(ask)
        try:
            if use_cache:
                entry = await self._cache.find(key, moment)
                if entry is not None:
                    self._report(entry.renderer, began, cached=True)
                    return entry, None
                await self._failures.check(key, moment)
        except (RenderError, PluginError):
            self._report(ask.source.renderer, began, cached=True, failed=True)
            raise
        return await self._made(ask, key, moment, began, anew=not use_cache)

    async def _made(
        self, ask: _Ask, key: str, moment: Moment, began: float, *, anew: bool
    ) -> tuple[Entry, Outcome | None]:
        snapshots: dict[str, str] = {}
        for name, root in ask.roots().items():
            snapshots[name] = (await self._sources.snapshot(root.origin, root.commit)).root
        job = ask.job(snapshots, self._supplies, self._seeds.of(ask.spec.name), lookup=self._lookup)
        supply = job.supply
        try:
            outcome = await self._border.render(job)
        except (RenderError, PluginError) as error:
            await mask_error(error, supply)
            # What could not be had may be there the next time: only the control room's own back-off holds.
            if supply is None or not supply.failed:
                reads = error.reads if isinstance(error, TracedRenderError) else None
                self._failures.store(key, error, await _evidence(reads, moment, supply, uses_cluster=True))
            self._report(ask.source.renderer, began, cached=False, failed=True)
            if anew:
                await self._cache.forget(key)  # else the next try would find it, and the failure be over unmended
            raise
        self._failures.forget(key)
        before = await self._cache.find(key, moment) if anew else None
        if before is not None and before.evidence.reads is not None and before.packed != outcome.packed:
            # Its inputs are the same, so it is no function of them: the first result stays until one of them changes.
            self._report(outcome.renderer, began, cached=False)
            return _noted(before, outcome.renderer), None
        if anew:
            await self._cache.forget(key)
        reads = None if names_the_commit(ask.source) else outcome.reads
        evidence = await _evidence(reads, moment, supply, uses_cluster=outcome.uses_cluster)
        made = self._clock.now().timestamp()
        warnings = await masked_warnings(outcome.warnings, supply)
        for warning in warnings[:_TOLD_WARNINGS]:
            _log.info("render warning", application=ask.spec.name, revision=ask.commit, warning=warning)
        entry = Entry(key, outcome.renderer, warnings, evidence, outcome.packed, outcome.random, made)
        if supply is None or not supply.failed:
            await self._cache.store(entry, on_disk=supply is None or not supply.secret)
        self._report(outcome.renderer, began, cached=False)
        return entry, outcome

    def _moment(self, ask: _Ask) -> Moment:
        return Moment(
            ask.moment_name(), ask.target_digest(), self._fingerprints(ask), self._changes(ask), self._identify(ask)
        )

    def _fingerprints(self, ask: _Ask) -> Fingerprints:
        roots = ask.roots()

        async def look(reads: Sequence[Read]) -> Sequence[str]:
            found: dict[Read, str] = {}
            for name in dict.fromkeys(read.root for read in reads):
                root, asked = roots.get(name), [read for read in reads if read.root == name]
                if root is None:  # of a ref that is not named any more
                    found.update(dict.fromkeys(asked, ""))
                    continue
                answer = await self._sources.fingerprints(root.origin, root.commit, asked)
                found.update(zip(asked, answer, strict=True))
            return [found[read] for read in reads]

        return look

    def _changes(self, ask: _Ask) -> Changes:
        roots = ask.roots()

        async def look(before: str) -> frozenset[str] | None:
            commits = before.split("+")
            if len(commits) != len(roots):
                return None
            found: set[str] = set()
            for (name, root), old in zip(roots.items(), commits, strict=True):
                try:
                    changed = await self._sources.changes(root.origin, old, root.commit)
                except SourceError:
                    return None  # the fingerprints will tell, or say why not
                if changed is None:
                    return None
                if not name and len(roots) == 1:
                    return changed  # one set for all applications of the repository
                found.update(place_of(Read(path, ReadKind.FILE, name)) for path in changed)
            return frozenset(found)

        return look

    def _identify(self, ask: _Ask) -> Identify:
        async def look(need: Need) -> str:
            return await self._supplies.identity(need, Asker(ask.spec, {}))

        return look

    def _report(self, renderer: str, began: float, *, cached: bool, failed: bool = False) -> None:
        self._on_render(renderer, self._clock.monotonic() - began, cached, failed)


def _noted(entry: Entry, renderer: str) -> Entry:
    """The entry, with the word that a second render of the same inputs gave something else."""
    note = f"{renderer}: two renders of the same inputs differ"
    return entry if note in entry.random else replace(entry, random=(*entry.random, note))


def _places(parts: Iterable[tuple[Entry, Outcome | None]]) -> Iterator[tuple[str, str, str]]:
    for entry, _ in parts:
        for each in entry.evidence.supplied:
            place = supplied_from(each.need)
            if place is not None:
                yield place


def _manifests(parts: Iterable[tuple[Entry, Outcome | None]]) -> Iterator[Manifest]:
    for entry, made in parts:
        yield from entry.manifests() if made is None else made.manifests


def _named(refs: Mapping[str, _Root], source: Source) -> Mapping[str, _Root]:
    """The `ref` sources that the source's options speak of."""
    if not refs:
        return refs
    written = orjson.dumps(source.options).decode()
    return {name: root for name, root in refs.items() if f"{name}/" in written}


async def _evidence(
    reads: Sequence[Read] | None, moment: Moment, supply: RecordingSupply | None, *, uses_cluster: bool
) -> Evidence:
    """The evidence of what was just made; of its commit alone where the paths cannot be asked any more."""
    supplied = [Supplied(need, identity) for need, identity in supply.supplied.items()] if supply else []
    try:
        return await gather(reads, moment, uses_cluster=uses_cluster, supplied=supplied)
    except SourceError:
        return await gather(None, moment, uses_cluster=uses_cluster, supplied=supplied)
