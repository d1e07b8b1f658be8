"""One application: an entry of a list, or an Argo CD `Application` manifest.

Fields and types: https://argo-cd.readthedocs.io/en/stable/operator-manual/application.yaml
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from gitopsd.config.models.dependency import Named
from gitopsd.config.models.resources import IgnoredFields
from gitopsd.config.models.source import Source
from gitopsd.config.models.strict import Seconds, Share, StrictModel, StringMap


class Destination(StrictModel):
    """The cluster (exactly one of server and name) and the namespace."""

    server: str = Field("", description="URL of the cluster's API server.")
    name: str = Field("", description="Name of the cluster in `clusters`.")
    namespace: str = Field("", description="Namespace for objects that name none.")


class Automated(StrictModel):
    """Sync without being asked. Its presence turns it on."""

    enabled: bool = Field(True, description="false turns automated sync off without losing the other settings.")
    prune: bool = Field(False, description="Delete objects that are no longer in git.")
    self_heal: bool = Field(False, description="Undo changes made in the cluster.")
    allow_empty: bool = Field(False, description="Allow pruning everything when git holds no manifest any more.")


class RetryBackoff(StrictModel):
    """Waits between retries."""

    duration: Seconds = Field(5.0, description="The first wait.")
    factor: int = Field(2, ge=1, le=1000, description="Each wait is the one before times this.")
    max_duration: Seconds = Field(180.0, description="No wait is longer.")


class Retry(StrictModel):
    """What happens after a failed sync."""

    limit: int = Field(0, ge=-(2**31), le=2**31, description="How many retries; less than 0 is endless.")
    refresh: bool = Field(True, description="Accepted for compatibility: a newer commit always supersedes a retry.")
    backoff: RetryBackoff = Field(default_factory=RetryBackoff, description="Waits between retries.")


class NamespaceMetadata(StrictModel):
    """Metadata of the namespace that CreateNamespace=true makes."""

    labels: StringMap = Field(default_factory=dict, description="Labels.")
    annotations: StringMap = Field(default_factory=dict, description="Annotations.")


class AutoRollback(StrictModel):
    """Go back to what was healthy, if a sync did not make the application healthy."""

    within: Seconds = Field(300.0, description="How long the application has to become Healthy after a sync.")


def _within(value: object) -> object:
    """`true` is a mapping without keys, `false` none."""
    return ({} if value else None) if isinstance(value, bool) else value


class SyncPolicy(StrictModel):
    """When and how the application is synced."""

    automated: Automated | None = Field(
        None, description="Sync without being asked. Absent: only compare until somebody syncs."
    )
    sync_options: list[str] = Field(
        default_factory=list, description="Options as Key=value, for example CreateNamespace=true."
    )
    retry: Retry | None = Field(
        None, description="Retries of failed syncs. Default: endless, with growing waits up to 3m."
    )
    managed_namespace_metadata: NamespaceMetadata | None = Field(
        None, description="Metadata of the namespace that CreateNamespace=true makes."
    )
    on_immutable: Literal["fail", "recreate"] | None = Field(
        None,
        description="What happens to an object of which a field changed that cannot be changed: fail, or delete it and "
        "make it anew. Default: recreate for Jobs, fail for all others.",
    )
    auto_rollback: Annotated[
        AutoRollback | None, BeforeValidator(_within, json_schema_input_type=AutoRollback | bool)
    ] = Field(None, description="Go back to what was Healthy if a sync does not make it so in time: true is within 5m.")
    prune_limit: Share = Field(
        0.5,
        description="No sync prunes more of the application's objects than this unless somebody confirms. Default: 50%",
    )


class Info(StrictModel):
    """A line shown with the application."""

    name: str = Field("", description="What it is.")
    value: str = Field("", description="Text or link.")


class DrySource(StrictModel):
    """Where the manifests to hydrate come from."""

    repo_url: str = Field(alias="repoURL", description="URL of the repository.")
    target_revision: str = Field("", description="Revision.")
    path: str = Field("", description="Folder.")
    helm: dict[str, Any] | None = Field(None, description="Helm options.")
    kustomize: dict[str, Any] | None = Field(None, description="Kustomize options.")
    directory: dict[str, Any] | None = Field(None, description="Directory options.")
    plugin: dict[str, Any] | None = Field(None, description="Plugin options.")


class SyncSource(StrictModel):
    """Where hydrated manifests are synced from."""

    repo_url: str = Field("", alias="repoURL", description="URL of the repository. Default: the dry source's.")
    target_branch: str = Field("", description="Branch.")
    path: str = Field("", description="Folder.")


class HydrateTo(StrictModel):
    """Where hydrated manifests are pushed to."""

    target_branch: str = Field("", description="Branch.")


class SourceHydrator(StrictModel):
    """Rendered manifests are pushed to git before they are synced."""

    dry_source: DrySource = Field(description="Where the manifests to hydrate come from.")
    sync_source: SyncSource = Field(description="Where hydrated manifests are synced from.")
    hydrate_to: HydrateTo | None = Field(None, description="Where hydrated manifests are pushed to.")


class Spec(StrictModel):
    """What an application deploys, and where to."""

    project: str = Field("", description="The project it belongs to. Default: default")
    source: Source | None = Field(None, description="Where its manifests come from.")
    sources: list[Source] = Field(default_factory=list, description="Several sources, taken instead of `source`.")
    destination: Destination = Field(description="Where it is deployed to.")
    sync_policy: SyncPolicy = Field(default_factory=SyncPolicy, description="When and how it is synced.")
    ignore_differences: list[IgnoredFields] = Field(default_factory=list, description="Fields that are not compared.")
    info: list[Info] = Field(default_factory=list, description="Lines shown with the application.")
    depends_on: list[Named] = Field(
        default_factory=list,
        description="What has to stand before it is synced: names of applications, NAME@REVISION, or mappings.",
    )
    revision_history_limit: int | None = Field(
        None, ge=0, le=10_000, description="How many past syncs are kept. Default: 10"
    )
    source_hydrator: SourceHydrator | None = Field(
        None, description="Push rendered manifests to git before they are synced."
    )


class Entry(Spec):
    """An Argo CD Application: its metadata's name, labels and annotations, and the fields of its spec."""

    name: str = Field(description="Its name; unique.")
    namespace: str = Field("", description="Accepted for compatibility.")
    labels: StringMap = Field(default_factory=dict, description="Its labels.")
    annotations: StringMap = Field(default_factory=dict, description="Its annotations.")
    finalizers: list[str] = Field(
        default_factory=list,
        description="resources-finalizer.argocd.argoproj.io deletes the application's objects together with it.",
    )


class Metadata(StrictModel):
    """An object's metadata; what the API server adds is accepted and ignored."""

    name: str = Field(description="The application's name; unique.")
    namespace: str = Field("", description="Accepted for compatibility.")
    labels: StringMap = Field(default_factory=dict, description="Its labels.")
    annotations: StringMap = Field(default_factory=dict, description="Its annotations.")
    finalizers: list[str] = Field(default_factory=list, description="As in a list's entry.")
    generate_name: Any = Field(None, description="Ignored.")
    creation_timestamp: Any = Field(None, description="Ignored.")
    deletion_timestamp: Any = Field(None, description="Ignored.")
    deletion_grace_period_seconds: Any = Field(None, description="Ignored.")
    generation: Any = Field(None, description="Ignored.")
    managed_fields: Any = Field(None, description="Ignored.")
    owner_references: Any = Field(None, description="Ignored.")
    resource_version: Any = Field(None, description="Ignored.")
    self_link: Any = Field(None, description="Ignored.")
    uid: Any = Field(None, description="Ignored.")


class Manifest(StrictModel):
    """An Argo CD `Application` object."""

    api_version: Literal["argoproj.io/v1alpha1"] = Field(description="argoproj.io/v1alpha1")
    kind: Literal["Application"] = Field(description="Application")
    metadata: Metadata = Field(description="Its metadata.")
    spec: Spec = Field(description="What it deploys, and where to.")
    status: Any = Field(None, description="Ignored.")
    operation: Any = Field(None, description="Ignored.")
