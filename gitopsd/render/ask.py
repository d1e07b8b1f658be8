"""What is asked of the render room: one source of one application at one commit."""

from __future__ import annotations

import functools
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from gitopsd.core.app import AppSpec, Source
from gitopsd.core.errors import shown_url
from gitopsd.core.ids import AppName
from gitopsd.ports.renderer import RenderTarget
from gitopsd.render.border import Job
from gitopsd.render.environment import build_environment, lasting
from gitopsd.render.seeds import Seed
from gitopsd.render.supplies import Asker, RecordingSupply, Supplies

_REMEMBERED: Final = 20_000
_NOWHERE: Final = RenderTarget()


@dataclass(frozen=True, slots=True)
class Root:
    """A snapshot that a render may read: its own, or that of a `ref` source."""

    origin: str
    commit: str


def moment_of(commit: str, form: str) -> str:
    """A commit in the form in which it becomes a folder; in the plain form it is the commit alone."""
    return f"{commit}|{form}" if form else commit


@dataclass(frozen=True, slots=True)
class Ask:
    """`key` says for what is rendered: everything but the commits and the cluster, which the result's evidence knows.

    `roots`: the own one under the name "", then those of the `ref` sources that the options name.
    """

    spec: AppSpec
    source: Source
    key: str
    roots: Mapping[str, Root]
    target: RenderTarget

    @property
    def commit(self) -> str:
        """The source's own."""
        return self.roots[""].commit

    def target_digest(self) -> str:
        """Equal for clusters that are the same to a renderer."""
        return _digest_of(self.target)

    def moment_name(self, form: Callable[[str], str]) -> str:
        """All commits that play a part, each with the form (`Sources.form`) of its folder, in the order of `roots`."""
        return "+".join([moment_of(root.commit, form(root.origin)) for root in self.roots.values()])

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
            environment=build_environment(self.spec, self.source, self.commit, self.target),
            supply=RecordingSupply(supplies, Asker(self.spec, snapshots), refs),
            seed=seed,
            lookup=lookup,
        )


@dataclass(frozen=True, slots=True)
class _Part:
    """What one source asks at every commit. `roots`: by name the origin, and which of the commits is meant."""

    source: Source
    key: str
    roots: tuple[tuple[str, str, int], ...]


class Asks:
    """Makes them; `identity` names everything that renders.

    A commit to a repository asks for all of its applications, and few specs have changed since the last one: what a
    spec alone decides is remembered.
    """

    def __init__(self, identity: str) -> None:
        self._identity = identity
        self._parts: OrderedDict[AppName, tuple[AppSpec, tuple[_Part, ...]]] = OrderedDict()

    def of(self, spec: AppSpec, commits: Sequence[str], target: RenderTarget) -> list[Ask]:
        """One for each source that renders, at `commits` (one for each source). `ValueError`: more or fewer of them."""
        if len(commits) != len(spec.sources):
            raise ValueError("there must be one commit for each source")
        return [
            Ask(
                spec,
                part.source,
                part.key,
                {name: Root(origin, commits[index]) for name, origin, index in part.roots},
                target,
            )
            for part in self._parts_of(spec)
        ]

    def _parts_of(self, spec: AppSpec) -> tuple[_Part, ...]:
        known = self._parts.get(spec.name)
        if known is not None and known[0] is spec:
            return known[1]
        parts = tuple(_parts(spec, self._identity))
        self._parts[spec.name] = (spec, parts)
        self._parts.move_to_end(spec.name)
        if len(self._parts) > _REMEMBERED:
            self._parts.popitem(last=False)
        return parts


def _parts(spec: AppSpec, identity: str) -> Iterator[_Part]:
    refs = [(f"${source.ref}", source.origin, index) for index, source in enumerate(spec.sources) if source.ref]
    for index, source in enumerate(spec.sources):
        if source.renders:
            named = list(_named(refs, source))
            yield _Part(source, _key(spec, source, named, identity), (("", source.origin, index), *named))


def _named(refs: Sequence[tuple[str, str, int]], source: Source) -> Iterator[tuple[str, str, int]]:
    """The `ref` sources that the source's options speak of; of two with one name the last."""
    written = orjson.dumps(source.options).decode() if refs else ""
    for name, place in {ref[0]: ref for ref in refs}.items():
        if f"{name}/" in written:
            yield place


def _key(spec: AppSpec, source: Source, named: Sequence[tuple[str, str, int]], identity: str) -> str:
    asked = (
        identity,
        source.origin,
        source.path,
        source.renderer,
        source.options,
        lasting(build_environment(spec, source, "", _NOWHERE)),
        sorted((name, origin) for name, origin, _ in named),
    )
    return hashlib.blake2b(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


@functools.lru_cache(maxsize=64)
def _digest_of(target: RenderTarget) -> str:
    asked = (target.kube_version, sorted(target.api_versions))
    return hashlib.blake2b(orjson.dumps(asked), digest_size=16).hexdigest()
