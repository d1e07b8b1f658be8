"""Real proxies on the loopback for tests: HTTP (CONNECT and plain requests), also behind TLS, and SOCKS 5."""

from __future__ import annotations

import base64
import select
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_CHUNK: Final = 64 * 1024
_SILENCE_SECONDS: Final = 20.0


@dataclass
class ProxyServer:
    """A proxy of the kind `http` or `socks5`; behind TLS with `certificate` (PEM: chain and key).

    With a `username` it wants that and the `password`. `hosts` are names that only it can resolve, to an address or
    `address:port`. `seen` are the targets (`host:port`) that it was asked for, `heads` the heads of plain requests as
    they came; an HTTP proxy answers `status` instead of doing its work. The fields may be changed while it runs.
    """

    kind: str = "http"
    certificate: Path | None = None
    username: str = ""
    password: str = ""
    status: int = 0
    hosts: Mapping[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self._context: ssl.SSLContext | None = None
        if self.certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(self.certificate)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(5)
        self._listener.close()

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return int(self._listener.getsockname()[1])

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        client = connection
        try:
            client.settimeout(_SILENCE_SECONDS)
            if self._context is not None:
                client = self._context.wrap_socket(connection, server_side=True)
            if self.kind == "socks5":
                self._socks(client)
            else:
                self._http(client)
        except OSError:
            return  # the client went away, as some tests want it to
        finally:
            client.close()

    def _http(self, client: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += _exactly(client, 1)
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
        status = self.status or (0 if self._allows(headers.get("proxy-authorization", "")) else 407)
        if status:
            client.sendall(f"HTTP/1.1 {status} no\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            return
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            with self._connected(host.strip("[]"), int(port)) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                _pump(client, server)
            return
        self.heads.append(head.decode("latin-1"))
        place, _, path = target.removeprefix("http://").partition("/")
        host, _, port = place.partition(":")
        kept = [line for line in lines[1:] if line and not line.lower().startswith(("proxy-", "connection:"))]
        with self._connected(host, int(port or 80)) as server:
            plain = "\r\n".join([f"{method} /{path} HTTP/1.1", *kept, "Connection: close", "", ""])
            server.sendall(plain.encode("latin-1"))
            _pump(client, server)

    def _allows(self, authorization: str) -> bool:
        pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return not self.username or authorization == f"Basic {pair}"

    def _socks(self, client: socket.socket) -> None:
        """RFC 1928 and RFC 1929."""
        methods = _exactly(client, _exactly(client, 2)[1])
        method = 2 if self.username else 0
        if method not in methods:
            client.sendall(b"\x05\xff")
            return
        client.sendall(bytes((5, method)))
        if method:
            user = _exactly(client, _exactly(client, 2)[1]).decode()
            password = _exactly(client, _exactly(client, 1)[0]).decode()
            good = (user, password) == (self.username, self.password)
            client.sendall(b"\x01\x00" if good else b"\x01\x01")
            if not good:
                return
        kind = _exactly(client, 4)[3]
        if kind == 3:
            host = _exactly(client, _exactly(client, 1)[0]).decode()
        else:
            size, family = (4, socket.AF_INET) if kind == 1 else (16, socket.AF_INET6)
            host = socket.inet_ntop(family, _exactly(client, size))
        port = int.from_bytes(_exactly(client, 2), "big")
        try:
            server = self._connected(host, port)
        except OSError:
            client.sendall(b"\x05\x05\x00\x01" + bytes(6))
            return
        with server:
            client.sendall(b"\x05\x00\x00\x01" + bytes(6))
            _pump(client, server)

    def _connected(self, host: str, port: int) -> socket.socket:
        self.seen.append(f"{host}:{port}")
        there, _, other_port = self.hosts.get(host, host).partition(":")
        return socket.create_connection((there, int(other_port or port)), timeout=_SILENCE_SECONDS)


def _exactly(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        chunk = connection.recv(count - len(found))
        if not chunk:
            raise ConnectionResetError
        found += chunk
    return found


def _pump(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes between two connections until one of them ends."""
    while True:
        waiting = [each for each in (one, other) if isinstance(each, ssl.SSLSocket) and each.pending()]
        ready = waiting or select.select([one, other], [], [], _SILENCE_SECONDS)[0]
        if not ready:
            return
        for each in ready:
            data = each.recv(_CHUNK)
            if not data:
                return
            (other if each is one else one).sendall(data)
