"""The running daemon, looked into over the API."""

from __future__ import annotations

import pytest

from gitopsd.testing.debugging import FakeDebugging
from gitopsd.web import Door
from tests.web.conftest import Daemon

LEVEL = "/api/v1/debug/log-level"
PROFILE = "/api/v1/debug/profile"


def debugging(daemon: Daemon) -> FakeDebugging:
    assert daemon.debugging is not None
    return daemon.debugging


async def test_the_level_is_shown_and_changed(daemon: Daemon) -> None:
    async with daemon.client() as client:
        assert (await client.get(LEVEL)).json() == {"level": "info", "configured": "info", "until": None}
        changed = await client.post(LEVEL, json={"level": "debug", "seconds": 600})
        assert changed.json() == {"level": "debug", "configured": "info", "until": "2030-01-01T00:10:00Z"}
        assert (await client.post(LEVEL, json={"level": ""})).json()["level"] == "info"
    assert debugging(daemon).asked == [("debug", 600.0), ("", None)]


@pytest.mark.parametrize(
    "body",
    [
        {"level": "trace"},
        {},
        {"level": "debug", "seconds": 0},
        {"level": "debug", "seconds": 1e9},
        {"level": "debug", "x": 1},
    ],
)
async def test_what_is_no_level_is_refused(daemon: Daemon, body: dict[str, object]) -> None:
    async with daemon.client() as client:
        assert (await client.post(LEVEL, json=body)).status_code == 422
    assert debugging(daemon).asked == []


@pytest.mark.parametrize(
    ("form", "kind"),
    [("text", "text/plain; charset=utf-8"), ("html", "text/html; charset=utf-8"), ("speedscope", "application/json")],
)
async def test_a_profile_comes_whole_and_by_its_type(daemon: Daemon, form: str, kind: str) -> None:
    debugging(daemon).written = b"0123456789" * 100_000
    async with daemon.client() as client:
        found = await client.get(PROFILE, params={"seconds": "2.5", "format": form})
    assert (found.status_code, found.headers["content-type"]) == (200, kind)
    assert found.content == debugging(daemon).written
    assert debugging(daemon).profiles == [(2.5, form)]


@pytest.mark.parametrize("query", [{"seconds": "61"}, {"seconds": "0"}, {"seconds": "nan"}, {"format": "pickle"}])
async def test_a_profile_is_bounded(daemon: Daemon, query: dict[str, str]) -> None:
    async with daemon.client() as client:
        assert (await client.get(PROFILE, params=query)).status_code == 422
    assert debugging(daemon).profiles == []


async def test_a_second_profile_at_once_is_refused(daemon: Daemon) -> None:
    debugging(daemon).busy = True
    async with daemon.client() as client:
        found = await client.get(PROFILE)
    assert (found.status_code, found.json()["error"]["code"]) == (409, "in-progress")


@pytest.mark.parametrize("path", [LEVEL, PROFILE])
async def test_R8_nobody_on_the_network_looks_into_the_daemon(daemon: Daemon, path: str) -> None:
    async with daemon.client(Door.PUBLIC) as client:
        assert (await client.get(path)).status_code == 404
        assert (await client.post(path, json={"level": "debug"})).status_code in (404, 413)
    assert (debugging(daemon).asked, debugging(daemon).profiles) == ([], [])


async def test_a_daemon_that_cannot_be_looked_into_says_so(daemon: Daemon) -> None:
    daemon.debugging = None
    async with daemon.client() as client:
        assert (await client.get(LEVEL)).status_code == 404
