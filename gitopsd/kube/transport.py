"""aiohttp, set up as a client of API servers must be, and what its errors mean."""

from __future__ import annotations

import os
import socket
import ssl
import sys
from typing import Final

import aiohttp

from gitopsd.kube.credentials import Credentials

# What a request can fail with; anything else is a fault of ours and stays one.
LIBRARY_ERRORS: Final = (aiohttp.ClientError, TimeoutError, OSError)
_BROKEN: Final = (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError)
_KEEPALIVE: Final = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
# Before 3.12.8 a closed TLS transport may keep its socket for ever (python/cpython#118960); aiohttp then aborts it.
_CLOSES_LATE: Final = sys.version_info < (3, 12, 8)
_CAUSES: Final = (
    (aiohttp.ClientConnectorDNSError, "its name cannot be resolved"),
    (TimeoutError, "no answer in time"),
    (aiohttp.ClientProxyConnectionError, "the proxy cannot be reached"),
    (aiohttp.ClientHttpProxyError, "the proxy does not let the connection through"),
    (aiohttp.ClientSSLError, "TLS could not be agreed on"),
)


def open_session(credentials: Credentials) -> aiohttp.ClientSession:
    """A session without cookies, and without the environment's proxies and netrc. The caller closes it."""
    connector = aiohttp.TCPConnector(
        limit=0,  # KubeHttp bounds its requests itself; watches are as many as there are kinds
        ssl=credentials.tls if credentials.tls is not None else False,
        keepalive_timeout=60,
        socket_factory=_socket,
        enable_cleanup_closed=_CLOSES_LATE,
    )
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, read_bufsize=2**18
    )


async def close_session(session: aiohttp.ClientSession) -> None:
    """Close a session and its connections at once: a polite end of TLS would outlive the loop that it needs."""
    if isinstance(session.connector, aiohttp.TCPConnector):
        await session.connector.close(abort_ssl=True)
    await session.close()


def abandon(response: aiohttp.ClientResponse) -> None:
    """Break the connection of an answer that was not read to its end; one that was went back to the pool already.

    At once: closing TLS politely would keep the socket until the other side has agreed.
    """
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()


def is_distrusted(error: Exception) -> bool:
    """Whether there was a server, whose certificate is refused."""
    return isinstance(error, aiohttp.ClientConnectorCertificateError)


def is_broken(error: Exception) -> bool:
    """Whether a connection that stood broke; the same request on a new one may well succeed."""
    return isinstance(error, _BROKEN) and not isinstance(error, aiohttp.ClientConnectorError)


def cause(error: Exception) -> str:
    """An error of the library in our words: its own may hold a proxy's URL with its password (S8)."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        inner = error.certificate_error
        told = inner.verify_message if isinstance(inner, ssl.SSLCertVerificationError) else "not valid"
        return f"its certificate is refused: {told}"
    for kind, words in _CAUSES:
        if isinstance(error, kind):
            return words
    if isinstance(error, aiohttp.ClientConnectorError):
        # The loop's own words hold the address as Python writes it.
        number = error.os_error.errno
        return os.strerror(number).lower() if number is not None and number > 0 else "the connection was refused"
    return "the connection broke"


def _socket(address: tuple[object, ...]) -> socket.socket:
    """A socket that notices within two minutes that its other end is gone; watches are silent for long."""
    family, kind, protocol = address[:3]
    made = socket.socket(family=family, type=kind, proto=protocol)  # type: ignore[arg-type]  # as getaddrinfo gave them
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        if number := getattr(socket, option, None):
            made.setsockopt(socket.IPPROTO_TCP, number, value)
    return made
