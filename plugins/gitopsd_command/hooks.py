"""The official plugin that runs the commands declared under `plugins` in gitopsd.yaml."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gitopsd.plugin import CommandPlugins, Engine, Renderer, hookimpl
from gitopsd_command.renderer import CommandRenderer
from gitopsd_command.runner import Runner


@hookimpl
def gitopsd_renderers(engine: Engine | None, commands: CommandPlugins) -> Sequence[Renderer]:
    """One renderer for each declared plugin, in their order.

    One with a version goes by `NAME-VERSION`, and by `NAME` as well where no other has that name.
    """
    if not commands.plugins:
        return []
    runner = Runner(commands.folder)
    renderers = [CommandRenderer(plugin, runner, engine) for plugin in commands.plugins]
    names = Counter(name for plugin in commands.plugins for name in {plugin.name, plugin.full_name})
    renderers += [
        CommandRenderer(plugin, runner, engine, alias=plugin.name)
        for plugin in commands.plugins
        if plugin.version and names[plugin.name] == 1
    ]
    return renderers
