"""Backups over the API."""

from __future__ import annotations

from gitopsd.core.errors import StoreError
from gitopsd.testing.backups import FakeBackups
from tests.web.conftest import Daemon

ROUTE = "/api/v1/backup"


def backups(daemon: Daemon) -> FakeBackups:
    assert daemon.backups is not None
    return daemon.backups


async def test_a_backup_comes_as_it_is_made(daemon: Daemon) -> None:
    async with daemon.client() as client:
        answer = await client.get(ROUTE)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/gzip")
        assert answer.content == b"a backup"
        await client.get(ROUTE, params={"withKey": "true"})
    assert backups(daemon).asked == [False, True]


async def test_one_that_cannot_be_made_says_why(daemon: Daemon) -> None:
    backups(daemon).error = StoreError("the backup cannot be made", why="it needs 7 MB, and 1 MB are free", hint="room")
    async with daemon.client() as client:
        answer = await client.get(ROUTE)
    assert answer.status_code == 500
    assert answer.json()["error"] == {
        "what": "the backup cannot be made",
        "where": "",
        "why": "it needs 7 MB, and 1 MB are free",
        "hint": "room",
        "code": "failed",
    }
