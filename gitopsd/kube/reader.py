"""Reading single objects that the index asks for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import anyio

from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, mapping, objects, text
from gitopsd.core.unreadable import KindPlace
from gitopsd.kube.body import parsed_list, parsed_object
from gitopsd.kube.http import KubeHttp
from gitopsd.kube.index import Apps, Index
from gitopsd.kube.objects import with_type
from gitopsd.kube.refusal import Asked, concerns_all, refused
from gitopsd.kube.resource import Resource

_ONE_BY_ONE: Final = 10
_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Read:
    """The applications that what was read concerns, and where something could not be read."""

    apps: Apps
    failed: Mapping[KindPlace, ClusterError]


class Reader:
    """Fills the index with strangers that are wanted after all: one request each, or one list where they are many."""

    def __init__(self, http: KubeHttp, index: Index, resource_of: Callable[[GroupKind], Resource | None]) -> None:
        self._http = http
        self._index = index
        self._resource_of = resource_of
        self._limiter = anyio.CapacityLimiter(8)

    async def read(self, keys: Collection[ObjectKey]) -> Read:
        """Read `keys` (of watched kinds) into the index. Raises `ClusterError` for the trouble of the whole cluster."""
        found: list[Apps] = []
        failed: list[tuple[KindPlace, ClusterError]] = []
        places: dict[KindPlace, list[ObjectKey]] = defaultdict(list)
        for key in keys:
            places[KindPlace(key.group_kind, key.namespace)].append(key)
        async with anyio.create_task_group() as group:
            for (kind, namespace), wanted in places.items():
                resource = self._resource_of(kind)
                if resource is None:
                    continue
                if len(wanted) > _ONE_BY_ONE:
                    group.start_soon(self._list, resource, namespace, wanted, found, failed)
                    continue
                for key in wanted:
                    group.start_soon(self._get, resource, key, found, failed)
        for _, error in failed:
            if concerns_all(error):
                raise error
        return Read(Apps().union(*found), dict(failed))

    async def fetch(self, resource: Resource, key: ObjectKey, *, impersonate: str = "") -> bytes:
        """The JSON of one object as it is now, past the index; empty if it is gone. Raises `ClusterError`."""
        answer = await self._http.call("GET", resource.path(key), verb="get", kind=key.kind, impersonate=impersonate)
        if answer.status == 404:
            return b""
        asked = Asked(self._http.cluster, "get", key.kind, key)
        if not answer.ok:
            raise refused(asked, answer)
        parsed_object(answer.body, asked)
        return answer.body.strip()

    async def get(self, resource: Resource, key: ObjectKey) -> bytes:
        """As `fetch`, of an object that has to be there. Raises `ClusterError`."""
        raw = await self.fetch(resource, key)
        if not raw:
            raise ClusterError(
                "it is gone", where=f"cluster {self._http.cluster}, {key}", status=404, reason="NotFound"
            )
        return raw

    async def look_up(self, resource: Resource, namespace: str, name: str, *, impersonate: str = "") -> bytes:
        """One object, or with no `name` the list of a namespace ("": of all), as JSON; `{}` if it is not there.

        Raises `ClusterError`, also for a list of more than a page.
        """
        gvk = resource.gvk
        key = ObjectKey(gvk.group, gvk.kind, namespace if resource.namespaced else "", name)
        if name:
            return await self.fetch(resource, key, impersonate=impersonate) or b"{}"
        path = resource.within(key.namespace)
        query = {"limit": str(_PAGE)}
        answer = await self._http.call("GET", path, query=query, verb="list", kind=gvk.kind, impersonate=impersonate)
        asked = Asked(self._http.cluster, "list", gvk.kind)
        if not answer.ok:
            raise refused(asked, answer)
        if text(parsed_list(answer.body, asked, watchable=resource.watchable), "metadata", "continue"):
            raise ClusterError(
                f"there are more than {_PAGE} objects of kind {gvk.kind}",
                where=f"cluster {self._http.cluster}",
                hint="look single ones up by name",
            )
        return answer.body.strip()

    async def _get(
        self, resource: Resource, key: ObjectKey, found: list[Apps], failed: list[tuple[KindPlace, ClusterError]]
    ) -> None:
        place = KindPlace(key.group_kind, key.namespace)
        asked = Asked(self._http.cluster, "get", key.kind, key)
        try:
            async with self._limiter:
                answer = await self._http.call("GET", resource.path(key), verb="get", kind=key.kind)
            if answer.ok:
                raw = answer.body.strip()
                found.append(self._index.fill(key, raw, parsed_object(raw, asked), resource.gvk))
            elif answer.status == 404:
                self._index.miss(key)
            else:
                failed.append((place, refused(asked, answer)))
        except ClusterError as error:
            failed.append((place, error))

    async def _list(
        self,
        resource: Resource,
        namespace: str,
        wanted: Sequence[ObjectKey],
        found: list[Apps],
        failed: list[tuple[KindPlace, ClusterError]],
    ) -> None:
        names = {key.name: key for key in wanted}
        gvk = resource.gvk
        path = resource.within(namespace)
        query = {"limit": str(_PAGE)}
        try:
            while True:
                page = await self._page(path, query, gvk.kind)
                for item in objects(page, "items"):
                    key = names.get(text(item, "metadata", "name"))
                    if key is not None:
                        found.append(self._index.fill(key, with_type(item, gvk), item, gvk))
                query["continue"] = text(mapping(page, "metadata"), "continue")
                if not query["continue"]:
                    return
        except ClusterError as error:
            failed.append((KindPlace(gvk.group_kind, namespace), error))

    async def _page(self, path: str, query: dict[str, str], kind: str) -> JsonObject:
        async with self._limiter:
            answer = await self._http.call("GET", path, query=query, verb="list", kind=kind)
        asked = Asked(self._http.cluster, "list", kind)
        if not answer.ok:
            raise refused(asked, answer)
        return parsed_list(answer.body, asked)
