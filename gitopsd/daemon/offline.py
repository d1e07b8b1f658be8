"""Rendering without a daemon, through the daemon's own rooms: what `gitopsd render` prints.

Nothing here touches the state folder or the caches of a daemon that may be running: what has to be fetched goes to a
folder of its own, which is removed afterwards.
"""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread
import structlog

from gitopsd.config import Config, load
from gitopsd.core.app import AppSpec, Destination, Source
from gitopsd.core.errors import GitopsdError, SpecError, shown_url
from gitopsd.core.ids import AppName
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.manifest import Rendered
from gitopsd.core.project import ONLY_DEFAULT, Projects
from gitopsd.daemon.artifact_limits import artifact_limits
from gitopsd.daemon.clock import SystemClock
from gitopsd.plugin.command import CommandPlugins
from gitopsd.plugin.manager import PluginManager
from gitopsd.plugin.renderer import Renderer, RenderResult
from gitopsd.ports.renderer import RenderTarget
from gitopsd.render.cache import RenderCache
from gitopsd.render.engine import identity, locate
from gitopsd.render.limits import Limits
from gitopsd.render.offline import render_folder
from gitopsd.render.pool import MEMORY_LIMIT, EnginePool
from gitopsd.render.renderer import RenderRoom
from gitopsd.render.sops import Sops, locate_sops
from gitopsd.render.sops_person import personal_keys
from gitopsd.render.supplies import Supplies
from gitopsd.render.vault import Vault
from gitopsd.sources.accesses import Accesses
from gitopsd.sources.all import AllSources
from gitopsd.sources.artifacts import ArtifactSources, fetch_command
from gitopsd.sources.git import GitSources
from gitopsd.sources.limits import GitLimits

Result = TypeVar("Result")

_log = structlog.get_logger("gitopsd.daemon")


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a render takes place: the environment, what templates see of a cluster, and the configuration, if there is
    one, with its repositories' credentials and its limits.
    """

    environ: Mapping[str, str]
    target: RenderTarget
    config: Config | None = None


@dataclass(frozen=True, slots=True)
class _Workshop:
    renderers: Sequence[Renderer]
    sources: AllSources
    supplies: Supplies
    engine: str
    accesses: Accesses


def setting(environ: Mapping[str, str], target: RenderTarget, config: str = "") -> Setting:
    """With the configuration at the path `config` unless that is "". Blocks. Raises `ConfigErrors`."""
    return Setting(environ, target, load(config, environ=environ) if config else None)


def render_path(
    folder: str,
    where: Setting,
    *,
    name: str,
    namespace: str = "",
    renderer: str = "",
    options: JsonObject | None = None,
) -> RenderResult:
    """The manifests of a folder on this machine, as an application `name` would have them.

    `renderer` and `options` are as in a source. Blocks. Raises `RenderError` and `PluginError`.
    """

    async def result() -> RenderResult:
        async with _workshop(where) as shop:
            return await render_folder(
                shop.renderers,
                folder,
                name=name,
                namespace=namespace,
                renderer=renderer,
                options=options,
                kube_version=where.target.kube_version,
                api_versions=where.target.api_versions,
                supplies=shop.supplies,
            )

    return ran(result)


def render_app(where: Setting, name: str) -> Rendered:
    """The manifests of the application `name` of the configuration, at its target revisions.

    Asks its repositories, as the configuration says, and no cluster: Argo CD's Secrets are read before
    (`daemon.argocd_secrets`). Blocks. Raises `SpecError` for a name that is not there and for an application that uses
    what gitopsd cannot honour, `SourceError`, `RenderError` and `PluginError`.
    """
    return ran(partial(rendered, where, application_named(where.config, name)))


def render_source(where: Setting, source: Source, *, name: str, namespace: str = "") -> Rendered:
    """The manifests of a source that is fetched, as an application `name` would have them; raises as `render_app`."""
    spec = AppSpec(AppName(name), (source,), Destination(namespace=namespace))
    return ran(partial(rendered, where, spec))


async def rendered(where: Setting, spec: AppSpec) -> Rendered:
    """The manifests of an application, at its target revisions; raises as `render_app`, perhaps in groups."""
    async with _workshop(where) as shop, AsyncExitStack() as stack:
        folder = stack.enter_context(_scratch())
        cache = RenderCache(Vault(str(Path(folder) / "renders"), str(Path(folder) / "cache.key")))
        await cache.open()
        for each in spec.sources:
            if refused := shop.accesses.refusal(each.origin, spec.project):
                raise SpecError(refused, where=shown_url(each.repo_url), hint="correct the project of one of them")
        commits = [await shop.sources.commit(*each.place) for each in spec.sources]
        room = RenderRoom(
            shop.renderers,
            shop.sources,
            cache,
            SystemClock(),
            identity=shop.engine,
            limits=Limits(deadline=where.config.render.deadline_seconds) if where.config else None,
            supplies=shop.supplies,
        )
        return await room.render(spec, commits, where.target)


@asynccontextmanager
async def _workshop(where: Setting) -> AsyncGenerator[_Workshop]:
    """All that renders need, without a state folder and without a cluster; what is fetched is removed at the end."""
    config = where.config
    binary = locate(config.render.engine if config else "", where.environ)
    memory = config.render.memory_limit_bytes if config else MEMORY_LIMIT
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(_scratch())
        accesses = Accesses(config.repositories, config.repository_credentials) if config else Accesses()
        sources = await stack.enter_async_context(opened_sources(where, accesses, Path(folder)))
        commands = CommandPlugins(config.plugins if config else (), str(Path(folder) / "commands"))
        renderers = await stack.enter_async_context(
            _renderers(binary, memory, commands, config.plugin_path if config else ())
        )
        made = await anyio.to_thread.run_sync(_sops, where, limiter=anyio.CapacityLimiter(1))
        sops = await stack.enter_async_context(made)
        supplies = Supplies(sources, SystemClock(), decrypt=sops.decrypt, refusal=accesses.refusal)
        yield _Workshop(renderers, sources, supplies, identity(binary), accesses)


@asynccontextmanager
async def opened_sources(where: Setting, accesses: Accesses, folder: Path) -> AsyncGenerator[AllSources]:
    """All sources, reached by `accesses`; what is fetched goes into `folder`. Raises `RenderError` for its engine."""
    config = where.config
    binary = locate(config.render.engine if config else "", where.environ)
    git = config.git if config else None
    limits = GitLimits(lookup_seconds=git.timeout_seconds, fetch_seconds=git.fetch_timeout_seconds) if git else None
    async with (
        GitSources(folder=folder / "git", repositories=accesses, limits=limits) as git_sources,
        ArtifactSources(
            folder=folder / "artifacts",
            command=fetch_command(binary),
            accesses=accesses,
            limits=artifact_limits(config) if config else None,
        ) as artifacts,
    ):
        yield AllSources(git_sources, artifacts)


def decrypt_values(where: Setting, file: str, content: bytes) -> bytes:
    """The plain text of a YAML file that SOPS encrypted. Blocks. Raises `RenderError`."""
    spec = AppSpec(AppName(""), (), Destination())

    async def decrypted() -> bytes:
        async with _sops(where) as sops:
            return await sops.decrypt(spec, content, file, "yaml")

    return ran(decrypted)


def ran(work: Callable[[], Awaitable[Result]]) -> Result:
    """Run `work` in a loop of its own; blocks. A task group hands errors on in groups: here they come out as they were
    raised.

    Where several things failed at once the first error of ours is raised, and the others go with it as notes.
    """
    try:
        return anyio.run(work)
    except BaseExceptionGroup as group:
        own, others = _leaves(group)
        if others or not own:
            raise
        first, *rest = own
        for each in rest:
            first.add_note(str(each))
        raise first from None


def _leaves(group: BaseExceptionGroup[BaseException]) -> tuple[list[GitopsdError], list[BaseException]]:
    """The errors of ours in a group and the groups in it, and all others."""
    own: list[GitopsdError] = []
    others: list[BaseException] = []
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            inner = _leaves(each)
            own += inner[0]
            others += inner[1]
        elif isinstance(each, GitopsdError):
            own.append(each)
        else:
            others.append(each)
    return own, others


def _sops(where: Setting) -> Sops:
    """With the configuration's keys, and those of the person who asks."""
    access = personal_keys(where.environ)
    if where.config is not None:
        configured = where.config.sops
        access = replace(configured, age=(*configured.age, *access.age))
    program = locate_sops(where.environ)
    return Sops(None if program is None else [program], access)


def _scratch() -> tempfile.TemporaryDirectory[str]:
    # Made and removed by system calls; it holds nothing yet, and at the end nobody else waits for the loop.
    return tempfile.TemporaryDirectory(prefix="gitopsd-render-", ignore_cleanup_errors=True)


@asynccontextmanager
async def _renderers(
    engine: str | None, memory_limit: int, commands: CommandPlugins, folders: Sequence[str]
) -> AsyncGenerator[Sequence[Renderer]]:
    plugins = PluginManager(lambda name: _log.warning("a plugin is still being imported", plugin=name))
    for error in (*plugins.load_installed(), *plugins.load_folders(folders)):
        _log.error("plugin not loaded", error=str(error))
    if engine is None:
        _log.warning("no render engine: only plain YAML can be rendered", hint="run `make setup`")
        yield plugins.renderers(None, commands)
        return
    async with EnginePool([engine], memory_limit=memory_limit) as pool:
        yield plugins.renderers(pool, commands)


def application_named(config: Config | None, name: str) -> AppSpec:
    """The application of the configuration. Raises `SpecError`, also for one that uses what cannot be honoured."""
    names = {str(spec.name): spec for spec in config.applications} if config else {}
    spec = names.get(name)
    if spec is None:
        near = difflib.get_close_matches(name, names, n=1)
        raise SpecError(
            f"no application is named {name!r}",
            where=config.path if config else "",
            hint=f"did you mean {near[0]}?" if near else "see the names in the configuration and the files it includes",
        )
    if spec.unsupported:
        raise SpecError(
            f"application {name!r} uses what gitopsd cannot honour",
            where=str(spec.position),
            why=", ".join(spec.unsupported),
            hint=_way_out(spec, config.projects if config else ONLY_DEFAULT),
        )
    return spec


def _way_out(spec: AppSpec, projects: Projects) -> str:
    """What to do for an application that uses what cannot be honoured: the project's fields, or its own."""
    project = projects.find(spec.project)
    if project is None:
        return "declare the project under `projects`, or name another one"
    if project.unenforced:
        # Without the fields it would still restrict: a list that is left out allows nothing.
        return "give it values that restrict nothing (docs/moving-from-argocd.md#projects), or name another project"
    return "leave these fields out"
