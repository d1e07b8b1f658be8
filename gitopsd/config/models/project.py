"""One project: an entry of `projects`, or an Argo CD `AppProject` manifest.

Fields and types: https://argo-cd.readthedocs.io/en/stable/operator-manual/project-specification/
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from gitopsd.config.models.application import Metadata
from gitopsd.config.models.strict import Seconds, StrictModel


class ProjectDestination(StrictModel):
    """Clusters and namespaces, by globs."""

    server: str = Field("", description="URL of the cluster's API server.")
    name: str = Field("", description="Name of the cluster.")
    namespace: str = Field("", description="Namespace.")


class ProjectKind(StrictModel):
    """Kinds, by globs."""

    group: str = Field("", description="API group.")
    kind: str = Field("", description="Kind.")
    name: str = Field("", description="Name of the object.")


class OrphanedIgnore(StrictModel):
    """Objects that are not reported as orphaned, by globs."""

    group: str = Field("", description="API group; an empty text is the core group.")
    kind: str = Field("", description="Kind; without it any.")
    name: str = Field("", description="Name of the object; without it any.")


class OrphanedResources(StrictModel):
    """Find objects in destinations' namespaces that belong to no application. Its presence turns it on."""

    warn: bool = Field(True, description="Give the application an OrphanedResourceWarning.")
    ignore: list[OrphanedIgnore] = Field(default_factory=list, description="Objects that are not reported.")


class DestinationServiceAccount(StrictModel):
    """As which service account is synced into a destination, if `sync.impersonation` is enabled."""

    server: str = Field(description="URL of the cluster's API server; a glob.")
    namespace: str = Field("", description="The destination's namespace; a glob.")
    default_service_account: str = Field(description="namespace:name, or a name in the destination's namespace.")


class SyncWindow(StrictModel):
    """When the applications that it means may be synced (allow), or may not (deny)."""

    kind: Literal["allow", "deny"] = Field(description="allow or deny.")
    schedule: str = Field(description="When it opens: five fields of cron.")
    duration: Seconds = Field(description="How long it is open.")
    time_zone: str = Field("UTC", description="The time zone of the schedule, for example Europe/Berlin.")
    applications: list[str] = Field(default_factory=list, description="Names of applications; globs.")
    namespaces: list[str] = Field(default_factory=list, description="Namespaces of destinations; globs.")
    clusters: list[str] = Field(default_factory=list, description="Clusters of destinations, by name or URL; globs.")
    and_operator: bool = Field(
        False, description="All of the lists that are given have to fit an application; otherwise one of them."
    )
    manual_sync: bool = Field(False, description="Syncs that somebody asks for are not held back.")
    sync_overrun: bool = Field(False, description="A sync that is under way may go on.")
    description: str = Field("", description="What it is for; shown where it holds a sync back.")


class ProjectSpec(StrictModel):
    """What a project is. Restrictions are not enforced by this version, but for sync windows: a project that has any
    cannot be used."""

    description: str = Field("", description="What it is for.")
    source_repos: list[str] = Field(default_factory=list, description="Repositories: must hold '*' for now.")
    destinations: list[ProjectDestination] = Field(
        default_factory=list, description="Destinations: must hold namespace '*' of server '*' for now."
    )
    cluster_resource_whitelist: list[ProjectKind] = Field(
        default_factory=list, description="Allowed kinds without namespace: must hold group '*', kind '*' for now."
    )
    cluster_resource_blacklist: list[ProjectKind] = Field(
        default_factory=list, description="Forbidden kinds without namespace: must be empty for now."
    )
    namespace_resource_whitelist: list[ProjectKind] = Field(
        default_factory=list,
        description="Allowed kinds in namespaces: must be left out, or hold group '*', kind '*' for now.",
    )
    namespace_resource_blacklist: list[ProjectKind] = Field(
        default_factory=list, description="Forbidden kinds in namespaces: must be empty for now."
    )
    roles: list[dict[str, Any]] = Field(default_factory=list, description="Roles: must be empty for now.")
    sync_windows: list[SyncWindow] = Field(
        default_factory=list, description="When its applications may be synced, and when not."
    )
    signature_keys: list[dict[str, Any]] = Field(
        default_factory=list, description="Keys that commits are signed with: must be empty for now."
    )
    source_integrity: dict[str, Any] = Field(
        default_factory=dict, description="How sources are vouched for: must be empty for now."
    )
    source_namespaces: list[str] = Field(
        default_factory=list, description="Namespaces of applications: must be empty, or hold '*' for now."
    )
    permit_only_project_scoped_clusters: bool = Field(False, description="Must be false for now.")
    orphaned_resources: OrphanedResources | None = Field(
        None, description="Find objects in destinations' namespaces that belong to no application."
    )
    destination_service_accounts: list[DestinationServiceAccount] = Field(
        default_factory=list, description="As which service account is synced where; the first that fits."
    )
    allowed_namespace_metadata: list[str] | None = Field(
        None,
        description="Labels and annotations of Kubernetes (Pod Security, ...) and gitopsd that applications may give "
        "to namespaces; globs. Without it the project default allows all, others none. '*' also allows to take over "
        "another application's namespace.",
    )


class ProjectEntry(ProjectSpec):
    """An Argo CD AppProject: its name, and the fields of its spec."""

    name: str = Field(description="Its name; unique.")


class ProjectManifest(StrictModel):
    """An Argo CD `AppProject` object."""

    api_version: Literal["argoproj.io/v1alpha1"] = Field(description="argoproj.io/v1alpha1")
    kind: Literal["AppProject"] = Field(description="AppProject")
    metadata: Metadata = Field(description="Its metadata.")
    spec: ProjectSpec = Field(default_factory=ProjectSpec, description="What it is.")
    status: Any = Field(None, description="Ignored.")
