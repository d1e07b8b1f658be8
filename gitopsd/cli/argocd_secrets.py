"""What Argo CD's Secrets of a cluster add to a configuration, for commands that work without a daemon."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitopsd.cli.output import waiting, warn

if TYPE_CHECKING:
    from gitopsd.daemon.offline import Setting


def with_argocds_secrets(where: Setting, *, clusters: bool = False) -> Setting:
    """With the repositories that the daemon would read from Secrets of `repositoriesFrom`, and with `clusters` the
    clusters of `clustersFrom` too; warns of what could not be read. No cluster is asked where nothing of it is set.
    """
    config = where.config
    if config is None or not (config.repositories_from or (clusters and config.clusters_from)):
        return where
    from gitopsd.daemon.argocd_secrets import with_secrets

    over = waiting("reading Argo CD's Secrets")
    try:
        config, warnings = with_secrets(config, clusters=clusters)
    finally:
        over()
    for warning in warnings:
        warn(warning)
    return replace(where, config=config)
