"""The API server as an administrator sees it: what tests change behind the daemon's back, and look up afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import anyio
import anyio.to_thread
import orjson

from gitopsd.kube.http import KubeHttp
from tests.cluster_fixture import ApiServer

DEADLINE_SECONDS = 60.0
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_GROUPS = {
    "deployments": "apis/apps/v1",
    "jobs": "apis/batch/v1",
    "roles": "apis/rbac.authorization.k8s.io/v1",
    "rolebindings": "apis/rbac.authorization.k8s.io/v1",
}

Object = dict[str, Any]


class Cluster:
    """One API server; every path is `kind-in-plural[/name]` in a namespace, or a whole path that begins with `/`."""

    def __init__(self, api_server: ApiServer, client: KubeHttp) -> None:
        self.api_server = api_server
        self._client = client

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self.api_server.server

    async def do(self, method: str, path: str, body: object = None, *, patch: str = "merge-patch") -> Object:
        """Ask; fail the test unless it was done."""
        content_type = f"application/{patch}+json" if method == "PATCH" else "application/json"
        content = None if body is None else orjson.dumps(body)
        answer = await self._client.call(method, path, body=content, content_type=content_type)
        assert answer.ok, answer.body
        parsed: Object = orjson.loads(answer.body)
        return parsed

    async def find(self, namespace: str, path: str) -> Object | None:
        """The object at `path`; None if it is not there."""
        answer = await self._client.request("GET", self.path(namespace, path))
        assert answer.ok or answer.status == 404, answer.body
        return orjson.loads(answer.body) if answer.ok else None

    async def get(self, namespace: str, path: str) -> Object:
        """The object at `path`, which has to be there."""
        found = await self.find(namespace, path)
        assert found is not None, f"{namespace}: no {path}"
        return found

    async def names(self, namespace: str, kind: str) -> set[str]:
        """The names of all objects of a kind in a namespace, those left out that Kubernetes itself puts there."""
        listed = await self.do("GET", self.path(namespace, kind))
        return {item["metadata"]["name"] for item in listed["items"]} - {"kube-root-ca.crt", "default"}

    async def delete(self, namespace: str, path: str) -> Object:
        """Delete an object."""
        return await self.do("DELETE", self.path(namespace, path))

    async def patch(self, namespace: str, path: str, body: object) -> Object:
        """Merge `body` into an object, as somebody else than the daemon."""
        return await self.do("PATCH", self.path(namespace, path), body)

    async def create(self, namespace: str, kind: str, body: object) -> Object:
        """Make an object that is nobody's application's."""
        return await self.do("POST", self.path(namespace, kind), body)

    async def namespace(self, name: str, **metadata: object) -> None:
        """Make a namespace."""
        await self.do("POST", "/api/v1/namespaces", {"metadata": {"name": name, **metadata}})

    async def until(
        self,
        namespace: str,
        kind: str,
        wanted: Callable[[Mapping[str, Object]], object],
        seconds: float = DEADLINE_SECONDS,
    ) -> Mapping[str, Object]:
        """Watch the objects of a kind until those that are there, by name, are as wanted."""
        path = self.path(namespace, kind)
        with anyio.fail_after(seconds):
            listed = await self.do("GET", path)
            here: dict[str, Object] = {item["metadata"]["name"]: item for item in listed["items"]}
            query = {"watch": "true", "resourceVersion": listed["metadata"]["resourceVersion"]}
            async with self._client.batches(path, query) as batches:
                while not wanted(here):
                    for line in await anext(batches):
                        event = orjson.loads(line)
                        name = event["object"]["metadata"]["name"]
                        here[name] = event["object"]
                        if event["type"] == "DELETED":
                            del here[name]
        return here

    async def audit(self, user: str) -> list[Object]:
        """What `user` asked of the API server so far."""

        def read() -> list[Object]:
            return [entry for entry in self.api_server.audit("") if _user(entry) == user]

        return await anyio.to_thread.run_sync(read)

    async def writes(self, user: str) -> list[str]:
        """What `user` wrote so far, in order, dry-runs left out: `verb kind/name`."""
        found = []
        for entry in await self.audit(user):
            reference = entry.get("objectRef", {})
            if entry["verb"] in WRITES and "dryRun" not in entry["requestURI"]:
                found.append(f"{entry['verb']} {reference.get('resource')}/{reference.get('name')}")
        return found

    @staticmethod
    def path(namespace: str, path: str) -> str:
        """The whole path of something in a namespace."""
        if path.startswith("/"):
            return path
        group = _GROUPS.get(path.partition("/")[0], "api/v1")
        return f"/{group}/namespaces/{namespace}/{path}"


def _user(entry: Mapping[str, Any]) -> str:
    name: str = entry.get("user", {}).get("username", "")
    return name
