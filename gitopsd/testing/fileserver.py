"""A web server on loopback that does what a test tells it: files, and everything that servers get wrong."""

from __future__ import annotations

import base64
import gzip
import hashlib
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

_WAIT_SECONDS = 60
_PIECE = b"# endless\n" * 6554


@dataclass(frozen=True, slots=True)
class WebSeen:
    """A request that a server got; `headers` by their names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def authorization(self) -> str:
        """The credentials that came with it."""
        return self.headers.get("authorization", "")


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """What a server sends."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class WebFaults:
    """What a server does instead of serving; the fields may be changed while it runs.

    `username` and `password`, or `token`, are asked for. Of paths that contain `only`: answer with `status`, redirect
    to `redirect_to` (a server's base URL, or all of a URL with a path), `hang`, send without end (`endless`), one byte
    at a time (`drip`), `cut_after` so many bytes, or `gzip` (compress, whatever the client wants).
    """

    username: str = ""
    password: str = ""
    token: str = ""
    only: str = ""
    status: int = 0
    redirect_to: str = ""
    hang: bool = False
    endless: bool = False
    drip: bool = False
    cut_after: int = 0
    gzip: bool = False


class WebServer:
    """Serves on 127.0.0.1, https with `certificate` (PEM: chain and key); subclasses say what."""

    def __init__(self, certificate: Path | None = None, *, client_ca: str = "", host: str = "127.0.0.1") -> None:
        self.faults = WebFaults()
        self.seen: list[WebSeen] = []
        self.hanging = threading.Event()
        self.over = threading.Event()
        self._certificate = certificate
        self._client_ca = client_ca
        self._host = host

    def __enter__(self) -> Self:
        self._http = _Listener((self._host, 0), type("Handler", (_Handler,), {"owner": self}))
        self._http.daemon_threads = True
        if self._certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate)
            if self._client_ca:
                context.load_verify_locations(cadata=self._client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.over.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    @property
    def port(self) -> int:
        """The port."""
        return int(self._http.server_address[1])

    def base(self, host: str = "") -> str:
        """The server's URL without a path."""
        return f"{'https' if self._certificate else 'http'}://{host or self._host}:{self.port}"

    def respond(self, request: WebSeen) -> WebAnswer:
        """The answer to a request that no fault takes."""
        raise NotImplementedError

    def challenge(self) -> str:
        """What is asked for with 401."""
        return "Bearer" if self.faults.token else 'Basic realm="web"'

    def admits(self, request: WebSeen) -> bool:
        """Whether the credentials are right."""
        faults = self.faults
        if faults.token:
            return request.authorization == f"Bearer {faults.token}"
        return not faults.password or request.authorization == basic(faults.username, faults.password)


def basic(username: str, password: str) -> str:
    """The header of basic authentication."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


class FileServer(WebServer):
    """Serves `files` (path → content) with an ETag, and answers 304 to who has that one."""

    def __init__(
        self, files: Mapping[str, bytes] | None = None, certificate: Path | None = None, *, host: str = "127.0.0.1"
    ) -> None:
        super().__init__(certificate, host=host)
        self.files: dict[str, bytes] = dict(files or {})

    def url(self, path: str) -> str:
        """The URL of a file."""
        return f"{self.base()}/{path}"

    def respond(self, request: WebSeen) -> WebAnswer:
        """The file, or 404."""
        content = self.files.get(request.path.lstrip("/"))
        return WebAnswer(404) if content is None else tagged(content, request)


def tagged(content: bytes, request: WebSeen) -> WebAnswer:
    """The content with its ETag; 304 if the client has it."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    if request.headers.get("if-none-match") == tag:
        return WebAnswer(304, b"", {"ETag": tag})
    return WebAnswer(200, content, {"ETag": tag})


class _Listener(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: clients that go away in the middle are what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: WebServer

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Print nothing."""

    def _serve(self) -> None:
        owner, faults = self.owner, self.owner.faults
        request = _seen(self.command, self.path, self.headers)
        owner.seen.append(request)
        hit = faults.only in request.path
        if hit and faults.hang:
            owner.hanging.set()
            owner.over.wait(_WAIT_SECONDS)
            self.close_connection = True
        elif hit and faults.status:
            self._send(WebAnswer(faults.status, b"fault"))
        elif not owner.admits(request):
            self._send(WebAnswer(401, b"no", {"WWW-Authenticate": owner.challenge()}))
        elif hit and faults.redirect_to:
            bare = urlsplit(faults.redirect_to).path in {"", "/"}
            self._send(WebAnswer(302, b"", {"Location": faults.redirect_to + (self.path if bare else "")}))
        elif hit and faults.endless:
            self._without_end(_PIECE, 0)
        elif hit and faults.drip:
            self._without_end(b"#", 0.05)
        else:
            self._send(owner.respond(request))

    def _send(self, answer: WebAnswer) -> None:
        faults = self.owner.faults
        body, headers = answer.body, dict(answer.headers)
        if faults.gzip and answer.status == 200:
            body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
        try:
            self.send_response(answer.status)
            for name, value in headers.items():
                self.send_header(name, value)
            if answer.status != 304 and "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD" and answer.status != 304:
                self.wfile.write(body[: faults.cut_after] if faults.cut_after else body)
        except OSError:
            self.close_connection = True  # the client went away, as some tests want it to
        if faults.cut_after:
            self.close_connection = True

    def _without_end(self, piece: bytes, pause: float) -> None:
        """Send until the client goes away or the server ends."""
        self.close_connection = True
        try:
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.end_headers()
            while not self.owner.over.wait(pause):
                self.wfile.write(piece)
                self.owner.hanging.set()
        except OSError:
            return


def _seen(method: str, target: str, headers: Message) -> WebSeen:
    parts = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return WebSeen(method, parts.path, query, {name.lower(): value for name, value in headers.items()})
