"""The configuration as one immutable value: what `load` gives, and all that a reload swaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitopsd.config.apps import NO_SURROUNDINGS, Surroundings
from gitopsd.config.files import Stamp
from gitopsd.core.app import AppSpec
from gitopsd.core.breaker import BreakerSettings
from gitopsd.core.customization import ResourceSettings
from gitopsd.core.errors import ConfigError
from gitopsd.core.ids import GroupKind
from gitopsd.core.project import ONLY_DEFAULT, Projects
from gitopsd.core.secret import Secret
from gitopsd.plugin.command import CommandPlugin
from gitopsd.ports.cluster import ClusterAccess
from gitopsd.ports.sops import SopsAccess
from gitopsd.ports.sources import RepositoryAccess


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where to listen (`port` 0 is any free one). `metrics_prefix` is `gitopsd` or `argocd` (Argo CD's names and
    labels); the others are the keys of labels that metrics show.
    """

    host: str
    port: int
    metrics_prefix: str
    metrics_application_labels: tuple[str, ...] = ()
    metrics_cluster_labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BackoffSettings:
    """Waits of min(`max_seconds`, `seconds` * `factor`**n)."""

    seconds: float
    factor: float
    max_seconds: float


@dataclass(frozen=True, slots=True)
class ReconcileSettings:
    """`refresh_interval_seconds` 0 means never; each interval is lengthened by 0 to `jitter_seconds`."""

    refresh_interval_seconds: float
    jitter_seconds: float
    concurrency: int
    self_heal: BackoffSettings


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """`timeout_seconds` 0 and `hook_timeout_seconds` None are for ever; `breaker` None: there is none.

    `protected_kinds` are pruned only if somebody confirms.
    """

    timeout_seconds: float = 0.0
    hook_timeout_seconds: float | None = None
    protected_kinds: frozenset[GroupKind] = frozenset()
    breaker: BreakerSettings | None = None


@dataclass(frozen=True, slots=True)
class GitSettings:
    """`local_roots` are absolute folders; the time limits are in seconds."""

    local_roots: tuple[str, ...]
    timeout_seconds: float
    fetch_timeout_seconds: float


@dataclass(frozen=True, slots=True)
class ArtifactSettings:
    """Seconds and bytes for charts, OCI artifacts and files; `token_hosts` are in lower case."""

    timeout_seconds: float = 60.0
    fetch_timeout_seconds: float = 300.0
    index_bytes: int = 64 * 1024**2
    extracted_bytes: int = 1024**3
    block_private: bool = False
    token_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """`engine` is an absolute path, "" for the engine that is part of gitopsd.

    A cached render is used for `cache_seconds`, 0 is for ever. `helm_lookup`: templates may read the cluster.
    """

    deadline_seconds: float
    workers: int
    engine: str
    memory_limit_bytes: int
    cache_bytes: int = 512 << 20
    cache_seconds: float = 86_400.0
    helm_lookup: bool = False


@dataclass(frozen=True, slots=True)
class LogSettings:
    """`level` debug, info, warning or error; `format` auto, text or json; the same error is logged once in
    `repeat_seconds`, 0 is each time.
    """

    level: str
    format: str
    repeat_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class TracingSettings:
    """`endpoint` "" and `sample_ratio` None are what the environment says; `insecure`: any TLS certificate will do."""

    endpoint: str = ""
    headers: tuple[tuple[str, Secret], ...] = ()
    sample_ratio: float | None = None
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class RepositorySecrets:
    """A namespace of a configured cluster that holds Argo CD's Secrets of repositories."""

    cluster: str
    namespace: str


@dataclass(frozen=True, slots=True)
class ClusterSecrets:
    """A namespace of a configured cluster that holds Argo CD's Secrets of clusters; `allow_exec`: they may name
    programs of this machine.
    """

    cluster: str
    namespace: str
    allow_exec: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """All that the files say. `path` is the main file; paths are absolute.

    `files` were read (main, included, secret and kubeconfig files), `stamps` say how they looked then, `globs` are the
    include patterns: together they are what to watch. `warnings` are sentences with their places (insecure switches,
    ignored manifests). `errors` are what is wrong with applications that were left out (`load(keep_going=True)`),
    `broken` what is wrong with the kubeconfigs of clusters, by their names, which are there all the same.
    `digest` is equal if and only if all files' names and contents are. `state_key` is the file of the state's key.
    `secret_files` are all files that hold secrets, as far as they are known here (`exposed` judges them).
    `plugin_path` are folders with plugins in Python. `surroundings` are what applications that come from elsewhere are
    checked against.
    """

    path: str
    server: ServerSettings
    state_dir: str
    cache_dir: str
    reconcile: ReconcileSettings
    git: GitSettings
    render: RenderSettings
    log: LogSettings
    clusters: tuple[ClusterAccess, ...]
    repositories: tuple[RepositoryAccess, ...]
    applications: tuple[AppSpec, ...]
    globs: tuple[str, ...]
    warnings: tuple[str, ...]
    digest: str
    stamps: Mapping[str, Stamp] = field(repr=False)
    errors: tuple[ConfigError, ...] = ()
    broken: Mapping[str, ConfigError] = field(default_factory=dict)
    sops: SopsAccess = field(default_factory=SopsAccess)
    repository_credentials: tuple[RepositoryAccess, ...] = ()
    repositories_from: tuple[RepositorySecrets, ...] = ()
    clusters_from: tuple[ClusterSecrets, ...] = ()
    plugins: tuple[CommandPlugin, ...] = ()
    plugin_path: tuple[str, ...] = ()
    artifacts: ArtifactSettings = field(default_factory=ArtifactSettings)
    resources: ResourceSettings = field(default_factory=ResourceSettings)
    projects: Projects = ONLY_DEFAULT
    sync: SyncSettings = field(default_factory=SyncSettings)
    tracing: TracingSettings | None = None
    state_key: str = ""
    secret_files: tuple[str, ...] = ()
    surroundings: Surroundings = field(default=NO_SURROUNDINGS, repr=False)

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that was read, in the order of reading."""
        return tuple(self.stamps)
