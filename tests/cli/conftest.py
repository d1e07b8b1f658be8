"""Commands run in this process, and a daemon's API on a real socket for them."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from gitopsd.cli import main
from gitopsd.core.app import AppSpec
from gitopsd.core.appstatus import AppStatus
from gitopsd.core.ids import AppName
from gitopsd.web import Door, Services, UnixSocket, create_app, serve
from tests.web.conftest import Daemon

GITOPSD = str(Path(sys.executable).with_name("gitopsd"))


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


Cli = Callable[..., Ran]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    """Run a command in an empty folder; `environ` is added to an environment that knows no daemon."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITOPSD_SOCKET", raising=False)

    def run(*arguments: str, environ: dict[str, str] | None = None) -> Ran:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (environ or {}).items():
                patch.setenv(name, value)
            capsys.readouterr()
            code = main(arguments)
            told = capsys.readouterr()
        return Ran(code, told.out, told.err)

    return run


@dataclass
class Served:
    """A daemon's API on a socket. Change `daemon` before asking; `reconciles` ends each refresh at once.

    `script`: what happens next, one step before each look at an application once an operation began.
    """

    socket: Path
    daemon: Daemon = field(default_factory=Daemon)
    reconciles: bool = False
    script: list[Callable[[], object]] = field(default_factory=list)

    def services(self) -> Services:
        """What the API is made with."""
        services = self.daemon.services()
        ask = services.refresh

        def refresh(name: AppName, *, hard: bool) -> None:
            ask(name, hard=hard)
            if self.reconciles:
                self.daemon.reconciled(name, seconds=0.0)

        look = services.application

        def application(name: AppName) -> tuple[AppSpec, AppStatus] | None:
            if self.script and name in self.daemon.operator.underway:
                self.script.pop(0)()
            return look(name)

        return replace(services, refresh=refresh, application=application)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Serve a daemon without applications."""
    (tmp_path / "state").mkdir(mode=0o700)
    found = Served(tmp_path / "state" / "gitopsd.sock")
    with start_blocking_portal("asyncio") as portal:
        serving, _ = portal.start_task(serve, create_app(found.services(), Door.LOCAL), UnixSocket(found.socket))
        try:
            yield found
        finally:
            serving.cancel()


@pytest.fixture
def environ() -> dict[str, str]:
    """The environment for a command in a process of its own."""
    return {key: value for key, value in os.environ.items() if key != "GITOPSD_SOCKET"}


def at_a_terminal(served: Served, answer: str, *words: str) -> tuple[int, str, str]:
    """Run a command in front of a person who answers so; exit code, answer, and what the terminal showed beside it."""
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen(
            [GITOPSD, *words, "--socket", str(served.socket)],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
            env={**os.environ, "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "200"},
        ) as process:
            os.write(ours, f"{answer}\n".encode())
            out, _ = process.communicate(timeout=60)
        return process.returncode, out, os.read(ours, 1 << 16).decode().replace("\r\n", "\n")
    finally:
        os.close(ours)
        os.close(theirs)
