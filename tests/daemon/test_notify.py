"""What systemd is told, and what it asks for."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from gitopsd.daemon.notify import Notifier, watchdog_seconds


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "42"}, 1.5),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "41"}, None),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "none"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_only_where_systemd_asks_this_very_process(
    environ: Mapping[str, str], seconds: float | None
) -> None:
    assert watchdog_seconds(environ, 42) == seconds


def test_each_word_reaches_the_socket_on_a_line_of_its_own(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(5)
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        notifier.watchdog()
        notifier.status("two\nlines READY=1")
        notifier.ready("3 applications")
        told = [systemd.recv(4096).decode() for _ in range(3)]
    assert told == ["WATCHDOG=1", "STATUS=two lines READY=1", "READY=1\nSTATUS=3 applications"]


def test_an_abstract_socket_is_found(tmp_path: Path) -> None:
    name = f"gitopsd-test-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{name}")
        systemd.settimeout(5)
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).stopping()
        assert systemd.recv(4096) == b"STOPPING=1"


def test_a_socket_that_nobody_reads_stops_nobody(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        for _ in range(10_000):
            notifier.watchdog()
    (tmp_path / "notify").unlink()
    notifier.watchdog()
