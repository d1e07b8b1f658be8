"""Changes of the files are told, however they are made."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from gitopsd.config import Config, changes
from tests.config.writing import loaded

DEADLINE_SECONDS = 60.0
SECRET = "repositories: [{url: https://git.example.org/a.git, password: {file: secret}}]\n"

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def told(config: Config, *, poll: bool = False) -> AsyncIterator[AsyncIterator[frozenset[str]]]:
    with anyio.fail_after(DEADLINE_SECONDS):
        async with aclosing(changes(config, poll=poll)) as stream:
            yield stream


@pytest.mark.parametrize("poll", [False, True])
async def test_a_file_that_is_written_is_told(tmp_path: Path, poll: bool) -> None:
    config = loaded(tmp_path, "log: {}\n")
    async with told(config, poll=poll) as stream, anyio.create_task_group() as group:
        group.start_soon(anyio.Path(tmp_path / "gitopsd.yaml").write_text, "log: {level: debug}\n")
        assert await anext(stream) == {f"{tmp_path}/gitopsd.yaml"}


async def test_what_changed_before_the_watch_began_is_told(tmp_path: Path) -> None:
    config = loaded(tmp_path, SECRET, secret="one")
    (tmp_path / "secret").write_text("two, and longer")
    async with told(config) as stream:
        assert await anext(stream) == {f"{tmp_path}/secret"}


async def test_editors_that_replace_files_are_noticed_again_and_again(tmp_path: Path) -> None:
    config = loaded(tmp_path, "log: {}\n")
    async with told(config) as stream:
        for number in range(3):
            (tmp_path / "new").write_text(f"log: {{}} # {number}\n")
            os.replace(tmp_path / "new", tmp_path / "gitopsd.yaml")
            assert await anext(stream) == {f"{tmp_path}/gitopsd.yaml"}


async def test_new_and_lost_matches_of_a_pattern_are_told(tmp_path: Path) -> None:
    config = loaded(tmp_path, "include: ['apps/*/*.yaml']\n")
    async with told(config) as stream:
        (tmp_path / "apps" / "team").mkdir(parents=True)
        (tmp_path / "apps" / "team" / "a.yaml").write_text("[]")
        assert await anext(stream) == {f"{tmp_path}/apps/team/a.yaml"}
        (tmp_path / "apps" / "team" / "a.yaml").unlink()
        assert await anext(stream) == {f"{tmp_path}/apps/team/a.yaml"}
        (tmp_path / "apps" / "other").mkdir()
        (tmp_path / "apps" / "other" / "b.yaml").write_text("[]")
        assert await anext(stream) == {f"{tmp_path}/apps/other/b.yaml"}


async def test_a_pattern_that_goes_up_and_down_tells_nothing_while_nothing_changes(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "a.list").write_text("[]")
    config = loaded(tmp_path / "etc", "include: ['../etc/.././apps/*.list', ../apps/a.list]\n")
    async with told(config) as stream:
        (tmp_path / "apps" / "b.list").write_text("[]")
        assert await anext(stream) == {f"{tmp_path}/apps/b.list"}


async def test_a_folder_that_is_removed_and_made_again_is_watched_again(tmp_path: Path) -> None:
    config = loaded(tmp_path / "etc", "include: ['../apps/*.list']\n", **{"../apps/a.list": "[]"})
    apps = tmp_path / "apps"
    async with told(config) as stream:
        (apps / "a.list").write_text("[] # changed")
        assert await anext(stream) == {f"{apps}/a.list"}
        apps.rename(tmp_path / "old")
        apps.mkdir()
        assert await anext(stream) == {f"{apps}/a.list"}
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.Path(apps / "b.list").write_text, "[]")
            assert await anext(stream) == {f"{apps}/b.list"}


async def test_the_link_swap_of_a_kubernetes_volume_is_told(tmp_path: Path) -> None:
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "secret").write_text(version)
    os.symlink("v1", tmp_path / "..data")
    os.symlink("..data/secret", tmp_path / "secret")
    config = loaded(tmp_path, SECRET)
    assert config.repositories[0].password is not None
    async with told(config) as stream:
        os.symlink("v2", tmp_path / "..data_tmp")
        os.replace(tmp_path / "..data_tmp", tmp_path / "..data")
        assert await anext(stream) == {f"{tmp_path}/secret"}
        (tmp_path / "v2" / "secret").write_text("version 3")
        assert await anext(stream) == {f"{tmp_path}/secret"}


async def test_other_files_beside_are_not_told(tmp_path: Path) -> None:
    config = loaded(tmp_path, "log: {}\n")
    async with told(config) as stream:
        (tmp_path / "unrelated").write_text("x")
        (tmp_path / "state").mkdir()
        (tmp_path / "gitopsd.yaml").write_text("log: {} # changed\n")
        assert await anext(stream) == {f"{tmp_path}/gitopsd.yaml"}


async def test_a_burst_is_told_once(tmp_path: Path) -> None:
    config = loaded(tmp_path, "include: ['*.list']\n")
    async with told(config) as stream:
        for number in range(50):
            (tmp_path / f"{number}.list").write_text("[]")
        assert len(await anext(stream)) == 50


async def test_waiting_ends_at_once_when_it_is_cancelled(tmp_path: Path, nothing_blocks: None) -> None:
    config = await anyio.to_thread.run_sync(lambda: loaded(tmp_path, "log: {}\n"))
    with anyio.fail_after(DEADLINE_SECONDS), anyio.move_on_after(0.3) as scope:
        async for _ in changes(config):
            pytest.fail("nothing changed")
    assert scope.cancelled_caught
