"""Who sends traffic to whom, and where people reach it from outside (Argo CD's network view, `networkingInfo`).

What is told of each kind: https://kubernetes.io/docs/concepts/services-networking/ingress/,
https://gateway-api.sigs.k8s.io/reference/spec/ and https://istio.io/latest/docs/reference/config/networking/virtual-service/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from gitopsd.core.ids import ObjectKey
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, objects, string_map, text, value
from gitopsd.core.links import annotated_links, ingress_links, web_link

GATEWAY_API: Final = "gateway.networking.k8s.io"
_ROUTES: Final = frozenset({"HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"})


@dataclass(frozen=True, slots=True)
class Ingress:
    """An address at which a load balancer takes traffic."""

    hostname: str = ""
    ip: str = ""


@dataclass(frozen=True, slots=True)
class Networking:
    """One object in the network view.

    Traffic goes to Pods with all of `target_labels` in its namespace, and to `targets`; it comes from `sources`, which
    say nothing of that themselves (the Gateways of a route).
    """

    target_labels: Mapping[str, str] = field(default_factory=dict)
    targets: tuple[ObjectKey, ...] = ()
    sources: tuple[ObjectKey, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    ingress: tuple[Ingress, ...] = ()
    external_urls: tuple[str, ...] = ()


NO_NETWORKING: Final = Networking()


def networking(key: ObjectKey, body: JsonObject) -> Networking | None:
    """The part that an object has in it; None if it has none."""
    read = _READERS.get((key.group, key.kind))
    if read is None and key.group == GATEWAY_API and key.kind in _ROUTES:
        read = _route
    found = read(key, body) if read is not None else NO_NETWORKING
    urls = tuple(dict.fromkeys([*(link.url for link in annotated_links(body)), *found.external_urls]))
    if urls != found.external_urls:
        found = Networking(found.target_labels, found.targets, found.sources, found.labels, found.ingress, urls)
    return found if found != NO_NETWORKING else None


def _pod(_key: ObjectKey, body: JsonObject) -> Networking:
    return Networking(labels=string_map(body, "metadata", "labels"))


def _service(_key: ObjectKey, body: JsonObject) -> Networking:
    return Networking(target_labels=string_map(body, "spec", "selector"), ingress=_balancers(body))


def _ingress(key: ObjectKey, body: JsonObject) -> Networking:
    names = [_backend(value(body, "spec", "defaultBackend") or value(body, "spec", "backend"))]
    for rule in objects(body, "spec", "rules"):
        names += [_backend(value(path, "backend")) for path in objects(rule, "http", "paths")]
    targets = tuple(ObjectKey("", "Service", key.namespace, name) for name in dict.fromkeys(names) if name)
    return Networking(targets=targets, ingress=_balancers(body), external_urls=tuple(ingress_links(body)))


def _backend(backend: JsonValue) -> str:
    """The Service's name, as networking.k8s.io/v1 or the older versions write it."""
    return text(backend, "service", "name") or text(backend, "serviceName")


def _route(key: ObjectKey, body: JsonObject) -> Networking:
    backends = [ref for rule in objects(body, "spec", "rules") for ref in objects(rule, "backendRefs")]
    parents = objects(body, "spec", "parentRefs")
    return Networking(
        targets=tuple(_referred(backends, key.namespace, "", "Service")),
        sources=tuple(_referred(parents, key.namespace, GATEWAY_API, "Gateway")),
    )


def _referred(refs: Iterable[JsonObject], namespace: str, group: str, kind: str) -> Iterator[ObjectKey]:
    """Who `refs` name, each once; what they leave out is as the API's defaults have it."""
    seen: set[ObjectKey] = set()
    for ref in refs:
        named = value(ref, "group")
        key = ObjectKey(
            named if isinstance(named, str) else group,
            text(ref, "kind") or kind,
            text(ref, "namespace") or namespace,
            text(ref, "name"),
        )
        if key.name and key not in seen:
            seen.add(key)
            yield key


def _gateway(_key: ObjectKey, body: JsonObject) -> Networking:
    told = objects(body, "status", "addresses") or objects(body, "spec", "addresses")
    addresses = [
        Ingress(hostname=text(each, "value")) if text(each, "type") == "Hostname" else Ingress(ip=text(each, "value"))
        for each in told
    ]
    return Networking(ingress=tuple(addresses), external_urls=tuple(_listened(body)))


def _listened(body: JsonObject) -> Iterator[str]:
    for listener in objects(body, "spec", "listeners"):
        scheme = {"HTTP": "http", "HTTPS": "https"}.get(text(listener, "protocol"))
        host = text(listener, "hostname")
        port = value(listener, "port")
        usual = port in (None, {"http": 80, "https": 443}.get(scheme or ""))
        url = web_link(f"{scheme}://{host}" if usual else f"{scheme}://{host}:{port}") if scheme and host else ""
        if url and "*" not in host:
            yield url


def _virtual_service(key: ObjectKey, body: JsonObject) -> Networking:
    routes = [route for kind in ("http", "tls", "tcp") for route in objects(body, "spec", kind)]
    hosts = [text(each, "destination", "host") for route in routes for each in objects(route, "route")]
    return Networking(targets=tuple(_services(dict.fromkeys(hosts), key.namespace)))


def _services(hosts: Iterable[str], namespace: str) -> Iterator[ObjectKey]:
    """`name`, `name.namespace` and `name.namespace.svc.…` are Services of the cluster; other names may be any host."""
    for host in hosts:
        parts = host.split(".")
        if host and (len(parts) <= 2 or parts[2] == "svc"):
            yield ObjectKey("", "Service", parts[1] if len(parts) > 1 else namespace, parts[0])


def _service_entry(_key: ObjectKey, body: JsonObject) -> Networking:
    return Networking(target_labels=string_map(body, "spec", "workloadSelector", "labels"))


def _balancers(body: JsonObject) -> tuple[Ingress, ...]:
    given = objects(mapping(body, "status", "loadBalancer"), "ingress")
    found = (Ingress(text(each, "hostname"), text(each, "ip")) for each in given)
    return tuple(each for each in found if each.hostname or each.ip)


_READERS: Final[Mapping[tuple[str, str], Callable[[ObjectKey, JsonObject], Networking]]] = {
    ("", "Pod"): _pod,
    ("", "Service"): _service,
    ("networking.k8s.io", "Ingress"): _ingress,
    ("extensions", "Ingress"): _ingress,
    (GATEWAY_API, "Gateway"): _gateway,
    ("networking.istio.io", "VirtualService"): _virtual_service,
    ("networking.istio.io", "ServiceEntry"): _service_entry,
}
