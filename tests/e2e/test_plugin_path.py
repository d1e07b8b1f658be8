"""Plugins of `pluginPath` in a running daemon."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.child import child
from tests.e2e.manifests import config_map
from tests.e2e.world import World
from tests.plugins.third_party import json_lines

TEXTS = {"lines": Path(json_lines.__file__).read_text(), "broken": "raise RuntimeError('no licence')"}


async def test_a_plugin_of_a_folder_renders_and_a_broken_one_beside_it_is_named(world: World, tmp_path: Path) -> None:
    plugins = tmp_path / "plugins.d"
    plugins.mkdir(mode=0o755)
    for name, text in TEXTS.items():
        (plugins / f"gitopsd_{name}.py").write_text(text)
        (plugins / f"gitopsd_{name}.py").chmod(0o644)
    line = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "line"}}\n'
    world.commit({"one/map.yaml": config_map("one"), "two/objects.jsonl": line})
    world.application("one")
    world.application("two")
    world.config["pluginPath"] = [str(plugins)]
    async with child(world) as daemon:
        await daemon.until_line("plugin not loaded", "broken", "no licence")
        await daemon.until_synced("one", "two")
        world.config["pluginPath"] = []
        world.write()
        await daemon.until_line("this setting takes effect at the next start", "pluginPath")
