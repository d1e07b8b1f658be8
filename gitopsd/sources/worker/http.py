"""The first half of git's smart HTTP protocol: one GET that answers with all refs.

Protocol: https://git-scm.com/docs/http-protocol ("Discovering References") and gitprotocol-common (pkt-line).
"""

from __future__ import annotations

import base64
import http.client
import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from gitopsd.core.jsonvalue import JsonObject, text
from gitopsd.core.repo_url import BadUrlError, parse
from gitopsd.sources.wire import Failure, FailureKind
from gitopsd.sources.worker import tunnel
from gitopsd.sources.worker.tame import scrub, secrets_of

_SERVICE = "/info/refs?service=git-upload-pack"
_MOST_REDIRECTS = 5
_LONGEST_REF = 1100
_CHUNK = 64 * 1024
_PORTS = {"http": 80, "https": 443}
# What a server says in TLS about the certificate that we showed, or did not show.
_CERTIFICATE_ALERTS = (
    "CERTIFICATE_REQUIRED",
    "BAD_CERTIFICATE",
    "UNSUPPORTED_CERTIFICATE",
    "CERTIFICATE_REVOKED",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_UNKNOWN",
    "UNKNOWN_CA",
    "ACCESS_DENIED",
)
_CERTIFICATE_WANTED = "asks for a client certificate (tlsClientCertData)"
_CERTIFICATE_REFUSED = "refused the client certificate (tlsClientCertData)"
# Some servers answer browsers and git differently, and know git by this word.
_AGENT = "git/2.0 (gitopsd)"


@dataclass(frozen=True, slots=True)
class Advertisement:
    """`base`: the URL that answered, without the service's suffix. `refs`: (name, id) in the server's order."""

    base: str
    refs: list[tuple[str, str]]


def advertised(access: JsonObject, most: int) -> Advertisement:
    """Ask the server of `access`. Redirects are followed only within scheme, host and port (S10). Raises `Failure`."""
    base = text(access, "url")
    first = _origin(urlsplit(base))
    for _ in range(_MOST_REDIRECTS):
        answer = _get(base + _SERVICE, access)
        if isinstance(answer, str):
            target = urljoin(base + _SERVICE, answer)
            base = _moved(target, first)
            continue
        try:
            return Advertisement(base, list(_refs(_packets(answer), most, access)))
        except (OSError, http.client.HTTPException) as error:
            raise unreachable(error) from None
        finally:
            answer.close()
    raise Failure(FailureKind.REDIRECT, f"the server redirected more than {_MOST_REDIRECTS} times")


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: who gets to see a credential."""
    return _origin(urlsplit(url))


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    scheme = parts.scheme.lower()
    try:
        port = parts.port
    except ValueError:
        port = -1
    return scheme, (parts.hostname or "").lower(), port or _PORTS.get(scheme, 0)


def _moved(target: str, first: tuple[str, str, int]) -> str:
    """The base URL that a redirect's target stands for."""
    if _origin(urlsplit(target)) != first:
        scheme, host, port = _origin(urlsplit(target))
        raise Failure(FailureKind.REDIRECT, f"the server redirected to another host ({scheme}://{host}:{port})")
    base = target.removesuffix(_SERVICE)
    if base == target:
        raise Failure(FailureKind.PROTOCOL, "the server redirected to a page that is no git repository")
    try:
        parse(base)
    except BadUrlError as error:
        raise Failure(
            FailureKind.PROTOCOL, f"the server redirected to a URL that is none of a repository: {error}"
        ) from None
    return base


def _get(url: str, access: JsonObject) -> http.client.HTTPResponse | str:
    """The answer with its body unread, or where the server says to look instead."""
    headers = {"Accept": "*/*", **authorization(access)}
    response = sent("GET", url, access, headers)
    if response.status in {301, 302, 303, 307, 308}:
        response.close()
        return response.headers.get("Location", "")
    if response.status != 200:
        response.close()
        raise refused(response.status, access)
    if response.headers.get_content_type() != "application/x-git-upload-pack-advertisement":
        response.close()
        raise Failure(FailureKind.PROTOCOL, "the server answered, but not as a git server does")
    return response


def sent(
    method: str, url: str, access: JsonObject, headers: Mapping[str, str], body: bytes | None = None
) -> http.client.HTTPResponse:
    """One request to the server of `access`, through its proxy if it has one: the answer, with its body unread.

    Follows no redirect. Raises `Failure`.
    """
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    whole = {"User-Agent": _AGENT, "Accept-Encoding": "identity", **headers}
    if parts.scheme == "http" and tunnel.is_web_proxy(access):
        # A proxy takes requests for plain http itself (RFC 9112, 3.2.2), and its credentials with them.
        target = f"http://{parts.netloc.rpartition('@')[2]}{target}"
        if credentials := tunnel.proxy_authorization(access):
            whole["Proxy-Authorization"] = credentials
    connection: http.client.HTTPConnection | None = None
    try:
        connection = _connection(parts, access)
        connection.request(method, target, body, headers=whole)
        response = connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        cause = _last_words(connection, error) if connection is not None else error
        raise unreachable(cause) from None
    if response.status == 407 and tunnel.is_proxied(access):
        response.close()
        raise tunnel.refused_by_proxy(access)
    return response


def _connection(parts: SplitResult, access: JsonObject) -> http.client.HTTPConnection:
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "http":
        plain = http.client.HTTPConnection(host, port, timeout=tunnel.timeout())
        if tunnel.is_web_proxy(access):
            plain.sock = tunnel.to_proxy(access)
        elif tunnel.is_proxied(access):
            plain.sock = tunnel.connected(access, host, port or _PORTS["http"])
        return plain
    context = tunnel.secure(access)
    connection = http.client.HTTPSConnection(host, port, timeout=tunnel.timeout(), context=context)
    if tunnel.is_proxied(access):
        raw = tunnel.connected(access, host, port or _PORTS["https"])
        connection.sock = context.wrap_socket(raw, server_hostname=host)
    return connection


def authorization(access: JsonObject) -> dict[str, str]:
    """The header that says who we are, if the access does."""
    if token := text(access, "token"):
        return {"Authorization": f"Bearer {token}"}
    if password := text(access, "password"):
        pair = f"{text(access, 'username')}:{password}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    return {}


def refused(status: int, access: JsonObject) -> Failure:
    """What an answer that is no good one means."""
    if status == 401:
        given = bool(authorization(access))
        why = "the server refused the credentials" if given else "the server asks for credentials"
        return Failure(FailureKind.AUTH, why)
    if status == 403:
        return Failure(FailureKind.FORBIDDEN, "the server answered 403 Forbidden")
    if status in {404, 410}:
        return Failure(
            FailureKind.NOT_FOUND, f"the server answered {status}: there is no such repository, or not for us"
        )
    if status == 429 or status >= 500:
        return Failure(FailureKind.BUSY, f"the server answered {status}")
    return Failure(FailureKind.PROTOCOL, f"the server answered {status}")


def unreachable(error: Exception) -> Failure:
    """What an error of the connection means."""
    if isinstance(error, ssl.SSLEOFError):
        return Failure(FailureKind.UNREACHABLE, "the server cut the TLS connection; it may want a client certificate")
    if isinstance(error, ssl.SSLError):
        return _insecure(error)
    if isinstance(error, socket.gaierror):
        return Failure(FailureKind.UNREACHABLE, "the host's name cannot be resolved")
    if isinstance(error, TimeoutError):
        return Failure(FailureKind.UNREACHABLE, "the server did not answer in time")
    if isinstance(error, OSError) and error.errno:
        return Failure(FailureKind.UNREACHABLE, os.strerror(error.errno))
    return Failure(FailureKind.UNREACHABLE, "the server cut the connection")


def _last_words(connection: http.client.HTTPConnection, error: Exception) -> Exception:
    """What a server said before it hung up: in TLS 1.3 it refuses our certificate only when we are writing already."""
    try:
        if isinstance(error, (ssl.SSLEOFError, ConnectionError)) and isinstance(connection.sock, ssl.SSLSocket):
            connection.sock.recv(1)
    except OSError as said:
        return said
    finally:
        connection.close()
    return error


def _insecure(error: ssl.SSLError) -> Failure:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failure(FailureKind.TLS, error.verify_message or "the certificate is not trusted")
    reason = error.reason or "the TLS handshake failed"
    if reason.endswith(_CERTIFICATE_ALERTS):
        why = _CERTIFICATE_WANTED if "REQUIRED" in reason else _CERTIFICATE_REFUSED
        return Failure(FailureKind.AUTH, f"the server {why}")
    if reason.endswith("ALERT_HANDSHAKE_FAILURE"):
        # TLS 1.2 has no word of its own for it (RFC 5246, 7.4.6).
        return Failure(
            FailureKind.AUTH, f"the server refused the TLS handshake: it may be that it {_CERTIFICATE_WANTED}"
        )
    return Failure(FailureKind.TLS, reason.lower().replace("_", " "))


def _packets(response: http.client.HTTPResponse) -> Iterator[bytes | None]:
    """The pkt-lines of a body; None for a flush. Reads no more than it hands out, give or take a chunk."""
    buffer = b""
    while True:
        while len(buffer) >= 4:
            try:
                size = int(buffer[:4], 16)
            except ValueError:
                raise Failure(FailureKind.PROTOCOL, "the server's answer is no list of refs") from None
            if size == 0:
                buffer = buffer[4:]
                yield None
                continue
            if not 4 <= size <= 65520:
                raise Failure(FailureKind.PROTOCOL, "the server's answer is no list of refs")
            if len(buffer) < size:
                break
            line, buffer = buffer[4:size], buffer[size:]
            yield line
        chunk = response.read(_CHUNK)
        if not chunk:
            break
        buffer += chunk
    if buffer:
        raise Failure(FailureKind.UNREACHABLE, "the server cut the connection in the middle of its answer")


def _refs(packets: Iterator[bytes | None], most: int, access: JsonObject) -> Iterator[tuple[str, str]]:
    flushes = count = 0
    for packet in packets:
        if packet is None:
            flushes += 1
            if flushes == 2:
                return
            continue
        line = packet.rstrip(b"\n").split(b"\0", 1)[0]
        if line.startswith((b"#", b"version ", b"shallow ")):
            continue
        if line.startswith(b"ERR "):
            raise Failure(FailureKind.PROTOCOL, "the server refused: " + _plain(line[4:], access))
        commit, _, name = line.partition(b" ")
        if len(commit) != 40 or len(name) > _LONGEST_REF:
            raise Failure(FailureKind.PROTOCOL, "the server's answer is no list of refs of SHA-1 objects")
        count += 1
        if count > 2 * most:
            raise Failure(FailureKind.LIMIT, f"the server advertises more than {most} refs")
        yield name.decode("utf-8", "replace"), commit.decode("ascii", "replace")
    raise Failure(FailureKind.UNREACHABLE, "the server cut the connection in the middle of its answer")


def _plain(words: bytes, access: JsonObject) -> str:
    """What a server says, without the credentials that it may say back."""
    return scrub(unquote(words.decode("utf-8", "replace")), secrets_of({"access": access}))
