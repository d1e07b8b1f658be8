"""Which clusters there are: those of the configuration, and those of Argo CD's Secrets, while the daemon runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import structlog
from anyio import AsyncContextManagerMixin

from gitopsd.config import ClusterSecrets, Config, ReconcileSettings
from gitopsd.core.app import AppSpec
from gitopsd.core.errors import GitopsdError
from gitopsd.core.ids import AppName
from gitopsd.daemon.rereading import Rereading
from gitopsd.kube.cluster_secrets import ClusterSecretsFound
from gitopsd.kube.clusters import KubeClusters
from gitopsd.ports.clock import Clock
from gitopsd.ports.cluster import ClusterAccess
from gitopsd.ports.clusterstatus import ClusterStatus

_log = structlog.get_logger("gitopsd.daemon")


class ClusterDirectory(AsyncContextManagerMixin):
    """Keeps `clusters` those that the configuration and Secrets name; `async with` reads Secrets once and goes on.

    A name means the configuration's cluster first, then that of the first Secret. Where Secrets cannot be read, those
    that were read last go on. `on_change` hears when there are others than before, `on_removed` which are gone.
    """

    def __init__(self, config: Config, clusters: KubeClusters, clock: Clock, on_removed: Callable[[str], None]) -> None:
        self.on_change: Callable[[], None] = _nobody_hears
        self._config = config
        self._clusters = clusters
        self._on_removed = on_removed
        self._rereading = Rereading(self._read, clock)
        self._found: dict[ClusterSecrets, ClusterSecretsFound] = {}
        self._failed: dict[ClusterSecrets, str] = {}
        self._said: frozenset[str] = frozenset()
        self._applying = anyio.Lock()
        self._accesses: tuple[ClusterAccess, ...] = config.clusters
        self._unread: set[str] = set()
        self._missing = ""

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[ClusterDirectory]:
        self._note_unread()
        async with anyio.create_task_group() as tasks:
            # Applications that begin before their cluster is known would fail first, and be looked at again later.
            complete = not self._config.clusters_from or await self._rereading.first()
            if not complete:
                await self._apply()
            tasks.start_soon(self._rereading.run, complete, self._interval)
            yield self
            tasks.cancel_scope.cancel()

    async def reconfigure(self, config: Config) -> None:
        """Have another configuration's clusters, and read its Secrets."""
        self._config = config
        await self._apply(renew=True)
        self._rereading.now()

    def reread(self) -> None:
        """Read the Secrets now."""
        self._rereading.now()

    def statuses(self, applications: Mapping[AppName, tuple[AppSpec, object]]) -> Sequence[ClusterStatus]:
        """Every cluster as it is now, with the number of those among `applications` that go there."""
        places = Counter((spec.destination.server, spec.destination.name) for spec, _ in applications.values())
        counts: Counter[str] = Counter()
        for (server, name), many in places.items():
            try:
                counts[self._clusters.find(server=server, name=name).name] += many
            except GitopsdError:
                counts[name] += many  # its status says that there is no such cluster, or that it is out of reach
        return [replace(each.status(), applications=counts[each.name]) for each in self._clusters.all]

    def connected(self, cluster: str) -> None:
        """A cluster answers: if Secrets are read from it, they may not have been, or have changed. To one
        whose kubeconfig could not be read nobody could listen before.
        """
        if cluster in self._unread:
            self._unread.discard(cluster)
            self.on_change()
        if any(place.cluster == cluster for place in self._config.clusters_from):
            self._rereading.now()

    def _interval(self) -> ReconcileSettings | None:
        return self._config.reconcile if self._config.clusters_from else None

    async def _read(self) -> bool:
        """Read all Secrets; whether it could be done."""
        found: dict[ClusterSecrets, ClusterSecretsFound] = {}
        failed: dict[ClusterSecrets, str] = {}
        for place in self._config.clusters_from:
            try:
                cluster = self._clusters.find(name=place.cluster)
                found[place] = await cluster.cluster_secrets(place.namespace, allow_exec=place.allow_exec)
            except GitopsdError as error:
                failed[place] = (
                    f"Argo CD's clusters in namespace {place.namespace} of cluster {place.cluster} not read: {error}"
                )
                if place in self._found:
                    found[place] = self._found[place]
        self._found, self._failed = found, failed
        await self._apply()
        return not failed

    async def _apply(self, *, renew: bool = False) -> None:
        """Tell the clusters which there are, if they are others, or (`renew`) the files that they name may be."""
        async with self._applying:
            accesses, warnings = together(self._config, self._found)
            unread = [self._failed.get(place, "") for place in self._config.clusters_from if place not in self._found]
            missing = next((why or "Argo CD's clusters are still being read" for why in unread), "")
            said = frozenset((*warnings, *self._failed.values()))
            for warning in sorted(said - self._said):
                _log.warning("Argo CD's Secrets of clusters", warning=warning)
            self._said = said
            before = self._accesses
            same = (accesses, missing) == (before, self._missing)
            if same and not renew:
                return
            here = self._clusters.all
            with anyio.CancelScope(shield=True):  # all or nothing; it waits for no cluster
                await self._clusters.reconfigure(accesses, missing)
            self._accesses, self._missing = accesses, missing
            self._note_unread()
            for name in sorted({access.name for access in before} - {access.name for access in accesses}):
                self._on_removed(name)
            if same and here == self._clusters.all:
                return
        self.on_change()

    def _note_unread(self) -> None:
        self._unread.update(cluster.name for cluster in self._clusters.all if cluster.unread is not None)


def together(
    config: Config, found: dict[ClusterSecrets, ClusterSecretsFound]
) -> tuple[tuple[ClusterAccess, ...], Sequence[str]]:
    """All accesses, each name once, and sentences about what is left out."""
    accesses = {access.name: access for access in config.clusters}
    warnings: list[str] = []
    for place in config.clusters_from:
        secrets = found.get(place, ClusterSecretsFound())
        warnings += secrets.warnings
        for access in secrets.clusters:
            first = accesses.setdefault(access.name, access)
            if first is not access:
                there = first.written_at or "the configuration"
                warnings.append(f"{access.written_at} is left out: {there} has a cluster of that name, too")
    return tuple(accesses.values()), warnings


def _nobody_hears() -> None:
    """Nobody works with the clusters yet."""
