"""What a reload says of settings that a running daemon cannot take over."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gitopsd.config import load
from gitopsd.daemon.daemon import Daemon

PENDING = "this setting takes effect at the next start"
START = {
    "state": "{dir: state, cacheDir: cache}",
    "git": "{timeout: 60s}",
    "render": "{workers: 1}",
    "server": "{listen: '127.0.0.1:0'}",
    "log": "{format: json}",
}


def write(folder: Path, **changed: str) -> Path:
    path = folder / "gitopsd.yaml"
    settings = {**START, **changed}
    path.write_text(
        "".join(f"{key}: {value}\n" for key, value in settings.items())
        + "clusters: [{name: local, server: 'https://127.0.0.1:9', token: t}]\napplications: []\n"
    )
    return path


async def pending(daemon: Daemon, folder: Path, **changed: str) -> list[MutableMapping[str, Any]]:
    """What a reload of these settings warns of, as pending."""
    write(folder, **changed)
    with capture_logs() as lines:
        assert await daemon.reload()
    return [line for line in lines if line["event"] == PENDING]


def settings(lines: list[MutableMapping[str, Any]]) -> list[str]:
    return [line["setting"] for line in lines]


@pytest.mark.parametrize(
    ("changed", "setting"),
    [
        ({"state": "{dir: state, cacheDir: other}"}, "cache"),
        ({"state": "{dir: other, cacheDir: cache}"}, "state"),
        ({"git": "{timeout: 61s}"}, "git"),
        ({"render": "{workers: 2}"}, "render"),
        ({"server": "{listen: '127.0.0.1:9'}"}, "server"),
        ({"log": "{format: text}"}, "log.format"),
        ({"pluginPath": "[/etc/gitopsd/plugins]"}, "pluginPath"),
    ],
)
async def test_what_waits_for_a_restart_is_told_until_it_is_taken_back(
    tmp_path: Path, changed: dict[str, str], setting: str
) -> None:
    config = load(str(write(tmp_path)), environ={})
    async with Daemon(config, {}, doors=False) as daemon:
        assert settings(await pending(daemon, tmp_path, **changed)) == [setting]
        another_edit = {"reconcile": "{jitter: 7s}"}
        assert settings(await pending(daemon, tmp_path, **changed, **another_edit)) == [setting]
        assert settings(await pending(daemon, tmp_path)) == []


async def test_a_moved_state_folder_comes_with_the_way_to_the_running_daemon(tmp_path: Path) -> None:
    config = load(str(write(tmp_path)), environ={})
    async with Daemon(config, {}, doors=False) as daemon:
        for _ in range(2):
            (told,) = await pending(daemon, tmp_path, state="{dir: moved, cacheDir: cache}")
            assert told["until_then"] == f"--socket {tmp_path}/state/gitopsd.sock"
            (other,) = await pending(daemon, tmp_path, git="{timeout: 61s}")
            assert "until_then" not in other
