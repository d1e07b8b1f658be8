"""Argo CD's Secrets of clusters and repositories, read once and without a daemon: for `gitopsd diff --app`,
`gitopsd render` and the doctor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import anyio

from gitopsd.config import ClusterSecrets, Config, RepositorySecrets
from gitopsd.core.errors import ClusterDown, GitopsdError
from gitopsd.daemon.clock import SystemClock
from gitopsd.daemon.clusters import together
from gitopsd.daemon.offline import ran
from gitopsd.kube.cluster_secrets import ClusterSecretsFound
from gitopsd.kube.clusters import KubeClusters
from gitopsd.kube.http import KubeHttp
from gitopsd.kube.repository_secrets import RepositorySecretsFound, read_repository_secrets
from gitopsd.ports.clock import Clock

# What each place of `repositoriesFrom` holds, in the order of the configuration, or why that could not be read.
RepositoryAnswers = Mapping[RepositorySecrets, RepositorySecretsFound | GitopsdError]

_SECONDS: Final = 10.0


def with_secrets(config: Config, *, clusters: bool) -> tuple[Config, Sequence[str]]:
    """The configuration with what the Secrets of `repositoriesFrom` add, and those of `clustersFrom` if `clusters` is
    set; and sentences about what could not be read or is left out. Blocks.
    """
    return ran(partial(_with_secrets, config, clusters=clusters))


async def read_repositories(config: Config, clock: Clock, *, seconds: float = _SECONDS) -> RepositoryAnswers:
    """Ask all clusters of `repositoriesFrom` at once; each has so many seconds. What goes wrong there is an answer."""
    answers: dict[RepositorySecrets, RepositorySecretsFound | GitopsdError] = {}
    clusters = {access.name: access for access in config.clusters}

    async def one(place: RepositorySecrets) -> None:
        try:
            with anyio.fail_after(seconds):
                async with KubeHttp(clusters[place.cluster], clock=clock) as http:
                    answers[place] = await read_repository_secrets(http, place.namespace)
        except TimeoutError:
            said, hint = f"no answer within {seconds:g} s", "see whether it is overloaded, or the way to it is"
            answers[place] = ClusterDown(said, where=f"cluster {place.cluster}", hint=hint, retryable=True)
        except GitopsdError as error:
            answers[place] = error

    async with anyio.create_task_group() as tasks:
        for place in config.repositories_from:
            tasks.start_soon(one, place)
    return {place: answers[place] for place in config.repositories_from}


def with_repositories(config: Config, answers: RepositoryAnswers) -> Config:
    """The configuration with the entries and templates that were read; its own come first, and so count first."""
    found = [each for each in answers.values() if isinstance(each, RepositorySecretsFound)]
    entries = [access for each in found for access in each.repositories]
    templates = [access for each in found for access in each.templates]
    return replace(
        config,
        repositories=(*config.repositories, *entries),
        repository_credentials=(*config.repository_credentials, *templates),
    )


async def _with_secrets(config: Config, *, clusters: bool) -> tuple[Config, Sequence[str]]:
    clock = SystemClock()
    answers = await read_repositories(config, clock)
    warnings: list[str] = []
    for place, answer in answers.items():
        if isinstance(answer, GitopsdError):
            warnings.append(_not_read("repositories", place, answer))
        else:
            warnings += answer.warnings
    filled = with_repositories(config, answers)
    if not clusters:
        return filled, warnings
    found: dict[ClusterSecrets, ClusterSecretsFound] = {}
    async with KubeClusters(config.clusters, clock=clock, resources=config.resources) as reached:
        for each in config.clusters_from:
            try:
                cluster = reached.find(name=each.cluster)
                found[each] = await cluster.cluster_secrets(each.namespace, allow_exec=each.allow_exec)
            except GitopsdError as error:
                warnings.append(_not_read("clusters", each, error))
    accesses, left_out = together(config, found)
    return replace(filled, clusters=accesses), [*warnings, *left_out]


def _not_read(what: str, place: ClusterSecrets | RepositorySecrets, error: GitopsdError) -> str:
    said = f"Argo CD's {what} in namespace {place.namespace} of cluster {place.cluster} not read"
    return f"{said}, and what needs them fails: {error}"
