"""Clusters as passes see them: `Application` objects are answered by gitopsd itself, everything else by the cluster."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gitopsd.control.children import Children
from gitopsd.core.childapps import APPLICATION, HELD, is_held
from gitopsd.core.ids import GVK, AppName, GroupKind, ObjectKey
from gitopsd.core.live import Live, LiveObject, Prediction
from gitopsd.core.manifest import DesiredObject, KindInfo
from gitopsd.core.orphans import Strays
from gitopsd.core.permit import Permit
from gitopsd.core.serviceaccount import ServiceAccount
from gitopsd.ports.cluster import Cluster, Clusters, Connection, Listener, ObjectListener, Patch
from gitopsd.ports.renderer import RenderTarget

_SERVED: Final = f"{APPLICATION.group}/v1alpha1/{APPLICATION.kind}"


class ClusterWithChildren:
    """`ports.Cluster` in front of another one. No definition of `Application` has to be installed there; if there is
    one, its objects are neither looked at nor touched.
    """

    def __init__(self, cluster: Cluster, children: Children) -> None:
        self.cluster = cluster
        self._children = children

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.cluster.name

    @property
    def server(self) -> str:
        """The cluster's URL."""
        return self.cluster.server

    def connection(self) -> Connection:
        """The cluster's connection."""
        return self.cluster.connection()

    def excluded(self, kind: GroupKind) -> bool:
        """Whether the configuration leaves the kind out; never children."""
        return not is_held(kind) and self.cluster.excluded(kind)

    async def target(self) -> RenderTarget:
        """The cluster's version and served APIs, and `Application`."""
        target = await self.cluster.target()
        if _SERVED in target.api_versions:
            return target
        return replace(target, api_versions=(*target.api_versions, _SERVED))

    async def kinds(self, gvks: Collection[GVK]) -> Mapping[GVK, KindInfo]:
        """What discovery says; `Application` and `AppProject` are always there."""
        held = {gvk: KindInfo(namespaced=True) for gvk in gvks if is_held(gvk.group_kind)}
        if not held:
            return await self.cluster.kinds(gvks)
        return {**await self.cluster.kinds([gvk for gvk in gvks if gvk not in held]), **held}

    async def observe(self, app: AppName, keys: Collection[ObjectKey], kinds: Collection[GVK]) -> Live:
        """What the cluster has, and the application's children."""
        keys = [key for key in keys if not is_held(key.group_kind)]
        kinds = [gvk for gvk in kinds if not is_held(gvk.group_kind)]
        live = await self.cluster.observe(app, keys, kinds)
        self._children.news.place(app, self.name)
        if live.unreadable:
            live = replace(live, unreadable=replace(live.unreadable, held=HELD))
        own = await self._children.live(app)
        return replace(live, objects={**live.objects, **own}) if own else live

    async def strays(self, app: AppName, namespace: str) -> Strays:
        """As the cluster has it."""
        return await self.cluster.strays(app, namespace)

    def children(self, uids: Collection[str]) -> Sequence[LiveObject]:
        """As the cluster has it; nothing is below an `Application`."""
        return self.cluster.children(uids)

    def unreadable_below(self, app: AppName) -> Mapping[GroupKind, str]:
        """As the cluster has it."""
        return self.cluster.unreadable_below(app)

    def last_seen(self, key: ObjectKey, uid: str = "") -> LiveObject | None:
        """As the cluster has it."""
        return None if is_held(key.group_kind) else self.cluster.last_seen(key, uid)

    def trace(self, listener: ObjectListener) -> Callable[[], None]:
        """Call `listener` at each change of an object or child."""
        return _all(self.cluster.trace(listener), self._children.news.trace(self.name, listener))

    async def predict(
        self, objects: Sequence[tuple[DesiredObject, LiveObject | None]], *, impersonate: str = ""
    ) -> Sequence[Prediction]:
        """What an apply of each would give."""
        others = [item for item in objects if not is_held(item[0].key.group_kind)]
        if len(others) == len(objects):
            return await self.cluster.predict(objects, impersonate=impersonate)
        answers = iter(await self.cluster.predict(others, impersonate=impersonate) if others else ())
        return [
            self._children.rehearse(wanted, live) if is_held(wanted.key.group_kind) else next(answers)
            for wanted, live in objects
        ]

    async def apply(
        self,
        permit: Permit,
        desired: DesiredObject,
        *,
        impersonate: str = "",
        replace: bool = False,
        validate: bool = True,
    ) -> LiveObject:
        """Apply an object, or make a child of it."""
        if is_held(desired.key.group_kind):
            return await self._children.apply(_permitted(permit, desired.key, impersonate), desired)
        return await self.cluster.apply(permit, desired, impersonate=impersonate, replace=replace, validate=validate)

    async def create(self, permit: Permit, desired: DesiredObject, *, impersonate: str = "") -> LiveObject:
        """Make an object or a child that is not there yet."""
        if is_held(desired.key.group_kind):
            return await self._children.create(_permitted(permit, desired.key, impersonate), desired)
        return await self.cluster.create(permit, desired, impersonate=impersonate)

    async def patch(self, permit: Permit, live: LiveObject, patch: Patch, *, impersonate: str = "") -> LiveObject:
        """Change an object or a child."""
        if is_held(live.key.group_kind):
            return await self._children.patch(_permitted(permit, live.key, impersonate), live, patch)
        return await self.cluster.patch(permit, live, patch, impersonate=impersonate)

    async def logs(self, pod: LiveObject, container: str, *, max_bytes: int, impersonate: str = "") -> str:
        """As the cluster has it."""
        return await self.cluster.logs(pod, container, max_bytes=max_bytes, impersonate=impersonate)

    async def delete(
        self, permit: Permit, live: LiveObject, *, propagation: str = "Foreground", impersonate: str = ""
    ) -> None:
        """Delete an object, or remove a child."""
        if is_held(live.key.group_kind):
            await self._children.delete(_permitted(permit, live.key, impersonate), live)
            return
        await self.cluster.delete(permit, live, propagation=propagation, impersonate=impersonate)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` at each change of live objects or children."""
        return _all(self.cluster.subscribe(listener), self._children.news.subscribe(self.name, listener))

    async def forget(self, app: AppName, kinds: Collection[GroupKind]) -> None:
        """As the cluster has it."""
        await self.cluster.forget(app, [kind for kind in kinds if not is_held(kind)])


class ClustersWithChildren:
    """`ports.Clusters`; each cluster is the same value for as long as the one behind it is."""

    def __init__(self, clusters: Clusters, children: Children) -> None:
        self._clusters = clusters
        self._children = children
        self._found: dict[str, ClusterWithChildren] = {}

    def find(self, *, server: str = "", name: str = "") -> Cluster:
        """The cluster that a destination names."""
        cluster = self._clusters.find(server=server, name=name)
        known = self._found.get(cluster.name)
        if known is None or known.cluster is not cluster:
            known = self._found[cluster.name] = ClusterWithChildren(cluster, self._children)
        return known


def _all(*stops: Callable[[], None]) -> Callable[[], None]:
    def stop() -> None:
        for each in stops:
            each()

    return stop


def _permitted(permit: Permit, key: ObjectKey, impersonate: str) -> AppName:
    """The application that writes. Raises `PermissionError` as a real cluster does."""
    if permit.key != key:
        raise PermissionError(f"the permit of {permit.app} is for {permit.key}, not for {key}")
    if permit.impersonate not in ("", impersonate):
        raise PermissionError(f"the permit of {permit.app} is one to write as {permit.impersonate}")
    if impersonate:
        ServiceAccount.of_user(impersonate)
    return AppName(permit.app)


if TYPE_CHECKING:

    def _is_a_cluster(cluster: ClusterWithChildren) -> Cluster:
        return cluster

    def _are_clusters(clusters: ClustersWithChildren) -> Clusters:
        return clusters
