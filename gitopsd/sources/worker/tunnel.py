"""Connections to a server, straight or through a proxy: CONNECT (RFC 9110, 9.3.6) and SOCKS 5 (RFC 1928, 1929).

A proxy comes in parts that were parsed before (G3). Its password goes to it and to nobody else (S13); it resolves the
names.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import select
import socket
import ssl
import tempfile
import threading
from typing import Final

from gitopsd.core.jsonvalue import JsonObject, boolean, integer, text
from gitopsd.sources.wire import Failure, FailureKind

_CHUNK: Final = 64 * 1024
_LONGEST_HEAD: Final = 16 * 1024
_SOCKS_NO_AUTH, _SOCKS_PASSWORD = 0, 2
_SOCKS_REFUSALS: Final = {
    2: "it is not allowed",
    3: "the network cannot be reached",
    4: "the host cannot be reached",
    5: "the connection was refused",
}


def timeout() -> float:
    """Seconds that a server may be silent."""
    return float(os.environ.get("GITOPSD_GIT_TIMEOUT", "30"))


def is_proxied(access: JsonObject) -> bool:
    """Whether the server of `access` is reached through a proxy."""
    return bool(text(access, "proxy_scheme"))


def is_web_proxy(access: JsonObject) -> bool:
    """Whether that proxy takes requests for plain http itself."""
    return text(access, "proxy_scheme") in {"http", "https"}


def proxy_authorization(access: JsonObject) -> str:
    """The value of Proxy-Authorization; "" without a user."""
    user, password = text(access, "proxy_user"), text(access, "proxy_password")
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode() if user else ""


def connected(access: JsonObject, host: str, port: int) -> socket.socket:
    """A connection to `host`, through the proxy if there is one. Raises OSError, and `Failure` for the proxy's part."""
    if not is_proxied(access):
        return _straight(host, port)
    proxy = to_proxy(access)
    try:
        if is_web_proxy(access):
            _connect(proxy, access, host, port)
        else:
            _socks(proxy, access, host, port)
    except OSError as error:
        proxy.close()
        raise Failure(FailureKind.PROXY, f"{_shown(access)} {_plain(error)}") from None
    except Failure:
        proxy.close()
        raise
    # TLS inside of TLS: Python wraps only what is a socket of the system.
    return _pumped(proxy) if isinstance(proxy, ssl.SSLSocket) else proxy


def to_proxy(access: JsonObject) -> socket.socket:
    """A connection to the proxy itself. Raises `Failure`."""
    host, port = text(access, "proxy_host"), integer(access, "proxy_port")
    try:
        plain = _straight(host, port)
        if text(access, "proxy_scheme") != "https":
            return plain
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    except OSError as error:
        raise Failure(FailureKind.PROXY, f"{_shown(access)} {_plain(error)}") from None


def secure(access: JsonObject) -> ssl.SSLContext:
    """TLS as the access wants it: whom to trust (the worker's environment names the CA), and who we are."""
    context = ssl.create_default_context()
    if boolean(access, "insecure"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif boolean(access, "check_revocation"):
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    certificate, key = text(access, "client_cert"), text(access, "client_key")
    if certificate:
        _load(context, certificate, key)
    return context


def _load(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """OpenSSL takes files only: this one has no name any more when it is read (S9)."""
    with tempfile.TemporaryFile(dir=os.environ.get("HOME") or None) as file:
        file.write(f"{certificate.rstrip()}\n{key.rstrip()}\n".encode())
        file.flush()
        try:
            context.load_cert_chain(f"/proc/self/fd/{file.fileno()}", password=_no_passphrase)
        except (ssl.SSLError, ValueError):
            raise Failure(
                FailureKind.AUTH, "tlsClientCertData and tlsClientCertKey are no certificate with its key"
            ) from None


def _no_passphrase() -> str:
    """Called for a key with a passphrase, which nobody is there to type."""
    raise ValueError


def _straight(host: str, port: int) -> socket.socket:
    return socket.create_connection((host, port), timeout=timeout())


def _connect(proxy: socket.socket, access: JsonObject, host: str, port: int) -> None:
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    credentials = proxy_authorization(access)
    extra = f"Proxy-Authorization: {credentials}\r\n" if credentials else ""
    proxy.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{extra}\r\n".encode("ascii"))
    head = b""
    # Byte by byte: what comes after the head belongs to the server behind.
    while not head.endswith(b"\r\n\r\n"):
        byte = proxy.recv(1)
        if not byte or len(head) > _LONGEST_HEAD:
            raise Failure(FailureKind.PROXY, f"{_shown(access)} gave no answer that an HTTP proxy gives")
        head += byte
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    status = words[1].decode("ascii", "replace") if len(words) > 1 else ""
    if status == "407":
        raise refused_by_proxy(access)
    if status != "200":
        raise Failure(FailureKind.PROXY, f"{_shown(access)} answered {status[:3]} for {target}")


def refused_by_proxy(access: JsonObject) -> Failure:
    """What a 407 means."""
    given = bool(text(access, "proxy_user"))
    return Failure(
        FailureKind.PROXY, f"{_shown(access)} " + ("refused the credentials" if given else "asks for credentials")
    )


def _socks(proxy: socket.socket, access: JsonObject, host: str, port: int) -> None:
    user, password = text(access, "proxy_user").encode(), text(access, "proxy_password").encode()
    proxy.sendall(bytes((5, 2, _SOCKS_NO_AUTH, _SOCKS_PASSWORD)) if user else bytes((5, 1, _SOCKS_NO_AUTH)))
    version, method = _exactly(proxy, access, 2)
    if version != 5 or method not in {_SOCKS_NO_AUTH, _SOCKS_PASSWORD} or (method and not user):
        why = "asks for credentials" if version == 5 else "gave no answer that a SOCKS 5 proxy gives"
        raise Failure(FailureKind.PROXY, f"{_shown(access)} {why}")
    if method == _SOCKS_PASSWORD:
        proxy.sendall(bytes((1, len(user[:255]))) + user[:255] + bytes((len(password[:255]),)) + password[:255])
        if _exactly(proxy, access, 2)[1] != 0:
            raise refused_by_proxy(access)
    proxy.sendall(b"\x05\x01\x00" + _socks_address(host) + port.to_bytes(2, "big"))
    _, status, _, kind = _exactly(proxy, access, 4)
    if status != 0:
        why = _SOCKS_REFUSALS.get(status, "it failed")
        raise Failure(FailureKind.PROXY, f"{_shown(access)} does not connect: {why}")
    length = {1: 4, 4: 16}.get(kind) or _exactly(proxy, access, 1)[0]
    _exactly(proxy, access, length + 2)


def _socks_address(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode("idna")[:255]
        return bytes((3, len(name))) + name
    return (b"\x01" if address.version == 4 else b"\x04") + address.packed


def _exactly(proxy: socket.socket, access: JsonObject, count: int) -> bytes:
    found = b""
    while len(found) < count:
        chunk = proxy.recv(count - len(found))
        if not chunk:
            raise Failure(FailureKind.PROXY, f"{_shown(access)} cut the connection")
        found += chunk
    return found


def _shown(access: JsonObject) -> str:
    host = text(access, "proxy_host")
    host = f"[{host}]" if ":" in host else host
    return f"the proxy {text(access, 'proxy_scheme')}://{host}:{integer(access, 'proxy_port')}"


def _plain(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"has a certificate that is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "did not answer in time"
    if isinstance(error, socket.gaierror):
        return "has a name that cannot be resolved"
    return f"cannot be reached: {os.strerror(error.errno).lower() if error.errno else 'the connection was cut'}"


def _pumped(inner: ssl.SSLSocket) -> socket.socket:
    """A socket of the system that stands for `inner`; both end together."""
    near, far = socket.socketpair()
    near.settimeout(timeout())
    threading.Thread(target=pump, args=(far, inner), daemon=True).start()
    return near


def pump(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes between two connections until one of them ends."""
    try:
        while True:
            waiting = [each for each in (one, other) if isinstance(each, ssl.SSLSocket) and each.pending()]
            ready = waiting or select.select([one, other], [], [], timeout())[0]
            for each in ready:
                data = each.recv(_CHUNK)
                if not data:
                    return
                (other if each is one else one).sendall(data)
            if not ready:
                return
    except OSError:
        return
    finally:
        one.close()
        other.close()
