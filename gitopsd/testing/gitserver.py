"""Real git servers on the loopback for tests: smart HTTP through `git http-backend`, and ssh through OpenSSH's sshd.

Both need their programs on PATH and nothing else; both end with their `with` block. `GitRepo` writes the repositories
they serve.
"""

from __future__ import annotations

import base64
import getpass
import http.client
import io
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from gitopsd.testing.lfs import LfsStore

# No configuration of the person who runs the tests gets in.
GIT_ENVIRONMENT: Final[Mapping[str, str]] = {
    "PATH": os.environ.get("PATH", os.defpath),
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "tester",
    "GIT_AUTHOR_EMAIL": "tester@example.org",
    "GIT_COMMITTER_NAME": "tester",
    "GIT_COMMITTER_EMAIL": "tester@example.org",
    "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
}
LINK: Final = "120000"
EXECUTABLE: Final = "100755"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a commit that is not a plain one: `mode` as git writes it."""

    content: str
    mode: str


class GitRepo:
    """A bare repository, written by the git program."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not (path / "HEAD").exists():
            path.mkdir(parents=True)
            self.git("init", "-q", "--bare", "-b", "main")

    @property
    def url(self) -> str:
        """As a `file:///` URL."""
        return self.path.as_uri()

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        """What `git …` in this repository prints; raises CalledProcessError if it fails."""
        done = subprocess.run(
            ["git", "-C", str(self.path), *arguments],  # noqa: S607 - whichever git is on PATH
            input=stdin,
            env=dict(GIT_ENVIRONMENT),
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def commit(
        self,
        files: Mapping[str, str | bytes | Entry | None],
        *,
        branch: str = "main",
        new: bool = False,
        message: str = "a commit",
    ) -> str:
        """Commit `files` (None deletes) on top of `branch`, or from nothing (`new`), as a forced push would; its id."""
        ref = f"refs/heads/{branch}"
        stream = io.BytesIO()
        known = subprocess.run(
            ["git", "-C", str(self.path), "rev-parse", "--verify", "-q", ref],  # noqa: S607 - whichever git is on PATH
            env=dict(GIT_ENVIRONMENT),
            capture_output=True,
            check=False,
        )
        stream.write(f"commit {ref}\ncommitter tester <tester@example.org> 1767225600 +0000\n".encode())
        stream.write(f"data {len(message.encode())}\n{message}\n".encode())
        if known.returncode == 0 and not new:
            stream.write(f"from {ref}^0\n".encode())
        elif new:
            stream.write(b"deleteall\n")
        for path, content in files.items():
            if content is None:
                stream.write(f"D {path}\n".encode())
                continue
            mode = content.mode if isinstance(content, Entry) else "100644"
            raw = content.content if isinstance(content, Entry) else content
            data = raw.encode() if isinstance(raw, str) else raw
            stream.write(f"M {mode} inline {path}\ndata {len(data)}\n".encode() + data + b"\n")
        self.git("fast-import", "--quiet", "--force", stdin=stream.getvalue())
        return self.git("rev-parse", ref)

    def commit_tree(self, entries: Sequence[tuple[str, bytes, bytes]], *, branch: str = "main") -> str:
        """Commit a root tree of (mode, name, content) that git itself would refuse to write. Returns the id."""
        raw = b""
        for mode, name, content in entries:
            kind = "tree" if mode == "40000" else "blob"
            oid = self.git("hash-object", "-t", kind, "-w", "--stdin", "--literally", stdin=content)
            raw += mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid)
        tree = self.git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=raw)
        commit = self.git("commit-tree", tree, "-m", "odd")
        self.git("update-ref", f"refs/heads/{branch}", commit)
        return commit


@dataclass
class Faults:
    """What a server does instead of serving. The fields may be changed while it runs."""

    username: str = ""
    password: str = ""
    token: str = ""
    status: int = 0
    redirect_to: str = ""
    redirect_fetch_to: str = ""
    moved: tuple[str, str] = ("", "")
    hang: bool = False
    cut_after: int = 0
    body: bytes = b""
    fetch_body: bytes = b""
    accepts: Callable[[str], bool] | None = None
    """Decides by the Authorization header who is let in, instead of the fields above."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that a server got."""

    method: str
    path: str
    authorization: str


@dataclass
class GitServer:
    """Serves the bare repositories below `root` over smart HTTP; https with `certificate` (PEM: chain and key)."""

    root: Path
    certificate: Path | None = None
    faults: Faults = field(default_factory=Faults)
    seen: list[Seen] = field(default_factory=list)
    hanging: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    lfs: LfsStore | None = None
    on_fetch: Callable[[], None] | None = None

    def __enter__(self) -> Self:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._http = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"server_owner": self}))
        self._http.daemon_threads = True
        if self.certificate:
            self.context.load_cert_chain(self.certificate)
            self._http.socket = self.context.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
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
        """The port on 127.0.0.1."""
        return int(self._http.server_address[1])

    def url(self, name: str, *, user: str = "", host: str = "127.0.0.1") -> str:
        """The URL of a repository; `user` may be `name:password`."""
        scheme = "https" if self.certificate else "http"
        return f"{scheme}://{user + '@' if user else ''}{host}:{self.port}/{name}"


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: clients that go away in the middle are what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True
    server_owner: GitServer

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._serve(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Print nothing."""

    def _serve(self, body: bytes) -> None:
        owner = self.server_owner
        faults = owner.faults
        authorization = self.headers.get("Authorization", "")
        owner.seen.append(Seen(self.command, self.path, authorization))
        if self.command == "POST" and owner.on_fetch is not None:
            owner.on_fetch()
        target = faults.redirect_fetch_to if self.command == "POST" else faults.redirect_to
        if faults.hang:
            owner.hanging.set()
            owner.over.wait(60)
            self.close_connection = True
        elif not self._allowed(authorization):
            challenge = "Bearer" if faults.token else 'Basic realm="git"'
            self._answer(401, {"WWW-Authenticate": challenge}, b"no")
        elif target:
            self._answer(302, {"Location": target + self.path if target.count("/") == 2 else target}, b"")
        elif faults.moved[0] and self.path.startswith(faults.moved[0]):
            self._answer(301, {"Location": self.path.replace(*faults.moved, 1)}, b"")
        elif faults.status:
            self._answer(faults.status, {}, b"fault")
        elif faults.body and self.command == "GET":
            self._answer(200, {"Content-Type": "application/x-git-upload-pack-advertisement"}, faults.body)
        elif faults.fetch_body and self.command == "POST":
            self._answer(200, {"Content-Type": "application/x-git-upload-pack-result"}, faults.fetch_body)
        elif owner.lfs is not None and "/info/lfs/" in self.path:
            self._answer(*owner.lfs.answer(self.path, owner.url("").rstrip("/"), body))
        else:
            self._backend(body)

    def _allowed(self, authorization: str) -> bool:
        faults = self.server_owner.faults
        if faults.accepts is not None:
            return faults.accepts(authorization)
        if faults.token:
            return authorization == f"Bearer {faults.token}"
        if faults.password:
            pair = base64.b64encode(f"{faults.username}:{faults.password}".encode()).decode()
            return authorization == f"Basic {pair}"
        return True

    def _backend(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        environment = {
            **GIT_ENVIRONMENT,
            "GIT_PROJECT_ROOT": str(self.server_owner.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        done = subprocess.run(
            ["git", "-c", "safe.directory=*", "http-backend"],  # noqa: S607 - whichever git is on PATH
            input=body,
            env=environment,
            capture_output=True,
            check=False,
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = http.client.parse_headers(io.BytesIO(head + b"\r\n\r\n"))
        status = int((headers.get("Status") or "200").split()[0])
        kept = {name: value for name, value in headers.items() if name.lower() in {"content-type", "cache-control"}}
        self._answer(status, kept, content)

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        cut = self.server_owner.faults.cut_after
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:cut] if cut else body)
            self.wfile.flush()
        except OSError:
            self.close_connection = True  # the client went away, as some tests want it to
        if cut:
            self.close_connection = True


def advertisement(refs: Sequence[tuple[str, str]], capabilities: str = "") -> bytes:
    """The body with which a smart HTTP server advertises (name, id) pairs, whatever the names are."""

    def packet(line: bytes) -> bytes:
        return f"{len(line) + 4:04x}".encode() + line

    body = packet(b"# service=git-upload-pack\n") + b"0000"
    for index, (name, commit) in enumerate(refs):
        extra = f"\0{capabilities}" if index == 0 else ""
        body += packet(f"{commit} {name}{extra}\n".encode())
    return body + b"0000"


def new_key(path: Path, kind: str = "ed25519", *, passphrase: str = "") -> str:
    """Make an ssh key pair at `path` and return the private key's text."""
    size = ["-b", "2048"] if kind == "rsa" else []  # the smallest that OpenSSH takes; larger ones take seconds
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, *size, "-N", passphrase, "-C", "test", "-f", str(path)],  # noqa: S607 - OpenSSH's own, from PATH
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return path.read_text()


class SshServer:
    """OpenSSH's sshd on a free port of 127.0.0.1, for one authorised key; its own files lie in `folder`."""

    def __init__(self, folder: Path, authorised: Sequence[Path]) -> None:
        self.folder = folder
        self.authorised = authorised
        self.port = 0

    @staticmethod
    def missing() -> str:
        """Why it cannot run here; "" if it can."""
        for program in ("sshd", "ssh-keygen"):
            if _program(program) is None:
                return f"{program} (OpenSSH) is not installed"
        return ""

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        new_key(self.folder / "host")
        keys = self.folder / "authorised"
        keys.write_text("".join(path.with_suffix(".pub").read_text() for path in self.authorised))
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # sshd's privilege separation, which a boot would have made
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        config = self.folder / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.folder / 'host'}\nAuthorizedKeysFile {keys}\n"
            "StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            "PermitRootLogin prohibit-password\nLogLevel DEBUG1\nPidFile none\n"
        )
        program = _program("sshd")
        if program is None:
            raise FileNotFoundError(self.missing())
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen([program, "-D", "-e", "-f", str(config)], stderr=log)
        self._wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(10)

    def url(self, path: Path) -> str:
        """The URL of a repository in a folder, for the user who runs the server."""
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{path}"

    @property
    def known_hosts(self) -> str:
        """The line of known_hosts for this server."""
        return f"[127.0.0.1]:{self.port} {(self.folder / 'host.pub').read_text()}"

    @property
    def fingerprint(self) -> str:
        """The host key's fingerprint as OpenSSH shows it (`SHA256:…`)."""
        shown = subprocess.run(
            ["ssh-keygen", "-l", "-f", str(self.folder / "host.pub")],  # noqa: S607 - OpenSSH's own, from PATH
            check=True,
            capture_output=True,
            text=True,
        )
        return shown.stdout.split()[1]

    def _wait(self) -> None:
        for _ in range(200):
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                    if connection.recv(4) == b"SSH-":
                        return
            except OSError:
                try:
                    self._process.wait(0.05)
                except subprocess.TimeoutExpired:
                    continue
                raise RuntimeError("sshd did not start: " + (self.folder / "log").read_text()) from None
        raise RuntimeError("sshd does not answer: " + (self.folder / "log").read_text())


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
