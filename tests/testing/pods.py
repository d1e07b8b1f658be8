"""Pods on a real API server with a fake kubelet: making them, watching them, reading them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import orjson

from gitopsd.daemon.clock import SystemClock
from gitopsd.kube.http import KubeHttp
from gitopsd.ports.cluster import ClusterAccess
from gitopsd.testing.kubelet import FakeKubelet, FakeNode
from gitopsd.testing.kubelet_door import ServingCertificate
from tests.cluster_fixture import ApiServer

DEADLINE_SECONDS = 60.0
GROUPS = {"deployments": "apis/apps/v1", "daemonsets": "apis/apps/v1", "jobs": "apis/batch/v1"}


@dataclass(frozen=True, slots=True)
class Bench:
    """One namespace of the API server, as a test sees it."""

    client: KubeHttp
    namespace: str

    async def do(self, method: str, path: str, body: object = None, **query: str) -> dict[str, Any]:
        """Ask below the namespace; fail the test unless it was done."""
        content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
        content = None if body is None else orjson.dumps(body)
        answer = await self.client.call(method, self._path(path), query=query, body=content, content_type=content_type)
        assert answer.ok, answer.body
        parsed: dict[str, Any] = orjson.loads(answer.body)
        return parsed

    async def create(self, path: str, body: object) -> dict[str, Any]:
        """Make an object below the namespace."""
        return await self.do("POST", path, body)

    async def until(
        self, path: str, wanted: Callable[[Mapping[str, dict[str, Any]]], object], seconds: float = DEADLINE_SECONDS
    ) -> dict[str, dict[str, Any]]:
        """Watch the objects at `path` until those that are there, by name, are as wanted."""
        here: dict[str, dict[str, Any]] = {}
        with anyio.fail_after(seconds):
            listed = await self.do("GET", path)
            here = {item["metadata"]["name"]: item for item in listed["items"]}
            query = {"watch": "true", "resourceVersion": listed["metadata"]["resourceVersion"]}
            async with self.client.batches(self._path(path), query) as batches:
                while not wanted(here):
                    for line in await anext(batches):
                        _take(here, orjson.loads(line))
        return here

    async def pod(self, name: str, wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Watch pods until the one called `name` is as wanted."""
        found = await self.until("pods", lambda pods: name in pods and wanted(pods[name]))
        return found[name]

    async def log(self, name: str, **query: str) -> tuple[int, str]:
        """Status and text of `pods/log`, asked through the API server."""
        answer = await self.client.request("GET", self._path(f"pods/{name}/log"), query=query, accept="*/*")
        return answer.status, answer.body.decode()

    def _path(self, path: str) -> str:
        group = GROUPS.get(path.partition("/")[0], "api/v1")
        return f"/{group}/namespaces/{self.namespace}/{path}"


def _take(here: dict[str, dict[str, Any]], event: dict[str, Any]) -> None:
    """Bring `here` up to date with one event of a watch."""
    name = event["object"]["metadata"]["name"]
    if event["type"] == "DELETED":
        here.pop(name, None)
    else:
        here[name] = event["object"]


@asynccontextmanager
async def running_kubelet(
    api_server: ApiServer, kubeconfig: Path, *nodes: FakeNode, delay: float = 0.02, backoff: float = 0.05
) -> AsyncIterator[FakeKubelet]:
    """A fake kubelet with short delays, for as long as the block lasts."""
    access = ClusterAccess("kubelet", kubeconfig=str(kubeconfig))
    async with kubelet_at(access, api_server, *nodes, delay=delay, backoff=backoff) as kubelet:
        yield kubelet


@asynccontextmanager
async def kubelet_at(
    access: ClusterAccess, api_server: ApiServer, *nodes: FakeNode, delay: float = 0.02, backoff: float = 0.05
) -> AsyncIterator[FakeKubelet]:
    """A fake kubelet that reaches the API server by `access`."""
    clock = SystemClock()
    async with (
        KubeHttp(access, clock=clock) as client,
        FakeKubelet(
            client,
            clock=clock,
            certificate=ServingCertificate.of_localcluster(api_server.folder),
            nodes=nodes or (FakeNode(),),
            delay=delay,
            backoff=backoff,
        ) as kubelet,
    ):
        yield kubelet


def a_pod(name: str, *, annotations: Mapping[str, str] | None = None, **spec: object) -> dict[str, Any]:
    """A pod of one container `main`; annotations without the prefix."""
    containers = [{"name": "main", "image": "registry.example.org/main:1"}]
    prefixed = {f"kubelet.gitopsd.io/{key}": text for key, text in (annotations or {}).items()}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}, "annotations": prefixed},
        "spec": {"containers": containers, **spec},
    }


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether the condition Ready holds."""
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def container(pod: Mapping[str, Any], name: str = "main") -> dict[str, Any]:
    """The status of a container; an empty one where there is none."""
    status = pod.get("status", {})
    every = [*status.get("containerStatuses", ()), *status.get("initContainerStatuses", ())]
    return next((each for each in every if each["name"] == name), {})


def waits_for(pod: Mapping[str, Any], name: str = "main") -> str:
    """The reason why a container waits; "" if it does not."""
    reason: str = container(pod, name).get("state", {}).get("waiting", {}).get("reason", "")
    return reason
