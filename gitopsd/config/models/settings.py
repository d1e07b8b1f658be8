"""How the daemon itself behaves: one model per key of the main file."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from gitopsd.config.models.strict import FilePath, MemoryBytes, Seconds, Share, StrictModel, refused

_LEAST_ENGINE_MEMORY = 64 * 1024 * 1024
PROTECTED_KINDS: Final = ("Namespace", "apiextensions.k8s.io/CustomResourceDefinition", "PersistentVolumeClaim")


def _listen(value: str) -> str:
    listen_address(value)
    return value


def listen_address(value: str) -> tuple[str, int]:
    """Host and port of `host:port`, `[ipv6]:port` or `:port` (all interfaces)."""
    host, colon, port = value.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    bare_ipv6 = ":" in host and not value.startswith("[")
    if (
        not colon
        or bare_ipv6
        or not (port.isascii() and port.isdigit())
        or len(port) > 5
        or int(port) > 65535
        or " " in host
    ):
        raise refused("expected host:port with a port from 0 to 65535", "127.0.0.1:8080")
    return host or "0.0.0.0", int(port)  # noqa: S104  # `:8080` means all interfaces wherever it is written


_LABEL_KEY: Final = re.compile(r"([a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?")


def _label_keys(keys: list[str]) -> list[str]:
    for key in keys:
        if not _LABEL_KEY.fullmatch(key):
            raise refused("expected keys of labels, such as team or example.org/team")
    if len({re.sub("[^A-Za-z0-9_]", "_", key) for key in keys}) < len(keys):
        raise refused("expected keys that differ in more than what a metric's label cannot hold (`-`, `.` and `/`)")
    return keys


LabelKeys = Annotated[list[str], Field(max_length=20), AfterValidator(_label_keys)]


class Server(StrictModel):
    """Where the daemon listens for HTTP: metrics and probes. The API has a unix socket in the state folder."""

    listen: Annotated[str, AfterValidator(_listen)] = Field(
        "127.0.0.1:8080", description="Address and port: host:port, [ipv6]:port, or :port for all interfaces."
    )
    metrics_prefix: Literal["gitopsd", "argocd"] = Field(
        "gitopsd",
        description="How metrics are named: gitopsd_app_info …, or argocd_app_info … with Argo CD's labels, for "
        "dashboards that exist already.",
    )
    metrics_application_labels: LabelKeys = Field(
        default_factory=list,
        description="Labels of applications to show in the metric app_labels; each combination of values is a series.",
    )
    metrics_cluster_labels: LabelKeys = Field(
        default_factory=list, description="Labels of clusters to show in the metric cluster_labels."
    )


class State(StrictModel):
    """Where the daemon keeps what it must not forget, and what it can make again."""

    dir: FilePath | None = Field(
        None, description="Folder for status, history and the socket; relative to this file. Default: ./state"
    )
    cache_dir: FilePath | None = Field(
        None,
        description="Folder for git mirrors, snapshots and renders; safe to delete. Default: cache in `dir`.",
    )
    key_file: FilePath | None = Field(
        None,
        description="File with the key that manifests in history are encrypted with (32 random bytes or more), made if "
        "it is missing: a systemd credential, or a file on another disk. Default: state.key in `dir`.",
    )


class Backoff(StrictModel):
    """Waits that grow: duration, duration * factor, … up to maxDuration."""

    duration: Seconds = Field(2.0, description="The first wait.")
    factor: float = Field(3.0, ge=1, le=100, description="Each wait is the one before times this.")
    max_duration: Seconds = Field(300.0, description="No wait is longer.")


class Reconcile(StrictModel):
    """When applications are compared with git, and how many at once."""

    refresh_interval: Seconds = Field(
        180.0,
        description="How often each repository is asked for new commits; 0 never asks: then only "
        "`gitopsd app refresh` does.",
    )
    jitter: Seconds | None = Field(
        None,
        description="Random time added to each interval, so that not all are asked at once. Default: a third"
        " of the interval.",
    )
    concurrency: int = Field(16, ge=1, le=1024, description="How many applications are worked on at once.")
    self_heal_backoff: Backoff = Field(
        default_factory=Backoff,
        description="Waits between repeated heals of the same application, when something keeps changing it back.",
    )
    resource_tracking_method: Literal["annotation", "annotation+label", "label"] = Field(
        "annotation",
        description="How objects are marked as an application's: the annotation argocd.argoproj.io/tracking-id, that "
        "and the label `instanceLabelKey`, or the label alone.",
    )
    instance_label_key: str = Field(
        "app.kubernetes.io/instance", description="The label that holds the application's name."
    )
    installation_id: str = Field(
        "",
        alias="installationID",
        description="Tells the objects of several installations apart that manage one cluster: objects are marked with "
        "argocd.argoproj.io/installation-id, and those of another installation are not touched.",
    )


class Impersonation(StrictModel):
    """Whether syncs are made as service accounts (Argo CD: application.sync.impersonation)."""

    enabled: bool = Field(False, description="As the accounts in projects' destinationServiceAccounts.")
    enforced: bool = Field(
        True, description="Sync nothing where no account is named; false: with gitopsd's own rights there."
    )


class CircuitBreaker(StrictModel):
    """Stops automated syncs of a cluster when they go wrong for many applications at once."""

    enabled: bool = Field(True, description="Whether there is one.")
    within: Seconds = Field(600.0, description="The time over which is counted.")
    prune_limit: Share = Field(
        0.2, description="Automated syncs of a cluster together prune no more of its managed objects. Default: 20%"
    )
    prune_objects: int = Field(50, ge=1, description="Fewer objects than these never stop anything.")
    failed_limit: Share = Field(
        0.5, description="Stop when the last sync of more than this of the synced applications failed. Default: 50%"
    )
    failed_applications: int = Field(10, ge=1, description="Fewer failed applications than these never stop anything.")
    probe_interval: Seconds = Field(60.0, description="How often one application may try whether syncs work again.")


class Sync(StrictModel):
    """How is synced."""

    impersonation: Impersonation = Field(default_factory=Impersonation, description="As whom is synced.")
    timeout: Seconds = Field(0.0, description="How long one sync may take before it is terminated; 0 is for ever.")
    hook_timeout: Seconds = Field(
        0.0,
        description="How long a hook may run that has no annotation gitopsd.io/hook-timeout; 0 is for ever.",
    )
    protected_kinds: list[str] = Field(
        default_factory=lambda: list(PROTECTED_KINDS),
        description="Kinds, as GROUP/KIND or KIND, whose objects no sync prunes unless somebody confirms.",
    )
    circuit_breaker: CircuitBreaker = Field(
        default_factory=CircuitBreaker,
        description="When automated syncs of a cluster stop because they go wrong for many applications at once.",
    )


class Git(StrictModel):
    """Limits of git."""

    local_roots: list[FilePath] = Field(
        default_factory=list,
        description="Folders below which applications may name repositories by absolute path or file:// "
        "URL. None by default.",
    )
    timeout: Seconds = Field(15.0, description="How long a look-up of a repository's refs may take.")
    fetch_timeout: Seconds = Field(300.0, description="How long fetching a repository may take.")


def _host(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?", value):
        raise refused("expected a host, or host:port", "auth.example.org")
    return value


class Artifacts(StrictModel):
    """Limits of what comes from Helm repositories, OCI registries and as files of the web."""

    timeout: Seconds = Field(60.0, description="How long a look-up of versions or tags may take.")
    fetch_timeout: Seconds = Field(300.0, description="How long fetching a chart or an artifact may take.")
    max_index_size: MemoryBytes = Field(
        64 * 1024 * 1024, description="How large the index of a Helm repository may be. Default: 64Mi"
    )
    max_extracted_size: MemoryBytes = Field(
        1024 * 1024 * 1024, description="How much a chart or an artifact may unpack to. Default: 1Gi"
    )
    block_private_addresses: bool = Field(
        False,
        description="Reach private and loopback addresses only for what is configured under `repositories`. "
        "Link-local and metadata addresses are never reached.",
    )
    token_hosts: list[Annotated[str, AfterValidator(_host)]] = Field(
        default_factory=list,
        description="Token servers that may see a registry's password, besides those of the registry's own domain.",
    )


def _enough(size: int) -> int:
    """The engine itself takes some forty megabytes: below this, every render would end it."""
    if size < _LEAST_ENGINE_MEMORY:
        raise refused("expected 64Mi at least", "512Mi")
    return size


class Render(StrictModel):
    """Limits of rendering."""

    deadline: Seconds = Field(60.0, description="How long rendering one application may take.")
    workers: int = Field(
        1, ge=1, le=64, description="How many engine processes; each renders many applications at once."
    )
    engine: FilePath | None = Field(
        None, description="Path of the render engine. Default: the one that is part of gitopsd."
    )
    memory_limit: Annotated[MemoryBytes, AfterValidator(_enough)] = Field(
        1024 * 1024 * 1024, description="How much memory one engine process may use before it is replaced. Default: 1Gi"
    )
    cache_size: MemoryBytes = Field(
        512 * 1024 * 1024, description="How much the cache of rendered manifests may hold on disk. Default: 512Mi"
    )
    cache_expiration: Seconds = Field(
        86_400.0, description="A cached render is used for no longer than this, whatever it read; 0 is for ever."
    )


class HelmSettings(StrictModel):
    """What Helm charts may do."""

    lookup: bool = Field(
        False,
        description="Let the template function `lookup` read objects of the destination's cluster, with the rights "
        "that gitopsd has there.",
    )


class Log(StrictModel):
    """What is logged and how."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least important level that is logged."
    )
    format: Literal["auto", "text", "json"] = Field(
        "auto", description="auto is text on a terminal, entries where standard error is the journal, JSON otherwise."
    )
    repeat_interval: Seconds = Field(
        600.0,
        description="The same warning or error about the same application is logged once in this time, with how often "
        "it came; 0 logs each.",
    )
