"""Applications as their owners wrote them, as `AppSpec`s."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gitopsd.config.app_sources import app_sources
from gitopsd.config.entry import EntryPlace
from gitopsd.config.known_clusters import KnownClusters
from gitopsd.config.locations import Locations
from gitopsd.config.models.application import Entry, Metadata, Spec
from gitopsd.config.models.application import SyncPolicy as SyncPolicyModel
from gitopsd.config.names import EXPECTED_NAME, is_name
from gitopsd.config.resources import ignore_rules
from gitopsd.config.sync_options import sync_options
from gitopsd.config.validation import nearest, shown_path
from gitopsd.core.app import (
    BY_ANNOTATION,
    AppSpec,
    Automated,
    AutoRollback,
    Destination,
    OnImmutable,
    RetryPolicy,
    SyncPolicy,
    Tracking,
)
from gitopsd.core.errors import shown_url
from gitopsd.core.ids import AppName
from gitopsd.core.project import DEFAULT_PROJECT, ONLY_DEFAULT, Projects

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What applications are checked against."""

    locations: Locations
    clusters: KnownClusters
    tracking: Tracking
    projects: Projects = ONLY_DEFAULT


NO_SURROUNDINGS: Final = Surroundings(Locations(), KnownClusters((), ()), BY_ANNOTATION)
"""Nothing is configured."""


def app_spec(metadata: Entry | Metadata, spec: Spec, place: EntryPlace, around: Surroundings) -> AppSpec:
    """The application; what is wrong with it is noted at `place`."""
    _check_name(metadata.name, place)
    unsupported: list[str] = []
    if refusal := around.projects.refusal(spec.project or DEFAULT_PROJECT):
        unsupported.append(refusal)
    sources = app_sources(spec, place, around.locations, unsupported)
    destination = _destination(spec, place, around.clusters)
    sync_policy = _sync_policy(spec.sync_policy, place)
    ignored = ignore_rules(
        spec.ignore_differences,
        ("ignoreDifferences",),
        place.position,
        lambda path, what, why: place.refuse(path, f"{place.shown(path)} {what}", why=why),
    )
    return AppSpec(
        name=AppName(metadata.name),
        sources=sources,
        destination=destination,
        project=spec.project or DEFAULT_PROJECT,
        labels=metadata.labels,
        annotations=metadata.annotations,
        finalizers=tuple(metadata.finalizers),
        sync_policy=sync_policy,
        tracking=around.tracking,
        position=place.document.position((*place.metadata, "name")),
        ignore_differences=ignored,
        unsupported=tuple(unsupported),
        revision_history_limit=10 if spec.revision_history_limit is None else spec.revision_history_limit,
    )


def _check_name(name: str, place: EntryPlace) -> None:
    if is_name(name):
        return
    path = (*place.metadata, "name")
    place.problems.add(
        place.document.position(path),
        f"{shown_path(path)} cannot be used",
        why=EXPECTED_NAME,
    )


def _destination(spec: Spec, place: EntryPlace, clusters: KnownClusters) -> Destination:
    given = spec.destination
    path = ("destination",)
    if bool(given.server) == bool(given.name):
        found = "both" if given.server else "neither"
        place.refuse(path, f"{place.shown(path)} has {found} of server and name", why="expected exactly one of them")
    elif given.name and not clusters.has_name(given.name):
        _refuse_cluster(place, (*path, "name"), given.name, clusters.names)
    elif given.server and not clusters.has_server(given.server):
        _refuse_cluster(
            place,
            (*path, "server"),
            shown_url(given.server),
            clusters.servers,
            "name the cluster that is meant in-cluster, under clusters in the main file"
            if clusters.means_in_cluster(given.server)
            else "",
        )
    if given.namespace and not (len(given.namespace) <= 63 and _DNS_LABEL.fullmatch(given.namespace)):
        place.refuse(
            (*path, "namespace"),
            f"{place.shown((*path, 'namespace'))} cannot be used",
            why="expected at most 63 lower-case letters, digits and -, with a letter or digit at both ends",
        )
    return Destination(server=given.server, name=given.name, namespace=given.namespace)


def _refuse_cluster(
    place: EntryPlace, path: tuple[str, ...], given: str, known: tuple[str, ...], hint: str = ""
) -> None:
    near = nearest(given, known)
    listed = f"known are {', '.join(known)}" if known else "clusters has no such entry"
    place.refuse(
        path,
        f"{place.shown(path)}: the cluster {given[:253]} is not configured",
        why=listed,
        hint=hint or (f"{near}, the nearest known one" if near else "an entry under clusters in the main file"),
    )


def _sync_policy(model: SyncPolicyModel, place: EntryPlace) -> SyncPolicy:
    automated = model.automated
    managed = model.managed_namespace_metadata
    return SyncPolicy(
        automated=Automated(automated.prune, automated.self_heal, automated.allow_empty)
        if automated and automated.enabled
        else None,
        options=sync_options(model.sync_options, place),
        retry=_retry(model),
        namespace_labels=managed.labels if managed else {},
        namespace_annotations=managed.annotations if managed else {},
        on_immutable=OnImmutable(model.on_immutable) if model.on_immutable else None,
        auto_rollback=AutoRollback(model.auto_rollback.within) if model.auto_rollback else None,
        prune_limit=model.prune_limit,
    )


def _retry(model: SyncPolicyModel) -> RetryPolicy:
    if model.retry is None:
        return RetryPolicy()
    backoff = model.retry.backoff
    return RetryPolicy(model.retry.limit, backoff.duration, float(backoff.factor), backoff.max_duration)
