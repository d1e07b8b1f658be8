"""Git LFS's batch API, the downloading half of it: objects by their SHA-256, each verified before it gets its name.

https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md. The repository's credentials go to its own server alone;
where that refers to a store elsewhere, only the headers that it named for this go there (S10, S11).
"""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import itertools
import json
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from gitopsd.core.jsonvalue import JsonObject, JsonValue, integer, mapping, sequence, string_map, text
from gitopsd.sources.names import safe_join
from gitopsd.sources.wire import Failure, FailureKind
from gitopsd.sources.worker import http as web
from gitopsd.sources.worker.tame import scrub, secrets_of

_TYPE: Final = "application/vnd.git-lfs+json"
_BATCH: Final = 100
_LONGEST_ANSWER: Final = 10 * 1024 * 1024
_CHUNK: Final = 256 * 1024
_MOST_REDIRECTS: Final = 5
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_PROXY: Final = ("proxy_scheme", "proxy_host", "proxy_port", "proxy_user", "proxy_password", "check_revocation")
# What a request is made of is not a server's to say.
_OURS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "user-agent", "accept-encoding"})


@dataclass(frozen=True, slots=True)
class _Action:
    """Where an object is, and what the server says to send along."""

    oid: str
    size: int
    url: str
    headers: Mapping[str, str]


def objects(request: JsonObject) -> Mapping[str, JsonValue]:
    """`access`, `folder`, `missing` ({id: bytes}), `max_bytes` → `{"objects": how many}`; they lie in the folder then,
    each under its id. Raises `Failure`.
    """
    access, folder = mapping(request, "access"), text(request, "folder")
    wanted = {oid: integer(request, "missing", oid) for oid in mapping(request, "missing")}
    most = integer(request, "max_bytes")
    if sum(wanted.values()) > most:
        raise Failure(FailureKind.LIMIT, f"the commit's LFS objects are larger than {most // 1_000_000} MB")
    if not text(access, "url").startswith(("https://", "http://")):
        why = "the repository has files in git LFS, which is asked over https alone; its URL is of another kind"
        raise Failure(FailureKind.NO_LFS, why)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    todo = iter(sorted(wanted.items()))
    while part := dict(itertools.islice(todo, _BATCH)):
        for action in _actions(access, part):
            _download(access, action, folder)
    return {"objects": len(wanted)}


def _actions(access: JsonObject, wanted: Mapping[str, int]) -> Iterator[_Action]:
    body = {
        "operation": "download",
        "transfers": ["basic"],
        "hash_algo": "sha256",
        "objects": [{"oid": oid, "size": size} for oid, size in wanted.items()],
    }
    url = text(access, "url").rstrip("/")
    url = f"{url if url.endswith('.git') else url + '.git'}/info/lfs/objects/batch"
    headers = {"Accept": _TYPE, "Content-Type": _TYPE, **web.authorization(access)}
    with web.sent("POST", url, access, headers, json.dumps(body).encode()) as response:
        if response.status in _MOVED:
            raise Failure(FailureKind.REDIRECT, "the server redirected the request for LFS objects")
        if response.status in {404, 501}:
            raise Failure(
                FailureKind.NO_LFS, f"the server answered {response.status}: it has no git LFS, or not for us"
            )
        if response.status != 200:
            raise web.refused(response.status, access)
        answer = _json(response)
    told: set[str] = set()
    for item in sequence(answer, "objects"):
        oid = text(item, "oid")
        if oid not in wanted or oid in told:
            continue
        told.add(oid)
        if integer(item, "error", "code"):
            why = scrub(text(item, "error", "message"), secrets_of({"access": access}))
            raise Failure(FailureKind.MISSING_LFS, f"LFS object {oid[:12]}: {why or 'the server does not have it'}")
        href = urljoin(url, text(item, "actions", "download", "href"))
        yield _Action(oid, wanted[oid], href, string_map(item, "actions", "download", "header"))
    for oid in wanted.keys() - told:
        raise Failure(FailureKind.PROTOCOL, f"the server says nothing of LFS object {oid[:12]}")


def _download(access: JsonObject, action: _Action, folder: str) -> None:
    temp = safe_join(folder, f"{action.oid}.new")
    digest, size = hashlib.sha256(), 0
    try:
        with _opened(access, action) as response, open(temp, "wb", opener=_opener) as file:
            while chunk := _read(response):
                size += len(chunk)
                if size > action.size:
                    break
                digest.update(chunk)
                file.write(chunk)
        if size != action.size or digest.hexdigest() != action.oid:
            raise Failure(FailureKind.PROTOCOL, f"LFS object {action.oid[:12]} is not what the repository says it is")
        os.rename(temp, safe_join(folder, action.oid))
    finally:
        if os.path.exists(temp):
            os.unlink(temp)


def _opened(access: JsonObject, action: _Action) -> http.client.HTTPResponse:
    """The answer to the download, with its body unread."""
    url = action.url
    named = {name: value for name, value in action.headers.items() if name.lower() not in _OURS}
    for _ in range(_MOST_REDIRECTS):
        headers = dict(named)
        at_home = web.origin(url) == web.origin(text(access, "url"))
        if at_home and not any(name.lower() == "authorization" for name in headers):
            headers |= web.authorization(access)
        response = web.sent("GET", url, access if at_home else _stranger(access, url), headers)
        if response.status == 200:
            return response
        response.close()
        if response.status not in _MOVED:
            raise web.refused(response.status, access)
        target = urljoin(url, response.headers.get("Location", ""))
        if web.origin(target) != web.origin(url):
            named = {}
        url = target
    raise Failure(FailureKind.REDIRECT, f"the server redirected more than {_MOST_REDIRECTS} times")


def _stranger(access: JsonObject, url: str) -> JsonObject:
    """How to reach a store elsewhere: through the same proxy, with nothing of ours. Refuses what only we reach (E9)."""
    mine, parts = urlsplit(text(access, "url")), urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == mine.scheme == "http"):
        raise Failure(FailureKind.REDIRECT, "the server refers to a store of LFS objects without https")
    if parts.hostname != mine.hostname:
        try:
            found = socket.getaddrinfo(parts.hostname or "", None)
        except OSError:
            found = []  # the connection says that nobody knows the host
        for item in found:
            ip = ipaddress.ip_address(str(item[4][0]).partition("%")[0])
            if ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast:
                raise Failure(FailureKind.REDIRECT, "the server refers to an address that only this machine reaches")
    return {"url": url, **{name: access[name] for name in _PROXY if name in access}}


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise web.unreachable(error) from None


def _json(response: http.client.HTTPResponse) -> JsonObject:
    data = b""
    while len(data) <= _LONGEST_ANSWER and (chunk := _read(response)):
        data += chunk
    try:
        found = json.loads(data) if len(data) <= _LONGEST_ANSWER else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Failure(FailureKind.PROTOCOL, "the server's answer about LFS objects cannot be read")
    return found


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o444)
