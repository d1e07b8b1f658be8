"""The clusters of the configuration, and how a destination finds one."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import anyio
from anyio import AsyncContextManagerMixin
from anyio.abc import TaskStatus

from gitopsd.core.customization import ResourceSettings
from gitopsd.core.errors import ClusterDown, SpecError, shown_url
from gitopsd.core.ids import ObjectKey
from gitopsd.core.noise import unusable_rules
from gitopsd.core.url_place import split_user
from gitopsd.kube.answer import RequestMade
from gitopsd.kube.cluster import KubeCluster, KubeSettings, OnBatch
from gitopsd.kube.material import IN_CLUSTER_SERVER
from gitopsd.ports.clock import Clock
from gitopsd.ports.cluster import ClusterAccess, Clusters, Connection

_LOG: Final = logging.getLogger(__name__)
# Argo CD's own name of the cluster that it runs in.
IN_CLUSTER_NAME: Final = "in-cluster"

OnConnection = Callable[[KubeCluster, Connection], None]


class KubeClusters(AsyncContextManagerMixin):
    """All clusters of a configuration; enter it with `async with`. One that is down does not keep the others back.

    `on_connection` hears whenever a cluster answers again or ceases to; `on_batch` as in `KubeCluster`.
    """

    def __init__(
        self,
        accesses: Sequence[ClusterAccess],
        *,
        clock: Clock,
        settings: KubeSettings | None = None,
        resources: ResourceSettings | None = None,
        on_request: Callable[[RequestMade], None] = lambda _: None,
        on_warning: Callable[[ObjectKey, str], None] = lambda _key, _message: None,
        on_connection: OnConnection = lambda _cluster, _connection: None,
        on_batch: OnBatch = lambda _server, _events, _seconds: None,
    ) -> None:
        self._on_batch = on_batch
        self._accesses = tuple(accesses)
        self._clock = clock
        self._settings = settings
        self._resources = ResourceSettings()
        self._on_request = on_request
        self._on_warning = on_warning
        self._on_connection = on_connection
        self._open: dict[str, tuple[KubeCluster, anyio.Event]] = {}
        self.customize(resources or self._resources)
        self._missing = ""
        self._changing = anyio.Lock()

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[KubeClusters]:
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            await self.reconfigure(self._accesses)
            try:
                yield self
            finally:
                tasks.cancel_scope.cancel()

    @property
    def all(self) -> tuple[KubeCluster, ...]:
        """The clusters, in the order of the configuration."""
        return tuple(self._open[access.name][0] for access in self._accesses if access.name in self._open)

    def ended(self) -> Iterator[str]:
        """As `KubeCluster.ended`, of all clusters."""
        for cluster in self.all:
            yield from cluster.ended()

    def customize(self, resources: ResourceSettings) -> None:
        """Have all clusters, also those that come later, go by these settings of kinds."""
        if resources.ignore_updates != self._resources.ignore_updates:
            for warning in unusable_rules(resources):
                _LOG.warning("%s", warning)
        self._resources = resources
        for cluster, _ in self._open.values():
            cluster.configure(resources)

    async def reconfigure(self, accesses: Sequence[ClusterAccess], missing: str = "") -> None:
        """Have exactly these clusters; those whose access did not change keep their connections and watches, and read
        their credentials anew. One whose kubeconfig leads to another server now is another cluster.

        `missing` says why there may be more, which could not be read yet; "" if these are all.
        """
        async with self._changing:
            wanted = {access.name: access for access in accesses}
            before = {name: cluster for name, (cluster, _) in self._open.items()}
            async with anyio.create_task_group() as opening:
                for name, access in wanted.items():
                    opening.start_soon(self._open_unless, before.get(name), access)
            for name in before.keys() - wanted.keys():
                self._open.pop(name)[1].set()
            self._accesses, self._missing = tuple(accesses), missing

    async def _open_unless(self, there: KubeCluster | None, access: ClusterAccess) -> None:
        if there is None or there.access != access or await there.moved():
            await self._begin(access)
        else:
            there.renew()

    async def _begin(self, access: ClusterAccess) -> None:
        """Open a cluster; one of its name that is open already goes on until then."""
        cluster, leave = self._cluster(access), anyio.Event()
        await self._tasks.start(self._host, cluster, leave)
        before = self._open.get(access.name)
        self._open[access.name] = (cluster, leave)
        if before is not None:
            before[1].set()

    def _cluster(self, access: ClusterAccess) -> KubeCluster:
        return KubeCluster(
            access,
            clock=self._clock,
            settings=self._settings,
            resources=self._resources,
            on_request=self._on_request,
            on_warning=self._on_warning,
            on_connection=self._on_connection,
            on_batch=self._on_batch,
        )

    @staticmethod
    async def _host(
        cluster: KubeCluster, leave: anyio.Event, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Keep one cluster open in a task of its own, so that it can be closed while the others stay."""
        async with cluster:
            task_status.started()
            await leave.wait()

    def find(self, *, server: str = "", name: str = "") -> KubeCluster:
        """The cluster with this name, or at this URL.

        `https://kubernetes.default.svc` is the one that gitopsd runs in, else the one that is called in-cluster:
        that is how Argo CD's manifests name the cluster that Argo CD ran in.

        Raises `SpecError` with the known names, `ClusterDown` while it is, or may be, one that could not be read yet.
        """
        accesses = [cluster.access for cluster in self.all]
        for cluster in self.all:
            if is_meant(cluster.access, cluster.server, accesses, server=server, name=name):
                return _addressed(cluster)
        if not name:
            for cluster in self.all:
                _addressed(cluster)
        wanted = name or shown_url(server)
        known = ", ".join(sorted(cluster.name for cluster in self.all)) or "none"
        if self._missing:
            raise ClusterDown(
                f"no cluster {wanted!r} is known yet",
                why=self._missing,
                hint="see why the Secrets of clustersFrom cannot be read",
                retryable=True,
            )
        raise SpecError(
            f"no cluster {wanted!r} is configured",
            hint=f"add it under `clusters`, or name one of those that are there: {known}",
        )


def _addressed(cluster: KubeCluster) -> KubeCluster:
    """The cluster; raises `ClusterDown` while nobody knows where it is: rights and deletions go by its server."""
    unread = cluster.unread
    if unread is None:
        return cluster
    raise ClusterDown(unread.what, where=unread.where, why=unread.why, hint=unread.hint, retryable=True)


def is_meant(
    access: ClusterAccess, at: str, accesses: Sequence[ClusterAccess], *, server: str = "", name: str = ""
) -> bool:
    """Whether a destination with this name, or at this URL, means a cluster whose API server is `at` ("" is not known).

    `accesses` are all clusters that there are: both names of Argo CD's own cluster, in-cluster and
    `https://kubernetes.default.svc`, may be another's.
    """
    if name and access.name == name:
        return True
    if name == IN_CLUSTER_NAME:
        return access.in_cluster and all(each.name != name for each in accesses)
    if server and _normal(server) == IN_CLUSTER_SERVER:
        called = access.name == IN_CLUSTER_NAME and not any(each.in_cluster for each in accesses)
        return access.in_cluster or called
    return bool(server) and _normal(server) == _normal(at)


def _normal(server: str) -> str:
    return split_user(server)[0].rstrip("/").lower().removesuffix(":443")


if TYPE_CHECKING:
    _: type[Clusters] = KubeClusters
