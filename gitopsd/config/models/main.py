"""The main file, and included lists."""

from __future__ import annotations

from pydantic import Field

from gitopsd.config.models.application import Entry
from gitopsd.config.models.cluster import Cluster, ClustersFrom
from gitopsd.config.models.plugins import CommandPlugin
from gitopsd.config.models.project import ProjectEntry
from gitopsd.config.models.repository import CredentialTemplate, RepositoriesFrom, Repository
from gitopsd.config.models.resources import Resources
from gitopsd.config.models.settings import Artifacts, Git, HelmSettings, Log, Reconcile, Render, Server, State, Sync
from gitopsd.config.models.sops import Sops
from gitopsd.config.models.strict import FilePath, StrictModel
from gitopsd.config.models.tracing import Tracing


class Main(StrictModel):
    """The configuration of gitopsd: clusters, repositories, applications, and how the daemon itself behaves."""

    server: Server = Field(default_factory=Server, description="Where the daemon listens for HTTP.")
    state: State = Field(default_factory=State, description="Where the daemon keeps its state.")
    reconcile: Reconcile = Field(
        default_factory=Reconcile, description="When applications are compared with git, and how many at once."
    )
    resources: Resources = Field(
        default_factory=Resources, description="How kinds are compared, judged, watched and marked."
    )
    sync: Sync = Field(default_factory=Sync, description="How is synced.")
    projects: list[ProjectEntry] = Field(
        default_factory=list, description="The projects that applications belong to, besides default."
    )
    clusters: list[Cluster] = Field(default_factory=list, description="The clusters that applications are deployed to.")
    clusters_from: list[ClustersFrom] = Field(
        default_factory=list, description="Clusters whose Secrets of Argo CD's clusters are used, too."
    )
    repositories: list[Repository] = Field(
        default_factory=list, description="Credentials of repositories, and how to reach them."
    )
    repository_credentials: list[CredentialTemplate] = Field(
        default_factory=list, description="Credentials of all repositories below a URL."
    )
    repositories_from: list[RepositoriesFrom] = Field(
        default_factory=list, description="Clusters whose Secrets of Argo CD's repositories are used, too."
    )
    git: Git = Field(default_factory=Git, description="Limits of git.")
    artifacts: Artifacts = Field(
        default_factory=Artifacts,
        description="Limits of what comes from Helm repositories, OCI registries and as files of the web.",
    )
    render: Render = Field(default_factory=Render, description="Limits of rendering.")
    helm: HelmSettings = Field(default_factory=HelmSettings, description="What Helm charts may do.")
    plugins: list[CommandPlugin] = Field(
        default_factory=list, description="Programs that render sources: Argo CD's config management plugins."
    )
    plugin_path: list[FilePath] = Field(
        default_factory=list,
        description="Folders with plugins written in Python, relative to this file: packages with entry points, and "
        "modules named gitopsd_*. Only root or the daemon's user may write to them. Read at start.",
    )
    sops: Sops = Field(default_factory=Sops, description="Keys for files that SOPS encrypted.")
    log: Log = Field(default_factory=Log, description="What is logged and how.")
    tracing: Tracing | None = Field(
        None, description="Traces of reconciles for an OpenTelemetry collector. Needs gitopsd[tracing]."
    )
    include: list[str] = Field(
        default_factory=list,
        description="Globs of files, relative to this one, with more applications: lists, or Argo CD Application "
        "manifests, many to a file.",
    )
    applications: list[Entry] = Field(default_factory=list, description="The applications.")


class Included(StrictModel):
    """An included file that holds a list under a key."""

    applications: list[Entry] = Field(description="The applications.")
