"""A port that is taken ends the start before anything else is done."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gitopsd.config import load
from gitopsd.core.errors import ConfigError, StoreError
from gitopsd.daemon.daemon import Daemon
from gitopsd.daemon.run import run_daemon
from gitopsd.store.lock import held


def _config(folder: Path, port: int) -> Path:
    path = folder / "gitopsd.yaml"
    path.write_text(
        f"server: {{listen: '127.0.0.1:{port}'}}\n"
        "clusters: [{name: local, server: 'https://127.0.0.1:9', token: t}]\n"
        "applications: []\n"
    )
    return path


def test_a_taken_port_is_said_before_the_state_folder_is_even_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        path = _config(tmp_path, taken.getsockname()[1])
        with pytest.raises(ConfigError, match=r"cannot listen: .*in use.*another one"):
            run_daemon(str(path), {})
    assert not (tmp_path / "state").exists()


def test_where_the_daemon_of_the_same_file_has_the_port_that_daemon_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, held(tmp_path / "state"):
        path = _config(tmp_path, taken.getsockname()[1])
        with pytest.raises(StoreError, match=f"another gitopsd uses this state folder: process {os.getpid()}"):
            run_daemon(str(path), {})


async def test_a_free_port_is_opened_behind_the_check(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = load(str(_config(tmp_path, port)), environ={})
    async with Daemon(config, {}) as daemon:
        assert daemon.address is not None
        assert daemon.address.port == port
