"""Rendering for the control room: the cache first, then a snapshot and a renderer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import structlog

from gitopsd.core.app import AppSpec
from gitopsd.core.errors import PluginError, RenderError, SourceError
from gitopsd.core.manifest import Manifest, Read, ReadKind, Rendered
from gitopsd.plugin.failure import TracedRenderError
from gitopsd.plugin.renderer import Renderer
from gitopsd.plugin.supply import Need
from gitopsd.ports.clock import Clock
from gitopsd.ports.renderer import RenderTarget
from gitopsd.ports.sources import Sources
from gitopsd.render.ask import Ask, Asks
from gitopsd.render.border import Border, Outcome
from gitopsd.render.cache import RenderCache
from gitopsd.render.entry import Entry
from gitopsd.render.environment import names_the_commit
from gitopsd.render.evidence import Changes, Evidence, Fingerprints, Identify, Moment, gather, place_of
from gitopsd.render.failures import Failures
from gitopsd.render.keepback import mask_error, masked_warnings
from gitopsd.render.limits import Limits
from gitopsd.render.seeds import Seeds
from gitopsd.render.supplies import Asker, RecordingSupply, Supplied, Supplies
from gitopsd.render.supplies import place_of as supplied_from

_TOLD_WARNINGS: Final = 20

_log = structlog.get_logger("gitopsd.render")

OnRender = Callable[[str, float, bool, bool], None]


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
        self._asks = Asks(f"{identity} lookup" if lookup else identity)
        self._on_render = on_render
        self._failures = Failures(clock.monotonic)
        self._supplies = supplies or Supplies(sources, clock)
        self._seeds = seeds or Seeds.passing()
        self._lookup = lookup

    async def render(
        self, spec: AppSpec, commits: Sequence[str], target: RenderTarget, *, use_cache: bool = True, known: str = ""
    ) -> Rendered:
        """See `ports.Renderer.render`; also raises `PluginError`."""
        parts = [await self._entry(ask, use_cache=use_cache) for ask in self._asks.of(spec, commits, target)]
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

    async def _entry(self, ask: Ask, *, use_cache: bool) -> tuple[Entry, Outcome | None]:
        """The source's entry, and the outcome if it was rendered just now."""
        began = self._clock.monotonic()
        key, moment = ask.key, self._moment(ask)
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
        self, ask: Ask, key: str, moment: Moment, began: float, *, anew: bool
    ) -> tuple[Entry, Outcome | None]:
        snapshots: dict[str, str] = {}
        for name, root in ask.roots.items():
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

    def _moment(self, ask: Ask) -> Moment:
        name = ask.moment_name(self._sources.form)
        return Moment(name, ask.target_digest(), self._fingerprints(ask), self._changes(ask, name), self._identify(ask))

    def _fingerprints(self, ask: Ask) -> Fingerprints:
        roots = ask.roots

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

    def _changes(self, ask: Ask, moment: str) -> Changes:
        roots = ask.roots

        async def look(before: str) -> frozenset[str] | None:
            commits = [place.partition("|") for place in before.split("+")]
            forms = [place.partition("|")[2] for place in moment.split("+")]
            if len(commits) != len(roots) or forms != [form for _, _, form in commits]:
                return None
            found: set[str] = set()
            for (name, root), (commit, _, _) in zip(roots.items(), commits, strict=True):
                try:
                    changed = await self._sources.changes(root.origin, commit, root.commit)
                except SourceError:
                    return None  # the fingerprints will tell, or say why not
                if changed is None:
                    return None
                if not name and len(roots) == 1:
                    return changed  # one set for all applications of the repository
                found.update(place_of(Read(path, ReadKind.FILE, name)) for path in changed)
            return frozenset(found)

        return look

    def _identify(self, ask: Ask) -> Identify:
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


async def _evidence(
    reads: Sequence[Read] | None, moment: Moment, supply: RecordingSupply | None, *, uses_cluster: bool
) -> Evidence:
    """The evidence of what was just made; of its commit alone where the paths cannot be asked any more."""
    supplied = [Supplied(need, identity) for need, identity in supply.supplied.items()] if supply else []
    try:
        return await gather(reads, moment, uses_cluster=uses_cluster, supplied=supplied)
    except SourceError:
        return await gather(None, moment, uses_cluster=uses_cluster, supplied=supplied)
