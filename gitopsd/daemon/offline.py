"""Rendering without a daemon, through the daemon's own rooms: what `gitopsd render` prints.

Nothing here touches the state folder or the caches of a daemon that may be running: what has to be fetched goes to a
folder of its own, which is removed afterwards.
"""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import structlog

from gitopsd.config import Config, load
from gitopsd.core.app import AppSpec
from gitopsd.core.errors import SpecError
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.manifest import Rendered
from gitopsd.daemon.clock import SystemClock
from gitopsd.plugin.manager import PluginManager
from gitopsd.plugin.renderer import Renderer, RenderResult
from gitopsd.ports.renderer import RenderTarget
from gitopsd.render.cache import RenderCache
from gitopsd.render.engine import identity, locate
from gitopsd.render.limits import Limits
from gitopsd.render.offline import render_folder
from gitopsd.render.pool import MEMORY_LIMIT, EnginePool
from gitopsd.render.renderer import RenderRoom
from gitopsd.render.vault import Vault
from gitopsd.sources.git import GitSources
from gitopsd.sources.limits import GitLimits

_log = structlog.get_logger("gitopsd.daemon")


def render_path(
    folder: str,
    environ: Mapping[str, str],
    *,
    name: str,
    namespace: str = "",
    renderer: str = "",
    options: JsonObject | None = None,
    target: RenderTarget | None = None,
) -> RenderResult:
    """The manifests of a folder on this machine, as an application `name` would have them.

    `renderer` and `options` are as in a source. Blocks. Raises `RenderError` and `PluginError`.
    """
    seen = target or RenderTarget()

    async def rendered() -> RenderResult:
        async with _renderers(locate("", environ), MEMORY_LIMIT) as renderers:
            return await render_folder(
                renderers,
                folder,
                name=name,
                namespace=namespace,
                renderer=renderer,
                options=options,
                kube_version=seen.kube_version,
                api_versions=seen.api_versions,
            )

    return anyio.run(rendered)


def render_app(path: str, environ: Mapping[str, str], name: str, target: RenderTarget | None = None) -> Rendered:
    """The manifests of the application `name` of the configuration at `path`, at its target revisions.

    Asks its repositories, and no cluster: `target` is what templates see of it. Blocks. Raises `ConfigErrors`,
    `SpecError` for a name that is not there and for an application that uses what gitopsd cannot honour,
    `SourceError`, `RenderError` and `PluginError`.
    """
    config = load(path, environ=environ)
    spec = _found(config, name)
    return anyio.run(_rendered, config, environ, spec, target or RenderTarget())


async def _rendered(config: Config, environ: Mapping[str, str], spec: AppSpec, target: RenderTarget) -> Rendered:
    # Made and removed by system calls; it holds nothing yet, and at the end nobody else waits for the loop.
    with tempfile.TemporaryDirectory(prefix="gitopsd-render-", ignore_cleanup_errors=True) as folder:
        binary = locate(config.render.engine, environ)
        cache = RenderCache(Vault(str(Path(folder) / "renders"), str(Path(folder) / "cache.key")))
        await cache.open()
        git = config.git
        async with (
            GitSources(
                folder=Path(folder) / "git",
                repositories=config.repositories,
                limits=GitLimits(lookup_seconds=git.timeout_seconds, fetch_seconds=git.fetch_timeout_seconds),
            ) as sources,
            _renderers(binary, config.render.memory_limit_bytes) as renderers,
        ):
            commits = [await sources.commit(*each.place) for each in spec.sources]
            limits = Limits(deadline=config.render.deadline_seconds)
            room = RenderRoom(renderers, sources, cache, SystemClock(), identity=identity(binary), limits=limits)
            return await room.render(spec, commits, target)


@asynccontextmanager
async def _renderers(engine: str | None, memory_limit: int) -> AsyncGenerator[Sequence[Renderer]]:
    plugins = PluginManager()
    for error in plugins.load_installed():
        _log.error("plugin not loaded", error=str(error))
    if engine is None:
        _log.warning("no render engine: only plain YAML can be rendered", hint="run `make setup`")
        yield plugins.renderers(None)
        return
    async with EnginePool([engine], memory_limit=memory_limit) as pool:
        yield plugins.renderers(pool)


def _found(config: Config, name: str) -> AppSpec:
    names = {str(spec.name): spec for spec in config.applications}
    spec = names.get(name)
    if spec is None:
        near = difflib.get_close_matches(name, names, n=1)
        raise SpecError(
            f"no application is named {name!r}",
            where=config.path,
            hint=f"did you mean {near[0]}?" if near else "see the names in the configuration and the files it includes",
        )
    if spec.unsupported:
        raise SpecError(
            f"application {name!r} uses what gitopsd cannot honour",
            where=str(spec.position),
            why=", ".join(spec.unsupported),
            hint="leave these fields out",
        )
    return spec
