"""What is rendered again when a commit comes: by commands, and by renderers that discovery passed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitopsd.core.app import AppSpec, Destination, Source
from gitopsd.core.errors import RenderError
from gitopsd.core.ids import AppName
from gitopsd.daemon.clock import SystemClock
from gitopsd.plugin import CommandPlugin, CommandPlugins, Discover
from gitopsd.plugin.manager import PluginManager
from gitopsd.ports.renderer import RenderTarget
from gitopsd.render.cache import RenderCache
from gitopsd.render.renderer import RenderRoom
from gitopsd.render.vault import Vault
from tests.plugins.commands import config_map, plugin, shell
from tests.render.trees import REPO, Trees


@dataclass
class Room:
    """A render room on commits that are dictionaries."""

    room: RenderRoom
    trees: Trees

    async def render(self, files: Mapping[str, str], renderer: str = "", *, use_cache: bool = True) -> str:
        """`RENDERER NAMES`, and whether that was rendered now."""
        commit = self.trees.add(files)
        spec = AppSpec(AppName("shop"), (Source(REPO, "app", "main", renderer),), Destination(namespace="ns"))
        found = await self.room.render(spec, [commit], RenderTarget(), use_cache=use_cache)
        names = ",".join(each.name for each in found.manifests)
        return f"{found.renderers[0]} {names} {'kept' if found.cached else 'made'}"


async def room(folder: Path, *plugins: CommandPlugin) -> Room:
    manager = PluginManager()
    assert manager.load_installed() == ()
    trees = Trees(folder / "snapshots")
    cache = RenderCache(Vault(str(folder / "renders"), str(folder / "cache.key")))
    await cache.open()
    renderers = manager.renderers(None, CommandPlugins(plugins, str(folder / "commands")))
    return Room(RenderRoom(renderers, trees, cache, SystemClock(), identity="test"), trees)


APP = {"app/a.yaml": config_map("a")}
PRINTS = plugin("cat *.yaml")


async def test_what_a_command_made_is_kept_for_its_commit_and_made_anew_for_each_other(tmp_path: Path) -> None:
    here = await room(tmp_path, PRINTS)
    assert await here.render(APP, "tool") == "tool a made"
    assert await here.render(APP, "tool") == "tool a kept"
    assert await here.render({**APP, "elsewhere/b": ""}, "tool") == "tool a made"
    assert await here.render(APP, "tool") == "tool a kept"
    assert await here.render(APP, "tool", use_cache=False) == "tool a made"


async def test_a_folder_that_no_pattern_matched_is_kept_until_one_could(tmp_path: Path) -> None:
    tool = plugin("echo '" + config_map("cue") + "'", discover=Discover(glob="**/*.cue"))
    here = await room(tmp_path, tool)
    files = {**APP, "app/sub/deep/x.txt": ""}
    assert await here.render(files) == "directory a made"
    assert await here.render({**files, "elsewhere/b.cue": ""}) == "directory a kept"
    assert await here.render({**files, "app/sub/deep/x.txt": "other"}) == "directory a kept"
    assert await here.render({**files, "app/sub/deep/y.cue": ""}) == "tool cue made"
    assert await here.render(files) == "directory a kept"


async def test_behind_a_discovery_command_every_commit_is_rendered_anew(tmp_path: Path) -> None:
    here = await room(tmp_path, plugin("true", discover=Discover(command=shell("ls *.cue"))))
    assert await here.render(APP) == "directory a made"
    assert await here.render(APP) == "directory a kept"
    assert await here.render({**APP, "elsewhere/b": ""}) == "directory a made"


async def test_a_command_that_failed_is_not_run_again_at_once_for_the_same_commit(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    here = await room(tmp_path, plugin(f"mktemp {runs}/XXXXXX >&2; exit 3", writable=(str(runs),)))
    for _ in range(3):
        with pytest.raises(RenderError, match="exit code 3"):
            await here.render(APP, "tool")
    assert len([each.name for each in runs.iterdir()]) == 1
    with pytest.raises(RenderError, match="exit code 3"):
        await here.render({**APP, "app/b.yaml": ""}, "tool")
    assert len([each.name for each in runs.iterdir()]) == 2
