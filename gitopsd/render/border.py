"""The border to the plugins: one source in, a checked result out, and every failure named (design decision 11)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

import anyio
import structlog

from gitopsd.core.errors import GitopsdError, PluginError, RenderError
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.manifest import Manifest, Read
from gitopsd.plugin.failure import TracedRenderError
from gitopsd.plugin.renderer import Renderer, RenderRequest, RenderResult
from gitopsd.plugin.supply import NOTHING
from gitopsd.render.choice import BY_DISCOVERY, Choice, Chooser
from gitopsd.render.entry import pack_manifests
from gitopsd.render.limits import Limits
from gitopsd.render.overrides import Chosen
from gitopsd.render.seeds import Seed
from gitopsd.render.supplies import RecordingSupply

# A plugin may use its deadline twice (a render that is tried again) and a little more before it is given up.
_PATIENCE: Final = 2.0
_PATIENCE_SECONDS: Final = 30.0

_log = structlog.get_logger("gitopsd.render")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Job:
    """One source to render from the folder `root`.

    `origin` (`URL at COMMIT`) is for messages, `explicit` a renderer's name or "".
    """

    root: str
    path: str
    origin: str
    app: str
    namespace: str
    explicit: str = ""
    options: JsonObject = field(default_factory=dict)
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    supply: RecordingSupply | None = None
    seed: Seed | None = None
    lookup: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job gave.

    `packed` are the manifests as the cache keeps them; `reads` include those of choosing the renderer.
    """

    renderer: str
    manifests: tuple[Manifest, ...]
    packed: bytes
    reads: tuple[Read, ...] | None
    warnings: tuple[str, ...]
    uses_cluster: bool
    random: tuple[str, ...] = ()


class Border:
    """Renders jobs through the plugins' renderers, within limits."""

    def __init__(self, renderers: Sequence[Renderer], limits: Limits) -> None:
        self._chooser = Chooser(renderers)
        self._limits = limits
        self._limiter = anyio.CapacityLimiter(4)

    async def render(self, job: Job) -> Outcome:
        """Raises `RenderError` (traced where the reads are known) and `PluginError`, which names the plugin."""
        choice = await anyio.to_thread.run_sync(self._choose, job, limiter=self._limiter)
        request = RenderRequest(
            app=job.app,
            namespace=job.namespace,
            root=job.root,
            path=choice.path,
            options=choice.options,
            kube_version=job.kube_version,
            api_versions=job.api_versions,
            environment=job.environment,
            deadline=self._limits.deadline,
            supply=job.supply or NOTHING,
            seed=job.seed.seed if job.seed else "",
            seed_time=job.seed.time if job.seed else 0,
            lookup=job.lookup,
        )
        choice, reads = await self._discovered(choice, request)
        try:
            result = await self._call(choice.renderer.name, choice.renderer.render, request, reads)
        except RenderError as error:
            raise choice.chosen.placed(error, job.origin) from error.__cause__
        return await self._checked(choice.renderer.name, result, reads)

    def _choose(self, job: Job) -> Choice:
        written = Chosen(job.explicit, job.options)
        return self._chooser.choose(job.root, job.path, written, app=job.app, origin=job.origin)

    async def _discovered(self, choice: Choice, request: RenderRequest) -> tuple[Choice, tuple[Read, ...] | None]:
        """The choice after asking the renderers that look at folders themselves, and all that was looked at.

        They come before all markers, as with Argo CD: who installs one wants its folders to be its own. One that cannot
        tell is an error: to go on without it could apply what was never meant as it stands.
        """
        reads: tuple[Read, ...] | None = choice.reads
        if choice.explicit not in ("", BY_DISCOVERY):
            return choice, reads
        for renderer in self._chooser.discovering:
            found = await self._call(renderer.name, renderer.discover, request, reads)
            reads = None if reads is None or found.reads is None else (*reads, *found.reads)
            if found.found:
                return replace(choice, renderer=self._chooser.named(renderer.name)), reads
        if choice.explicit == BY_DISCOVERY:
            raise TracedRenderError(
                "no plugin supports this folder",
                where=request.path,
                why="the source asks for any plugin that discovers it",
                hint="name one under source.plugin, or correct plugins[].discover in gitopsd.yaml",
                reads=reads,
            )
        return choice, reads

    async def _call(
        self,
        name: str,
        work: Callable[[RenderRequest], Awaitable[T]],
        request: RenderRequest,
        reads: tuple[Read, ...] | None,
    ) -> T:
        """What the plugin's `work` gives; its failures named. `reads` is what was looked at before."""
        try:
            with anyio.move_on_after(request.deadline * _PATIENCE + _PATIENCE_SECONDS) as scope:
                if isinstance(request.supply, RecordingSupply):
                    request.supply.on_wait = lambda seconds: _allow(scope, seconds)
                return await work(replace(request, extend=lambda seconds: _allow(scope, seconds)))
        except RenderError as error:
            raise _with_reads(error, reads) from error.__cause__
        except GitopsdError:
            raise
        except Exception as error:
            _log.warning("a renderer plugin failed", renderer=name, app=request.app, exc_info=error)
            raise PluginError(
                f"the renderer {name!r} failed",
                why=f"{type(error).__name__}: {error}"[:500],
                hint="this is a fault of the plugin, not of the source: report it to the plugin's author",
            ) from error
        raise PluginError(
            f"the renderer {name!r} did not end within its deadline of {request.deadline:g} s",
            hint="this is a fault of the plugin: a renderer has to keep to its request's deadline",
            retryable=True,
        )

    async def _checked(self, name: str, result: RenderResult, before: tuple[Read, ...] | None) -> Outcome:
        """`before` is what was looked at to find the renderer."""
        if not isinstance(result, RenderResult):
            raise PluginError(f"the renderer {name!r} answered with {type(result).__name__}, not with a RenderResult")
        reads = None if before is None or result.reads is None else (*before, *result.reads)
        if len(result.manifests) > self._limits.max_objects:
            what = f"more manifests than the limit of {self._limits.max_objects}"
            raise TracedRenderError(what, hint="split the source into several applications", reads=reads)
        try:
            packed, size = await anyio.to_thread.run_sync(pack_manifests, result.manifests, limiter=self._limiter)
        except (TypeError, AttributeError) as error:
            raise PluginError(
                f"the renderer {name!r} gave a manifest that is not JSON", why=str(error)[:500]
            ) from error
        if size > self._limits.max_bytes:
            what = f"manifests of {size} bytes are more than the limit of {self._limits.max_bytes}"
            raise TracedRenderError(what, hint="split the source into several applications", reads=reads)
        return Outcome(name, result.manifests, packed, reads, result.warnings, result.uses_cluster, result.random)


def _allow(scope: anyio.CancelScope, seconds: float) -> None:
    """More time, because the renderer waited for what it needed."""
    scope.deadline += seconds


def _with_reads(error: RenderError, reads: tuple[Read, ...] | None) -> RenderError:
    """The same error, with what was read before the renderer was called."""
    if not isinstance(error, TracedRenderError) or error.reads is None:
        return error
    return TracedRenderError(
        error.what,
        where=error.where,
        why=error.why,
        hint=error.hint,
        retryable=error.retryable,
        reads=None if reads is None else (*reads, *error.reads),
    )
