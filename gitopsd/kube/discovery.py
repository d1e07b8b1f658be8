"""Asking an API server what it serves.

Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery (one request for each of
`/api` and `/apis`), and the older way, one request for each group and version, for servers and proxies without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gitopsd.core.errors import ClusterDown, ClusterError
from gitopsd.core.ids import GVK
from gitopsd.core.jsonvalue import JsonObject, JsonValue, objects, sequence, text
from gitopsd.kube.body import nonsense, parsed
from gitopsd.kube.http import JSON, KubeHttp
from gitopsd.kube.refusal import Asked, refused
from gitopsd.kube.resource import Resource, api_path

_AGGREGATED: Final = ",".join(
    (*(f"{JSON};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" for version in ("v2", "v2beta1")), JSON)
)
_VERB: Final = "discover"
_DESCRIBING: Final = frozenset({"groups", "items", "resources", "versions"})


async def discover(http: KubeHttp) -> list[Resource]:
    """Everything that is served, the preferred version of each kind first. Raises `ClusterError`."""
    return [*await _discover_root(http, "/api"), *await _discover_root(http, "/apis")]


async def discover_group(http: KubeHttp, group: str) -> list[Resource]:
    """The kinds of one group, as of now (aggregated discovery lags behind a new CustomResourceDefinition)."""
    answer = await _get(http, f"/apis/{group}", missing_ok=True)
    found: list[Resource] = []
    for version in objects(answer, "versions"):
        found += await discover_version(http, group, text(version, "version"))
    return found


async def discover_version(http: KubeHttp, group: str, version: str) -> list[Resource]:
    """The kinds of one group and version, as of now; none if it is not served."""
    answer = await _get(http, api_path(group, version), missing_ok=True)
    return list(_from_resource_list(group, version, answer))


async def _discover_root(http: KubeHttp, root: str) -> list[Resource]:
    answer = await _get(http, root, accept=_AGGREGATED)
    if answer.get("kind") == "APIGroupDiscoveryList":
        return list(_from_aggregated(answer))
    if root == "/api":
        return await _discover_versions(http, _core_versions(answer))
    groups = [(group, text(group, "name")) for group in objects(answer, "groups")]
    return await _discover_versions(
        http, [(name, text(version, "version")) for group, name in groups for version in objects(group, "versions")]
    )


def _core_versions(answer: JsonObject) -> list[tuple[str, str]]:
    return [("", version) for version in sequence(answer, "versions") if isinstance(version, str)]


async def _discover_versions(http: KubeHttp, versions: list[tuple[str, str]]) -> list[Resource]:
    """One after the other; an aggregated API that does not answer is left out and hurts no other."""
    found: list[Resource] = []
    for group, version in versions:
        try:
            found += await discover_version(http, group, version)
        except ClusterDown:
            raise
        except ClusterError as error:
            if error.status < 500:
                raise
    return found


async def _get(http: KubeHttp, path: str, *, accept: str = JSON, missing_ok: bool = False) -> JsonObject:
    answer = await http.call("GET", path, accept=accept, verb=_VERB, timeout=30.0)
    if answer.status == 404 and missing_ok:
        return {}
    asked = Asked(http.cluster, _VERB, path)
    if not answer.ok:
        raise refused(asked, answer)
    body = parsed(answer.body, asked)
    if not body.keys() & _DESCRIBING:
        raise nonsense(asked, "what came describes no groups, versions or kinds")
    return body


def _from_aggregated(answer: JsonObject) -> Iterator[Resource]:
    for item in objects(answer, "items"):
        group = text(item, "metadata", "name")
        for version in objects(item, "versions"):
            fresh = version.get("freshness") != "Stale"
            for resource in objects(version, "resources"):
                if kind := text(resource, "responseKind", "kind"):
                    yield Resource(
                        gvk=GVK(
                            text(resource, "responseKind", "group") or group,
                            text(resource, "responseKind", "version") or text(version, "version"),
                            kind,
                        ),
                        plural=text(resource, "resource"),
                        namespaced=resource.get("scope") == "Namespaced",
                        verbs=_verbs(resource),
                        served=fresh,
                    )


def _from_resource_list(group: str, version: str, answer: JsonObject) -> Iterator[Resource]:
    for resource in objects(answer, "resources"):
        plural, kind = text(resource, "name"), text(resource, "kind")
        if kind and plural and "/" not in plural:
            yield Resource(GVK(group, version, kind), plural, resource.get("namespaced") is True, _verbs(resource))


def _verbs(resource: JsonValue) -> frozenset[str]:
    return frozenset(verb for verb in sequence(resource, "verbs") if isinstance(verb, str))
