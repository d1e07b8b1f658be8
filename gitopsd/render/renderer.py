"""Rendering for the control room: the cache first, then a snapshot and a renderer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from gitopsd.core.app import AppSpec, Source
from gitopsd.core.errors import PluginError, RenderError, SourceError, shown_url
from gitopsd.core.manifest import Manifest, Read, Rendered
from gitopsd.plugin.failure import TracedRenderError
from gitopsd.plugin.renderer import Renderer
from gitopsd.ports.clock import Clock
from gitopsd.ports.renderer import RenderTarget
from gitopsd.ports.sources import Sources
from gitopsd.render.border import Border, Job, Outcome
from gitopsd.render.cache import RenderCache
from gitopsd.render.entry import Entry
from gitopsd.render.environment import build_environment, lasting, names_the_commit
from gitopsd.render.evidence import Changes, Evidence, Fingerprints, Moment, gather
from gitopsd.render.failures import Failures
from gitopsd.render.limits import Limits

OnRender = Callable[[str, float, bool, bool], None]


@dataclass(frozen=True, slots=True)
class _Ask:
    """One source of one application at one commit."""

    spec: AppSpec
    source: Source
    commit: str
    target: RenderTarget

    def environment(self) -> Mapping[str, str]:
        return build_environment(self.spec, self.source, self.commit, self.target)

    def key(self, identity: str) -> str:
        """For what a render is made: everything but the commit and the cluster, which its evidence knows."""
        source = self.source
        asked = (identity, source.repo_url, source.path, source.renderer, source.options, lasting(self.environment()))
        return hashlib.blake2b(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()

    def target_digest(self) -> str:
        asked = (self.target.kube_version, sorted(self.target.api_versions))
        return hashlib.blake2b(orjson.dumps(asked), digest_size=16).hexdigest()

    def job(self, root: str) -> Job:
        return Job(
            root=root,
            path=self.source.path,
            origin=f"{shown_url(self.source.repo_url)} at {self.commit[:8]}",
            app=self.spec.name,
            namespace=self.spec.destination.namespace,
            explicit=self.source.renderer,
            options=self.source.options,
            kube_version=self.target.kube_version,
            api_versions=self.target.api_versions,
            environment=self.environment(),
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
        on_render: OnRender = lambda _renderer, _seconds, _cached, _failed: None,
    ) -> None:
        self._border = Border(renderers, limits or Limits())
        self._sources = sources
        self._cache = cache
        self._clock = clock
        self._identity = identity
        self._on_render = on_render
        self._failures = Failures(clock.monotonic)

    async def render(
        self, spec: AppSpec, commits: Sequence[str], target: RenderTarget, *, use_cache: bool = True, known: str = ""
    ) -> Rendered:
        """See `ports.Renderer.render`; also raises `PluginError`."""
        parts = [
            await self._entry(_Ask(spec, source, commit, target), use_cache=use_cache)
            for source, commit in zip(spec.sources, commits, strict=True)
        ]
        cached = all(made is None for _, made in parts)
        content = " ".join(entry.name for entry, _ in parts)
        unchanged = cached and content == known
        return Rendered(
            manifests=() if unchanged else tuple(_manifests(parts)),
            revisions=tuple(commits),
            renderers=tuple(entry.renderer for entry, _ in parts),
            warnings=tuple(warning for entry, _ in parts for warning in entry.warnings),
            cached=cached,
            content=content,
            unchanged=unchanged,
        )

    async def _entry(self, ask: _Ask, *, use_cache: bool) -> tuple[Entry, Outcome | None]:
        """The source's entry, and the outcome if it was rendered just now."""
        began = self._clock.monotonic()
        key = ask.key(self._identity)
        moment = Moment(ask.commit, ask.target_digest(), self._fingerprints(ask), self._changes(ask))
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
        return await self._made(ask, key, moment, began, replace=not use_cache)

    async def _made(self, ask: _Ask, key: str, moment: Moment, began: float, *, replace: bool) -> tuple[Entry, Outcome]:
        try:
            snapshot = await self._sources.snapshot(ask.source.repo_url, ask.commit)
            outcome = await self._border.render(ask.job(snapshot.root))
        except (RenderError, PluginError) as error:
            reads = error.reads if isinstance(error, TracedRenderError) else None
            self._failures.store(key, error, await _evidence(reads, moment, uses_cluster=True))
            self._report(ask.source.renderer, began, cached=False, failed=True)
            raise
        self._failures.forget(key)
        if replace:
            await self._cache.forget(key)
        reads = None if names_the_commit(ask.source) else outcome.reads
        evidence = await _evidence(reads, moment, uses_cluster=outcome.uses_cluster)
        entry = Entry(key, outcome.renderer, outcome.warnings, evidence, outcome.packed)
        await self._cache.store(entry)
        self._report(outcome.renderer, began, cached=False)
        return entry, outcome

    def _fingerprints(self, ask: _Ask) -> Fingerprints:
        async def look(reads: Sequence[Read]) -> Sequence[str]:
            return await self._sources.fingerprints(ask.source.repo_url, ask.commit, reads)

        return look

    def _changes(self, ask: _Ask) -> Changes:
        async def look(before: str) -> frozenset[str] | None:
            try:
                return await self._sources.changes(ask.source.repo_url, before, ask.commit)
            except SourceError:
                return None  # the fingerprints will tell, or say why not

        return look

    def _report(self, renderer: str, began: float, *, cached: bool, failed: bool = False) -> None:
        self._on_render(renderer, self._clock.monotonic() - began, cached, failed)


def _manifests(parts: Iterable[tuple[Entry, Outcome | None]]) -> Iterator[Manifest]:
    for entry, made in parts:
        yield from entry.manifests() if made is None else made.manifests


async def _evidence(reads: Sequence[Read] | None, moment: Moment, *, uses_cluster: bool) -> Evidence:
    """The evidence of what was just made; of its commit alone where the paths cannot be asked any more."""
    try:
        return await gather(reads, moment, uses_cluster=uses_cluster)
    except SourceError:
        return await gather(None, moment, uses_cluster=uses_cluster)
