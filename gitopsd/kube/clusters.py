"""The clusters of the configuration, and how a destination finds one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from gitopsd.core.errors import SpecError
from gitopsd.core.ids import ObjectKey
from gitopsd.kube.answer import RequestMade
from gitopsd.kube.cluster import KubeCluster, KubeSettings
from gitopsd.kube.credentials import IN_CLUSTER_SERVER
from gitopsd.ports.clock import Clock
from gitopsd.ports.cluster import ClusterAccess, Clusters


class KubeClusters:
    """All clusters of a configuration; enter it with `async with`. One that is down does not keep the others back."""

    def __init__(
        self,
        accesses: Sequence[ClusterAccess],
        *,
        clock: Clock,
        settings: KubeSettings | None = None,
        on_request: Callable[[RequestMade], None] = lambda _: None,
        on_warning: Callable[[ObjectKey, str], None] = lambda _key, _message: None,
    ) -> None:
        self.all = tuple(
            KubeCluster(access, clock=clock, settings=settings, on_request=on_request, on_warning=on_warning)
            for access in accesses
        )
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for cluster in self.all:
            await self._stack.enter_async_context(cluster)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, trace)

    def find(self, *, server: str = "", name: str = "") -> KubeCluster:
        """The cluster with this name, or at this URL (`https://kubernetes.default.svc`: the one that gitopsd runs in).

        Raises `SpecError` with the known names.
        """
        for cluster in self.all:
            if (name and cluster.name == name) or (server and _is_at(cluster, server)):
                return cluster
        known = ", ".join(sorted(cluster.name for cluster in self.all)) or "none"
        raise SpecError(
            f"no cluster {name or server!r} is configured",
            hint=f"add it under `clusters`, or name one of those that are there: {known}",
        )


def _is_at(cluster: KubeCluster, server: str) -> bool:
    wanted = _normal(server)
    if wanted == IN_CLUSTER_SERVER:
        return cluster.access.in_cluster
    return wanted == _normal(cluster.server)


def _normal(server: str) -> str:
    return server.rstrip("/").lower().removesuffix(":443")


if TYPE_CHECKING:
    _: type[Clusters] = KubeClusters
