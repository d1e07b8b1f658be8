"""A real API server for tests, one for the whole run, whichever folders ask for it.

A folder's conftest.py imports the fixtures by name: `from tests.cluster_fixture import api_server, namespace`.
"""

import base64
import contextlib
import functools
import http.client
import itertools
import json
import os
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
import yaml

ROOT: Final = Path(__file__).resolve().parent.parent
_COUNTER: Final = itertools.count(1)


class ApiServer:
    """A running localcluster, and its administrator."""

    def __init__(self, program: Path, folder: Path, process: subprocess.Popen[bytes], ready: Mapping[str, str]) -> None:
        self.program = program
        self.folder = folder
        self.server = ready["server"]
        self.kubeconfig = Path(ready["kubeconfig"])
        self.version = ready["version"]
        self._process = process

    def request(
        self, method: str, path: str, body: object = None, *, content_type: str = "application/json"
    ) -> tuple[int, dict[str, object]]:
        """Ask as the administrator, blocking: status and parsed answer."""
        address = urlsplit(self.server)
        with contextlib.closing(
            http.client.HTTPSConnection(str(address.hostname), address.port, context=self._context, timeout=30)
        ) as connection:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": content_type})
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"{}")

    def do(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """Like `request`; fail the test unless it was done."""
        content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
        status, answer = self.request(method, path, body, content_type=content_type)
        assert 200 <= status < 300, answer
        return answer

    def user(self, name: str) -> Path:
        """Return a kubeconfig of a user who may do nothing yet but what RBAC rules give to `name`."""
        command: list[str | Path] = [self.program, "kubeconfig", "--dir", self.folder, "--user", name]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
        return Path(done.stdout.strip())

    def audit(self, user_agent: str = "gitopsd") -> list[dict[str, object]]:
        """Return what was asked so far by clients of this name: the lines of the audit log."""
        lines = (self.folder / "audit.log").read_text(encoding="utf-8").splitlines()
        entries = [json.loads(line) for line in lines if line.endswith("}")]
        return [entry for entry in entries if str(entry.get("userAgent", "")).startswith(user_agent)]

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(timeout=20)
        if self._process.stdout is not None:
            self._process.stdout.close()

    @functools.cached_property
    def _context(self) -> ssl.SSLContext:
        content = yaml.safe_load(self.kubeconfig.read_text(encoding="utf-8"))
        ca = base64.b64decode(content["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
        context = ssl.create_default_context(cadata=ca)
        context.load_cert_chain(self.folder / "pki" / "admin.crt", self.folder / "pki" / "admin.key")
        return context


def find_localcluster() -> Path | None:
    """Return the program that `make setup` builds, or that GITOPSD_LOCALCLUSTER names."""
    chosen = os.environ.get("GITOPSD_LOCALCLUSTER")
    path = Path(chosen) if chosen else ROOT / ".build" / "localcluster"
    return path if path.is_file() else None


class _Shared:
    """The one API server of this process, for as long as somebody uses it."""

    def __init__(self) -> None:
        self._running: ApiServer | None = None
        self._users = 0

    def acquire(self, program: Path) -> ApiServer:
        """Start it unless it runs."""
        if self._running is None:
            self._folder = tempfile.TemporaryDirectory(prefix="gitopsd-tests-", ignore_cleanup_errors=True)
            self._running = start(program, Path(self._folder.name))
        self._users += 1
        return self._running

    def release(self) -> None:
        """Stop it after its last user."""
        self._users -= 1
        if not self._users and self._running is not None:
            self._running.stop()
            self._running = None
            self._folder.cleanup()


_SHARED: Final = _Shared()


def start(program: Path, folder: Path) -> ApiServer:
    """Start a cluster in `folder`; the caller stops it."""
    process = subprocess.Popen(
        [program, "up", "--dir", folder, "--audit"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    line = process.stdout.readline()  # the program itself gives up after its own deadline
    assert line, "localcluster ended before it was ready"
    return ApiServer(program, folder, process, json.loads(line))


@pytest.fixture(scope="session")
def api_server() -> Iterator[ApiServer]:
    """Give the API server of this test run, started when it is first asked for."""
    program = find_localcluster()
    if program is None:
        pytest.skip("no localcluster: run `make setup`, or name one in GITOPSD_LOCALCLUSTER")
    yield _SHARED.acquire(program)
    _SHARED.release()


@pytest.fixture
def namespace(api_server: ApiServer) -> Iterator[str]:
    """Give the name of a fresh namespace; it is deleted afterwards."""
    name = f"test-{next(_COUNTER)}"
    api_server.do("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    api_server.request("DELETE", f"/api/v1/namespaces/{name}")
