"""From a path to a `Config`: read, validate, include, resolve; every error is found before the first is raised."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from glob import escape
from typing import TypeVar

from pydantic import BaseModel

from gitopsd.config.applications import Listed, applications_of
from gitopsd.config.apps import Surroundings
from gitopsd.config.clusters import ClusterReader, cluster_secrets
from gitopsd.config.document import Document, KeyPath
from gitopsd.config.errors import Problems
from gitopsd.config.files import Files
from gitopsd.config.includes import Includes
from gitopsd.config.known_clusters import IN_CLUSTER_NAME, IN_CLUSTER_SERVER, KnownClusters
from gitopsd.config.listing import documents_of, entries
from gitopsd.config.locations import Locations
from gitopsd.config.models.cluster import Cluster, ClustersFrom
from gitopsd.config.models.main import Main
from gitopsd.config.models.project import ProjectEntry
from gitopsd.config.models.repository import CredentialTemplate, RepositoriesFrom, Repository
from gitopsd.config.models.settings import listen_address
from gitopsd.config.models.tracing import Tracing
from gitopsd.config.plugins import PluginReader
from gitopsd.config.projects import WrittenProject, projects_of
from gitopsd.config.references import References
from gitopsd.config.repositories import check_duplicates, repository_access, repository_secrets, template_access
from gitopsd.config.resources import resource_settings
from gitopsd.config.secretfiles import holds_secrets, warn_of_open_files
from gitopsd.config.sops import sops_access, warn_of_plain_http
from gitopsd.config.syncing import sync_settings
from gitopsd.config.validation import shown_path, validate
from gitopsd.config.values import (
    ArtifactSettings,
    BackoffSettings,
    ClusterSecrets,
    Config,
    GitSettings,
    LogSettings,
    ReconcileSettings,
    RenderSettings,
    RepositorySecrets,
    ServerSettings,
    TracingSettings,
)
from gitopsd.config.yamlfile import MAX_BYTES, parse
from gitopsd.core.app import AppSpec, Tracking, TrackingMethod
from gitopsd.core.customization import ResourceSettings
from gitopsd.core.errors import ConfigError, PluginError
from gitopsd.core.ids import Position
from gitopsd.core.jsonvalue import sequence
from gitopsd.core.project import Impersonation, Projects
from gitopsd.core.repo_url import normalise
from gitopsd.plugin.command import CommandPlugin
from gitopsd.plugin.folders import refuse_if_open
from gitopsd.ports.cluster import ClusterAccess
from gitopsd.ports.sources import RepositoryAccess

M = TypeVar("M", bound=BaseModel)

# Judged entry by entry, so that one bad entry hides no other.
_LISTS = (
    "projects",
    "clusters",
    "clustersFrom",
    "repositories",
    "repositoryCredentials",
    "repositoriesFrom",
    "plugins",
    "applications",
)


def load(
    path: str, *, environ: Mapping[str, str], keep_going: bool = False, broken: Collection[str] | None = ()
) -> Config:
    """The configuration in the file at `path` and the files it names; `environ` is what `${NAME}` looks into.

    Blocks on the disk: call it in a thread. Raises `ConfigErrors` with everything that is wrong, and nothing else. With
    `keep_going` what is wrong with single applications is in the answer's `errors`, and these applications are not
    (advisory D7: one bad object must not keep the others from work when the daemon starts). `broken` names the clusters
    whose kubeconfig may be one that cannot be used (None, and with `keep_going`: any): why stands in the answer's
    `broken`.
    """
    return _Loading(path, environ, keep_going=keep_going, broken=None if keep_going else broken).config()


@dataclass(frozen=True, slots=True)
class _Found:
    """The accesses of the main file; `known` says which clusters applications may name."""

    clusters: tuple[ClusterAccess, ...]
    repositories: tuple[RepositoryAccess, ...]
    templates: tuple[RepositoryAccess, ...]
    secrets: tuple[RepositorySecrets, ...]
    cluster_secrets: tuple[ClusterSecrets, ...]
    known: KnownClusters
    broken: Mapping[str, ConfigError]


class _Loading:
    """One run of `load`."""

    def __init__(
        self, path: str, environ: Mapping[str, str], *, keep_going: bool, broken: Collection[str] | None
    ) -> None:
        self._broken = broken
        self._path = path
        self._keep_going = keep_going
        self._folder = os.path.dirname(os.path.abspath(path)) if "\0" not in path else ""
        self._problems = Problems(path)
        self._files = Files()
        self._references = References(environ, self._folder, self._files)

    def config(self) -> Config:
        document = self._main_document()
        settings = self._settings(document)
        found = self._accesses(document)
        reader = PluginReader(document, self._references, self._problems)
        plugins = reader.plugins()
        own = self._own_projects(document)
        if self._keep_going:
            self._problems.raise_if_any()
        includes = Includes(document, self._path, self._files, self._problems)
        listed, brought = self._written(document, includes)
        projects = self._projects(settings, own, brought)
        around = self._surroundings(settings, found, projects)
        applications = tuple(applications_of(listed, around, self._problems))
        if not self._keep_going:
            self._problems.raise_if_any()
        warn_of_plain_http(settings.sops, document, self._problems)
        resources = self._resources(settings, document)
        syncing = sync_settings(settings.sync, document, self._problems)
        if not self._keep_going:
            self._problems.raise_if_any()
        self._warn_of_open_files(settings, document)
        self._warn_of_plugin_folders(settings, document)
        globs = (*includes.globs, *reader.globs)
        config = self._assembled(settings, found, plugins, applications, globs)
        return replace(config, resources=resources, projects=projects, sync=syncing, surroundings=around)

    def _warn_of_plugin_folders(self, settings: Main, document: Document) -> None:
        """Plugins that would not be loaded do not keep the daemon from starting: so they are warned of only."""
        for index, folder in enumerate(settings.plugin_path):
            try:
                # Root checks for others: whom the files should belong to is not known then.
                found = refuse_if_open(folder, owners=os.geteuid() != 0)
            except PluginError as error:
                found = (error,)
            for each in found:
                self._problems.warn(document.position(("pluginPath", index)), f"pluginPath[{index}]: {each}")

    def _warn_of_open_files(self, settings: Main, document: Document) -> None:
        if holds_secrets(document):
            self._files.hold_secret(self._path)
        if settings.state.key_file:
            self._files.hold_secret(settings.state.key_file)
        warn_of_open_files(self._files, self._problems)

    def _own_projects(self, document: Document) -> list[WrittenProject]:
        return [
            WrittenProject(model.name, model, document, (*path, "name"), path)
            for model, path in self._entries(ProjectEntry, document, "projects")
        ]

    def _projects(self, settings: Main, own: list[WrittenProject], brought: list[WrittenProject]) -> Projects:
        chosen = settings.sync.impersonation
        return Projects(projects_of([*own, *brought], self._problems), Impersonation(chosen.enabled, chosen.enforced))

    def _resources(self, settings: Main, document: Document) -> ResourceSettings:
        def refuse(path: KeyPath, what: str, why: str) -> None:
            whole = ("resources", *path)
            self._problems.add(document.position(whole), f"{shown_path(whole)} {what}", why=why)

        return resource_settings(
            settings.resources, _tracking(settings), lambda path: document.position(("resources", *path)), refuse
        )

    def _main_document(self) -> Document:
        try:
            data = self._files.read(self._path, MAX_BYTES)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is no path"
            self._problems.add(
                Position(self._path),
                "the configuration cannot be read",
                why=why,
                hint="put a file there that gitopsd's user may read, or name another one",
            )
            self._problems.raise_if_any()
            raise
        documents = parse(data, self._path)
        if len(documents) > 1:
            place = documents[1].position()
            self._problems.add(
                place,
                "a second document starts here",
                why="the main file is one document",
                hint="include for more files",
            )
        elif not documents or documents[0].value is None:
            self._problems.add(
                Position(self._path), "the configuration is empty", why="expected at least clusters and applications"
            )
        elif not isinstance(documents[0].value, dict):
            self._problems.add(
                documents[0].position(),
                "the configuration is no mapping",
                why="expected keys such as clusters and applications",
            )
        elif "kind" in documents[0].value:
            self._problems.add(
                documents[0].position(("kind",), key=True),
                "the configuration is a manifest",
                why="expected gitopsd's own file, with clusters and applications",
                hint="a main file that names this one under include",
            )
        self._problems.raise_if_any()
        return documents[0]

    def _settings(self, document: Document) -> Main:
        """The main file without its lists of entries; defaults where it cannot be used, which is noted."""
        value = document.value if isinstance(document.value, dict) else {}
        frame = {key: [] if key in _LISTS and isinstance(item, list) else item for key, item in value.items()}
        return validate(Main, frame, document, (), self._problems, references=self._references) or Main()

    def _accesses(self, document: Document) -> _Found:
        reader = ClusterReader(document, self._references, self._problems, self._may_be_broken)
        clusters: list[tuple[ClusterAccess, KeyPath]] = []
        servers: list[str] = []
        models = list(self._entries(Cluster, document, "clusters"))
        for model, path in models:
            if read := reader.access(model, path):
                clusters.append((read[0], path))
                servers.append(read[1])
        reader.check_duplicates(clusters)
        reader.check_servers(clusters, servers)
        complete = all(servers) and len(clusters) == len(sequence(document.value, "clusters"))
        # Which clusters there are is known only once the Secrets were read.
        complete = complete and not sequence(document.value, "clustersFrom")
        repositories: list[tuple[RepositoryAccess, KeyPath]] = []
        for entry, path in self._entries(Repository, document, "repositories"):
            access = repository_access(entry, document, path, self._folder, self._problems)
            if access is not None:
                repositories.append((access, path))
        check_duplicates(repositories, document, self._problems)
        templates = list(self._templates(document))
        check_duplicates(templates, document, self._problems)
        names = tuple(access.name for access, _ in clusters)
        secrets = [
            repository_secrets(model, names, document, path, self._problems)
            for model, path in self._entries(RepositoriesFrom, document, "repositoriesFrom")
        ]
        others = [
            cluster_secrets(model, names, document, path, self._problems)
            for model, path in self._entries(ClustersFrom, document, "clustersFrom")
        ]
        return _Found(
            tuple(access for access, _ in clusters),
            tuple(access for access, _ in repositories),
            tuple(access for access, _ in templates),
            tuple(secrets),
            tuple(others),
            KnownClusters(_with_in_cluster(names, servers), tuple(server for server in servers if server), complete),
            reader.broken,
        )

    def _may_be_broken(self, cluster: str) -> bool:
        return self._broken is None or cluster in self._broken

    def _templates(self, document: Document) -> Iterator[tuple[RepositoryAccess, KeyPath]]:
        for entry, path in self._entries(CredentialTemplate, document, "repositoryCredentials"):
            access = template_access(entry, document, path, self._problems)
            if access is not None:
                yield access, path

    def _entries(self, model: type[M], document: Document, key: str) -> Iterator[tuple[M, KeyPath]]:
        for index, item in enumerate(sequence(document.value, key)):
            entry = validate(model, item, document, (key, index), self._problems, references=self._references)
            if entry is not None:
                yield entry, (key, index)

    def _surroundings(self, settings: Main, found: _Found, projects: Projects) -> Surroundings:
        declared = frozenset(normalise(access.url) for access in found.repositories)
        return Surroundings(
            locations=Locations(tuple(settings.git.local_roots), declared),
            clusters=found.known,
            tracking=_tracking(settings),
            projects=projects,
        )

    def _written(self, document: Document, includes: Includes) -> tuple[list[Listed], list[WrittenProject]]:
        """Every application as written, and the projects of included files."""
        value = document.value if isinstance(document.value, dict) else {}
        own = entries(value.get("applications"), document, ("applications",), self._problems)
        listed = [Listed(written, self._folder, True) for written in own]
        projects: list[WrittenProject] = []
        patterns = [item for item in sequence(document.value, "include") if isinstance(item, str)]
        for shown, documents in includes.read(patterns):
            folder = os.path.dirname(os.path.abspath(shown))
            for written in documents_of(documents, self._problems):
                if isinstance(written, WrittenProject):
                    projects.append(written)
                else:
                    listed.append(Listed(written, folder, False))
        return listed, projects

    def _assembled(
        self,
        settings: Main,
        found: _Found,
        plugins: tuple[CommandPlugin, ...],
        applications: tuple[AppSpec, ...],
        globs: Sequence[str],
    ) -> Config:
        host, port = listen_address(settings.server.listen)
        state_dir = settings.state.dir or os.path.join(self._folder, "state")
        backoff = settings.reconcile.self_heal_backoff
        interval, jitter = settings.reconcile.refresh_interval, settings.reconcile.jitter
        return Config(
            path=os.path.abspath(self._path),
            server=ServerSettings(
                host,
                port,
                settings.server.metrics_prefix,
                tuple(settings.server.metrics_application_labels),
                tuple(settings.server.metrics_cluster_labels),
            ),
            state_dir=state_dir,
            cache_dir=settings.state.cache_dir or os.path.join(state_dir, "cache"),
            state_key=settings.state.key_file or os.path.join(state_dir, "state.key"),
            reconcile=ReconcileSettings(
                refresh_interval_seconds=interval,
                jitter_seconds=interval / 3 if jitter is None else jitter,
                concurrency=settings.reconcile.concurrency,
                self_heal=BackoffSettings(backoff.duration, backoff.factor, backoff.max_duration),
            ),
            git=GitSettings(tuple(settings.git.local_roots), settings.git.timeout, settings.git.fetch_timeout),
            artifacts=ArtifactSettings(
                settings.artifacts.timeout,
                settings.artifacts.fetch_timeout,
                settings.artifacts.max_index_size,
                settings.artifacts.max_extracted_size,
                settings.artifacts.block_private_addresses,
                tuple(host.lower() for host in settings.artifacts.token_hosts),
            ),
            render=RenderSettings(
                settings.render.deadline,
                settings.render.workers,
                settings.render.engine or "",
                settings.render.memory_limit,
                settings.render.cache_size,
                settings.render.cache_expiration,
                settings.helm.lookup,
            ),
            sops=sops_access(settings.sops),
            tracing=_tracing(settings.tracing),
            log=LogSettings(settings.log.level, settings.log.format, settings.log.repeat_interval),
            clusters=found.clusters,
            repositories=found.repositories,
            repository_credentials=found.templates,
            repositories_from=found.secrets,
            clusters_from=found.cluster_secrets,
            plugins=plugins,
            plugin_path=tuple(settings.plugin_path),
            applications=applications,
            # A kubeconfig that is not there was not read; it is looked for where it is to be.
            globs=(*globs, *(escape(access.kubeconfig) for access in found.clusters if access.name in found.broken)),
            secret_files=self._files.secrets,
            warnings=self._problems.warnings,
            errors=self._problems.errors,
            broken=found.broken,
            digest=self._files.digest,
            stamps=self._files.stamps,
        )


def _tracing(model: Tracing | None) -> TracingSettings | None:
    if model is None:
        return None
    return TracingSettings(model.endpoint or "", tuple(model.headers.items()), model.sample_ratio, model.insecure)


def _tracking(settings: Main) -> Tracking:
    reconcile = settings.reconcile
    method = TrackingMethod(reconcile.resource_tracking_method)
    return Tracking(method, reconcile.instance_label_key, reconcile.installation_id)


def _with_in_cluster(names: tuple[str, ...], servers: Sequence[str]) -> tuple[str, ...]:
    """The names, with Argo CD's own name of the cluster that it runs in."""
    return (*names, IN_CLUSTER_NAME) if IN_CLUSTER_SERVER in servers and IN_CLUSTER_NAME not in names else names
