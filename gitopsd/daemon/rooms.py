"""The adapters of one daemon, made from a configuration: the only place that sees both a port and its adapter."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread
import structlog
from anyio import AsyncContextManagerMixin

from gitopsd import __version__
from gitopsd.config import Config, RepositorySecrets
from gitopsd.core.app import AppSpec
from gitopsd.core.errors import StoreError, shown_url
from gitopsd.core.ids import GVK, AppName, ObjectKey
from gitopsd.core.project import Projects
from gitopsd.daemon.acting import Acting
from gitopsd.daemon.artifact_limits import artifact_limits
from gitopsd.daemon.childkinds import child_kinds
from gitopsd.daemon.clusters import ClusterDirectory
from gitopsd.daemon.judging import Judging
from gitopsd.daemon.repositories import Repositories
from gitopsd.kube.answer import RequestMade
from gitopsd.kube.cluster import KubeCluster, KubeSettings
from gitopsd.kube.clusters import KubeClusters
from gitopsd.kube.repository_secrets import RepositorySecretsFound
from gitopsd.metrics import Recorder
from gitopsd.plugin.command import CommandPlugins
from gitopsd.plugin.manager import PluginManager
from gitopsd.plugin.renderer import Renderer
from gitopsd.plugin.supply import Need
from gitopsd.ports.clock import Clock
from gitopsd.ports.cluster import Connection
from gitopsd.ports.sources import Sources
from gitopsd.render.cache import RenderCache
from gitopsd.render.engine import identity, locate
from gitopsd.render.limits import Limits
from gitopsd.render.pool import EnginePool
from gitopsd.render.renderer import RenderRoom
from gitopsd.render.seeds import Seeds
from gitopsd.render.sops import Sops, locate_sops
from gitopsd.render.supplies import LookUp, Supplies
from gitopsd.render.vault import Vault
from gitopsd.sources.all import AllSources
from gitopsd.sources.artifacts import ArtifactSources, fetch_command
from gitopsd.sources.connections import Connections
from gitopsd.sources.git import GitSources
from gitopsd.sources.limits import GitLimits, GitRequest
from gitopsd.store.journal import SqliteJournal
from gitopsd.store.lock import StateLock
from gitopsd.store.opening import Migration
from gitopsd.store.sqlite import SqliteStore

_log = structlog.get_logger("gitopsd.daemon")


@dataclass(frozen=True, slots=True)
class Rooms:
    """The rooms that one daemon lives in."""

    sources: AllSources
    renderer: RenderRoom
    clusters: KubeClusters
    directory: ClusterDirectory
    store: SqliteStore
    journal: SqliteJournal
    repositories: Repositories
    sops: Sops
    judging: Judging
    acting: Acting
    engine: EnginePool | None


class OpenRooms(AsyncContextManagerMixin):
    """Opens the rooms for `config`, and closes them in the opposite order; `async with` gives the `Rooms`.

    `projects` gives those of the configuration that is in force.
    """

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        clock: Clock,
        recorder: Recorder,
        *,
        projects: Callable[[], Projects],
    ) -> None:
        self._config = config
        self._projects = projects
        self._environ = environ
        self._clock = clock
        self._recorder = recorder
        self._connections = Connections(clock)
        self._engine: EnginePool | None = None
        self._on_connected: Callable[[str], None] = lambda _: None

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[Rooms]:
        config = self._config
        self._plugins = load_plugins(config.plugin_path)
        async with (
            StateLock(Path(config.state_dir)) as lock,
            SqliteStore(lock, _unreadable, on_migrated=_migrated) as store,
            SqliteJournal(store.file, _unreadable, key_file=Path(config.state_key), on_lost_key=_lost_key) as journal,
            self._sources() as sources,
            KubeClusters(
                config.clusters,
                clock=self._clock,
                resources=config.resources,
                settings=KubeSettings(children_of=child_kinds),
                on_request=self._kube_request,
                on_batch=self._recorder.watch_batch,
                on_warning=_kube_warning,
                on_connection=self._connection,
            ) as clusters,
            ClusterDirectory(config, clusters, self._clock, self._recorder.cluster_removed) as directory,
            Repositories(
                config, _reading_secrets(clusters), self._clock, self._connections, sources.reconfigure
            ) as repositories,
            self._sops() as sops,
            self._renderer(sources, clusters, sops, repositories) as renderer,
            self._judging() as judging,
        ):
            self._on_connected = directory.connected
            acting = Acting(judging, self._plugins.actions())
            await acting.begin(config.resources)
            yield Rooms(
                sources,
                renderer,
                clusters,
                directory,
                store,
                journal,
                repositories,
                sops,
                judging,
                acting,
                self._engine,
            )

    @asynccontextmanager
    async def _sources(self) -> AsyncGenerator[AllSources]:
        config = self._config
        binary = locate(config.render.engine, self._environ)
        async with (
            GitSources(
                folder=Path(config.cache_dir) / "git",
                limits=_git_limits(config),
                on_request=self._git_request,
            ) as git,
            ArtifactSources(
                folder=Path(config.cache_dir) / "artifacts",
                command=fetch_command(binary),
                limits=artifact_limits(config),
                on_request=self._artifact_request,
                on_connection=self._connections.note,
            ) as artifacts,
        ):
            yield AllSources(git, artifacts)

    @asynccontextmanager
    async def _renderer(
        self, sources: Sources, clusters: KubeClusters, sops: Sops, repositories: Repositories
    ) -> AsyncGenerator[RenderRoom]:
        config = self._config
        seeds = await anyio.to_thread.run_sync(Seeds.open, str(Path(config.state_dir) / "random.key"))
        supplies = Supplies(
            sources,
            self._clock,
            decrypt=sops.decrypt,
            keys=lambda: sops.generation,
            look_up=_looking_up(clusters, self._projects) if config.render.helm_lookup else None,
            refusal=repositories.refusal,
        )
        plugins = self._plugins
        commands = CommandPlugins(config.plugins, str(Path(config.cache_dir) / "commands"))
        binary = locate(config.render.engine, self._environ)
        cache = RenderCache(
            Vault(str(Path(config.cache_dir) / "renders"), str(Path(config.state_dir) / "cache.key")),
            max_bytes=config.render.cache_bytes,
            expires_seconds=config.render.cache_seconds,
            now=lambda: self._clock.now().timestamp(),
        )
        await cache.open()
        versions = ",".join(f"{name}={version}" for name, version in sorted(plugins.versions().items()))
        who = f"{identity(binary)} {versions} {__version__} {commands.digest()}"
        if binary is None:
            _log.warning(
                "no render engine: only plain YAML can be rendered", hint="run `make setup`, or set render.engine"
            )
            yield self._render_room(
                plugins.renderers(None, commands), sources, cache, who=who, supplies=supplies, seeds=seeds
            )
            return
        async with EnginePool(
            [binary],
            workers=config.render.workers,
            memory_limit=config.render.memory_limit_bytes,
            on_restart=self._recorder.engine_restart,
            on_wait=self._recorder.render_wait,
        ) as engine:
            self._engine = engine
            yield self._render_room(
                plugins.renderers(engine, commands), sources, cache, who=who, supplies=supplies, seeds=seeds
            )

    def _judging(self) -> Judging:
        engine = locate(self._config.render.engine, self._environ)
        return Judging(engine, self._config.resources, self._plugins.health_checks())

    def _sops(self) -> Sops:
        program = locate_sops(self._environ)
        return Sops(None if program is None else [program], self._config.sops)

    def _render_room(
        self,
        renderers: Sequence[Renderer],
        sources: Sources,
        cache: RenderCache,
        *,
        who: str,
        supplies: Supplies,
        seeds: Seeds,
    ) -> RenderRoom:
        return RenderRoom(
            renderers,
            sources,
            cache,
            self._clock,
            identity=who,
            supplies=supplies,
            seeds=seeds,
            lookup=self._config.render.helm_lookup,
            limits=Limits(deadline=self._config.render.deadline_seconds),
            on_render=self._recorder.render,
        )

    def _git_request(self, request: GitRequest) -> None:
        self._recorder.git_request(request.repo, request.kind, request.seconds, request.ok, request.waited)
        if request.ok or request.error:
            self._connections.note(request.repo, request.error)

    def _artifact_request(self, request: GitRequest) -> None:
        self._recorder.artifact_request(request.repo, request.kind, request.seconds, request.ok)

    def _connection(self, cluster: KubeCluster, connection: Connection) -> None:
        self._recorder.cluster_up(cluster.server, cluster.name, connection.up, connection.version)
        shown = shown_url(cluster.server)
        if connection.up:
            self._on_connected(cluster.name)
            _log.info("cluster connected", cluster=cluster.name, server=shown, version=connection.version)
        else:
            _log.error("cluster lost", cluster=cluster.name, server=shown, error=connection.trouble)

    def _kube_request(self, request: RequestMade) -> None:
        server, verb, kind, code, seconds, waited = request
        self._recorder.kube_request(server, verb, kind, code, seconds, waited=waited)


def _looking_up(clusters: KubeClusters, projects: Callable[[], Projects]) -> LookUp:
    """Objects of the application's own destination, and of no other cluster; as whoever would sync (N1)."""

    async def look(spec: AppSpec, need: Need) -> bytes:
        cluster = clusters.find(server=spec.destination.server, name=spec.destination.name)
        kind = GVK.parse(need.api_version, need.object_kind)
        account = projects().account(spec, cluster.server)
        return await cluster.look_up(kind, need.namespace, need.name, impersonate=account)

    return look


def _reading_secrets(
    clusters: KubeClusters,
) -> Callable[[RepositorySecrets], Awaitable[RepositorySecretsFound]]:
    async def read(place: RepositorySecrets) -> RepositorySecretsFound:
        return await clusters.find(name=place.cluster).repository_secrets(place.namespace)

    return read


def load_plugins(folders: Sequence[str]) -> PluginManager:
    """Every installed plugin and those of the folders; one that cannot be loaded is logged and left out."""
    plugins = PluginManager(_plugin_is_slow)
    for error in (*plugins.load_installed(), *plugins.load_folders(folders)):
        _log.error("plugin not loaded", error=str(error))
    return plugins


def _plugin_is_slow(name: str) -> None:
    """Log it; from any thread."""
    _log.warning("a plugin is still being imported", plugin=name)


def _git_limits(config: Config) -> GitLimits:
    return GitLimits(lookup_seconds=config.git.timeout_seconds, fetch_seconds=config.git.fetch_timeout_seconds)


def _kube_warning(key: ObjectKey, message: str) -> None:
    _log.warning("the API server warns", object=str(key), warning=message)


def _lost_key(error: StoreError) -> None:
    _log.error("what was kept before cannot be read", error=str(error))


def _migrated(migration: Migration) -> None:
    _log.info(
        "the state file was brought forward", before=migration.before, now=migration.after, copy=str(migration.copy)
    )


def _unreadable(name: AppName, why: str) -> None:
    _log.warning("saved status not readable; it is computed anew", application=name, why=why)
