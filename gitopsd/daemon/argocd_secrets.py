"""Argo CD's Secrets of clusters and repositories, read once and without a daemon: for `gitopsd diff --app`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from gitopsd.config import ClusterSecrets, Config, RepositorySecrets
from gitopsd.core.errors import GitopsdError
from gitopsd.daemon.clock import SystemClock
from gitopsd.daemon.clusters import together
from gitopsd.daemon.offline import ran
from gitopsd.kube.cluster_secrets import ClusterSecretsFound
from gitopsd.kube.clusters import KubeClusters
from gitopsd.kube.repository_secrets import RepositorySecretsFound


def with_secrets(config: Config) -> tuple[Config, Sequence[str]]:
    """The configuration with what the Secrets of `clustersFrom` and `repositoriesFrom` add, and sentences about what
    could not be read or is left out. Blocks.
    """
    if not config.clusters_from and not config.repositories_from:
        return config, ()
    return ran(partial(_with_secrets, config))


async def _with_secrets(config: Config) -> tuple[Config, Sequence[str]]:
    warnings: list[str] = []
    clusters: dict[ClusterSecrets, ClusterSecretsFound] = {}
    repositories: dict[RepositorySecrets, RepositorySecretsFound] = {}
    async with KubeClusters(config.clusters, clock=SystemClock(), resources=config.resources) as reached:
        for place in config.clusters_from:
            try:
                cluster = reached.find(name=place.cluster)
                clusters[place] = await cluster.cluster_secrets(place.namespace, allow_exec=place.allow_exec)
            except GitopsdError as error:
                warnings.append(_not_read("clusters", place, error))
        for each in config.repositories_from:
            try:
                repositories[each] = await reached.find(name=each.cluster).repository_secrets(each.namespace)
            except GitopsdError as error:
                warnings.append(_not_read("repositories", each, error))
    accesses, left_out = together(config, clusters)
    warnings += [*left_out, *(warning for found in repositories.values() for warning in found.warnings)]
    entries = [access for found in repositories.values() for access in found.repositories]
    templates = [access for found in repositories.values() for access in found.templates]
    filled = replace(
        config,
        clusters=accesses,
        # Entries of the configuration come first.
        repositories=(*config.repositories, *entries),
        repository_credentials=(*config.repository_credentials, *templates),
    )
    return filled, warnings


def _not_read(what: str, place: ClusterSecrets | RepositorySecrets, error: GitopsdError) -> str:
    return f"Argo CD's {what} in namespace {place.namespace} of cluster {place.cluster} not read: {error}"
