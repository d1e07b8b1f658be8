"""Talking to a daemon that is not there, not ours, or not well."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gitopsd.cli.client import Api, application_route
from gitopsd.cli.endpoint import find_socket
from gitopsd.cli.failures import DaemonError, DaemonGoneError, NoDaemonError
from tests.cli.conftest import Served


@contextmanager
def answering(path: Path, answer: bytes | None) -> Iterator[str]:
    """A socket that answers each of its connections with `answer`, or never (None)."""
    over = threading.Event()

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            if answer is None:
                over.wait(10)
            else:
                connection.sendall(answer)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield str(path)
        over.set()
        thread.join(10)


def test_a_real_daemon_answers(served: Served) -> None:
    assert Api(str(served.socket)).get("/version").body == {"version": "1.2.3"}


def test_nobody_is_there(tmp_path: Path) -> None:
    with pytest.raises(NoDaemonError, match="no daemon answers"):
        Api(str(tmp_path / "none.sock")).get("/version")


def test_the_daemon_has_died(tmp_path: Path) -> None:
    path = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    with pytest.raises(NoDaemonError, match="no daemon answers"):
        Api(str(path)).get("/version")


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\n\r\n[]",
        b"HTTP/1.1 abc OK\r\n\r\n{}",
        b"HTTP/1.1\r\n\r\n{}",
    ],
)
def test_somebody_else_listens(tmp_path: Path, answer: bytes) -> None:
    with answering(tmp_path / "a.sock", answer) as path, pytest.raises(DaemonError, match="no gitopsd daemon"):
        Api(path).get("/version")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b'HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{"version":',
        b"HTTP/1.1 500 Internal Server Error\r\n\r\nInternal Server Error",
    ],
)
def test_an_answer_that_breaks_off(tmp_path: Path, answer: bytes) -> None:
    with answering(tmp_path / "a.sock", answer) as path, pytest.raises(DaemonGoneError, match="broke off"):
        Api(path).get("/version")


def test_no_answer_in_time(tmp_path: Path) -> None:
    with answering(tmp_path / "a.sock", None) as path, pytest.raises(DaemonError, match=r"within 0\.05 s"):
        Api(path).get("/version", timeout=0.05)


def test_an_error_without_words(tmp_path: Path) -> None:
    with answering(tmp_path / "a.sock", b"HTTP/1.1 500 X\r\n\r\n{}") as path, pytest.raises(DaemonError, match="500"):
        Api(path).get("/version")


def test_the_daemons_own_error_is_shown(served: Served) -> None:
    served.daemon.fault = RuntimeError("secret internals")
    with pytest.raises(DaemonError, match="something went wrong inside of gitopsd") as found:
        Api(str(served.socket)).get("/applications")
    assert "log" in found.value.hint


@contextmanager
def as_nobody() -> Iterator[None]:
    """This process as a user without rights."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_socket_of_another_user(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    served.socket.parent.chmod(0o755)
    monkeypatch.chdir(served.socket.parent)
    with as_nobody(), pytest.raises(DaemonError, match="you may not open the daemon's socket") as found:
        Api(served.socket.name).get("/version")
    assert found.value.hint == "run the command as the daemon's user: `sudo -u root gitopsd …`"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_folder_of_another_user_among_the_usual_places(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(served.socket.parent.parent)
    with as_nobody(), pytest.raises(DaemonError, match="you may not look") as found:
        find_socket("", "", {})
    assert "sudo -u" in found.value.hint


def test_a_name_cannot_leave_its_place_in_the_route() -> None:
    assert application_route("../x?y#z\r\nEvil: 1") == "/applications/..%2Fx%3Fy%23z%0D%0AEvil%3A%201"
