"""A way for libgit2 to servers that it cannot reach by itself: a door on the loopback that speaks for it.

libgit2 knows neither client certificates nor SOCKS, nor CRLs. It is given `http://127.0.0.1:PORT/SECRET`; what it asks
there is asked of the one server of the access, by our own lines (`http.sent`), which add the credentials. Nothing is
followed elsewhere, and whoever does not know the secret path gets nothing.
"""

from __future__ import annotations

import hmac
import http.client
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from typing import Final

from gitopsd.core.jsonvalue import JsonObject, text
from gitopsd.sources.wire import Failure, FailureKind
from gitopsd.sources.worker import http as web

_CHUNK: Final = 64 * 1024
_LARGEST_REQUEST: Final = 256 * 1024 * 1024
_CARRIED: Final = ("Accept", "Content-Type", "Content-Encoding", "Git-Protocol")
_POLL_SECONDS: Final = 0.05


@dataclass
class Door:
    """Where libgit2 goes instead, and the first thing that went wrong behind it."""

    access: JsonObject
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    url: str = ""
    failures: list[Failure] = field(default_factory=list)


@contextmanager
def opened(access: JsonObject) -> Iterator[Door]:
    """The door for one fetch. What went wrong behind it is raised in place of libgit2's words."""
    door = Door(access)
    with _Server(door) as server:
        door.url = f"http://127.0.0.1:{server.server_address[1]}/{door.secret}"
        thread = threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True)
        thread.start()
        try:
            yield door
        except Exception:  # whatever libgit2 says of it, what the door met is the reason; nothing is swallowed
            if door.failures:
                raise door.failures[0] from None
            raise
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingMixIn, HTTPServer):
    daemon_threads = True

    def __init__(self, door: Door) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.door = door

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: libgit2 went away, or `Door.failures` has it."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        """Ask for the refs."""
        self._carry(None)

    def do_POST(self) -> None:
        """Ask for a pack."""
        self._carry(self._body())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Print nothing."""

    def _carry(self, body: bytes | None) -> None:
        door = self.server.door
        _, secret, rest = (*self.path.split("/", 2), "")[:3]
        if not hmac.compare_digest(secret.encode(), door.secret.encode()):
            self.send_error(404)
            return
        headers = {name: self.headers[name] for name in _CARRIED if name in self.headers}
        headers |= web.authorization(door.access)
        try:
            answer = web.sent(self.command, f"{text(door.access, 'url')}/{rest}", door.access, headers, body)
            if answer.status != 200:
                answer.close()
                raise _refused(answer.status, door.access)
        except Failure as failure:
            door.failures.append(failure)
            self.send_error(502)
            return
        with answer:
            self._pass_on(answer)

    def _pass_on(self, answer: http.client.HTTPResponse) -> None:
        self.send_response(200)
        self.send_header("Content-Type", answer.headers.get("Content-Type", ""))
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while chunk := answer.read1(_CHUNK):
                self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            if answer.length:
                raise http.client.IncompleteRead(b"")
            self.wfile.write(b"0\r\n\r\n")
        except (OSError, http.client.HTTPException) as error:
            self.server.door.failures.append(web.unreachable(error))
            self.close_connection = True

    def _body(self) -> bytes:
        """What libgit2 sends: the commits that it wants and has."""
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(min(int(self.headers.get("Content-Length", "0")), _LARGEST_REQUEST))
        whole = bytearray()
        while (size := int(self.rfile.readline(32), 16)) and len(whole) + size <= _LARGEST_REQUEST:
            whole += self.rfile.read(size)
            self.rfile.readline(8)
        self.rfile.readline(8)
        return bytes(whole)


def _refused(status: int, access: JsonObject) -> Failure:
    if status in {301, 302, 303, 307, 308}:
        return Failure(FailureKind.REDIRECT, "the server redirected the fetch")
    return web.refused(status, access)
