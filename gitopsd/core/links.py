"""Links to the outside that objects ask to be shown: the one place that makes a link out of foreign text (advisory X1).

Argo CD's annotations `link.argocd.argoproj.io/NAME: URL` (or `TITLE|URL`), and the hosts of an Ingress unless it has
`argocd.argoproj.io/ignore-default-links: "true"`.
See https://argo-cd.readthedocs.io/en/stable/user-guide/external-url/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, objects, sequence, string_map, text

LINK_PREFIX: Final = "link.argocd.argoproj.io/"
IGNORE_DEFAULT_LINKS: Final = "argocd.argoproj.io/ignore-default-links"
_INGRESSES: Final = frozenset({GroupKind("networking.k8s.io", "Ingress"), GroupKind("extensions", "Ingress")})
_SCHEMES: Final = ("http", "https")
_LONGEST: Final = 2048


class Link(NamedTuple):
    """A URL that a browser may open, and what to call it."""

    title: str
    url: str


def web_link(written: str) -> str:
    """`written` as an absolute http or https URL without user and password, put together anew; "" if it is none."""
    if len(written) > _LONGEST or not written.isprintable() or " " in written or "\\" in written:
        return ""
    try:
        parts = urlsplit(written)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in _SCHEMES or not host:
        return ""
    shown = f"[{host}]" if ":" in host else host
    place = f"{shown}:{port}" if port is not None else shown
    return urlunsplit((parts.scheme, place, parts.path, parts.query, parts.fragment))


def annotated_links(body: JsonObject) -> tuple[Link, ...]:
    """The links that an object's annotations name, by name; what is no link is left out."""
    found: list[Link] = []
    for name, written in sorted(string_map(body, "metadata", "annotations").items()):
        if name.startswith(LINK_PREFIX):
            title, bar, url = written.partition("|")
            link = web_link(url if bar else written)
            if link:
                found.append(Link((title if bar else "") or name.removeprefix(LINK_PREFIX), link))
    return tuple(found)


def links_of(key: ObjectKey, body: JsonObject) -> tuple[Link, ...]:
    """All links of an object: those that its annotations name, then where it can be reached if it is an Ingress."""
    reached = ingress_links(body) if key.group_kind in _INGRESSES else ()
    return (*annotated_links(body), *(Link(urlsplit(url).netloc, url) for url in reached))


def ingress_links(body: JsonObject) -> tuple[str, ...]:
    """Where an Ingress can be reached: its hosts and paths, by https where its `tls` says so; without a host its load
    balancer's addresses.
    """
    if string_map(body, "metadata", "annotations").get(IGNORE_DEFAULT_LINKS) == "true":
        return ()
    return tuple(dict.fromkeys(filter(None, map(web_link, _written(body)))))


def _written(body: JsonObject) -> Iterator[str]:
    tls = objects(body, "spec", "tls")
    secured = {str(host) for entry in tls for host in sequence(entry, "hosts")}
    balancers = objects(body, "status", "loadBalancer", "ingress")
    addresses = [text(each, "hostname") or text(each, "ip") for each in balancers]
    for rule in objects(body, "spec", "rules"):
        host = text(rule, "host")
        for name in [host] if host else addresses:
            if "*" not in name and name:
                scheme = "https" if name in secured or (tls and not secured) else "http"
                shown = f"[{name}]" if ":" in name else name
                paths = objects(rule, "http", "paths") or [{}]
                yield from (f"{scheme}://{shown}{_path(text(path, 'path'))}" for path in paths)


def _path(written: str) -> str:
    """Without the `*` that some controllers end a prefix with, and without a lone slash."""
    path = written.removesuffix("*")
    return "" if path == "/" or not path.startswith("/") else path
