"""Finds plugins and asks them what they bring. One manager belongs to one daemon; there is no global one."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points

import pluggy

from gitopsd.core.errors import PluginError
from gitopsd.plugin import hookspecs
from gitopsd.plugin.actions import ActionProvider
from gitopsd.plugin.command import NO_COMMANDS, CommandPlugins
from gitopsd.plugin.engine import Engine
from gitopsd.plugin.folders import FolderPlugin, plugins_in, refuse_if_open, unreadable
from gitopsd.plugin.health import HealthCheck
from gitopsd.plugin.importing import OnSlow, imported
from gitopsd.plugin.renderer import Renderer

ENTRY_POINTS = "gitopsd.plugins"


class PluginManager:
    """The plugins of one daemon."""

    def __init__(self, on_slow: OnSlow | None = None) -> None:
        """`on_slow` gets the name of a plugin that is being imported for some seconds, from another thread."""
        self._pluggy = pluggy.PluginManager(hookspecs.NAMESPACE)
        self._pluggy.add_hookspecs(hookspecs)
        self._versions: dict[str, str] = {}
        self._on_slow = on_slow
        self.importing = ""
        """The plugin that is being imported; "" if none is."""

    def load_installed(self) -> tuple[PluginError, ...]:
        """Register every installed plugin; one that cannot be imported is an error in the answer and hurts no other."""
        errors: list[PluginError] = []
        for entry_point in sorted(entry_points(group=ENTRY_POINTS), key=lambda found: found.name):
            try:
                self.register(self._imported(entry_point), name=entry_point.name)
                self._versions[entry_point.name] = entry_point.dist.version if entry_point.dist else ""
            except PluginError as error:
                errors.append(error)
        return tuple(errors)

    def load_folders(self, folders: Iterable[str]) -> tuple[PluginError, ...]:
        """Register what each folder brings, after everything installed; what is wrong with one hurts no other.

        A folder is put at the end of `sys.path`: a plugin may bring modules of its own, and replaces none.
        """
        errors: list[PluginError] = []
        for folder in folders:
            try:
                errors.extend(refuse_if_open(folder))
                if folder not in sys.path:
                    sys.path.append(folder)
                    importlib.invalidate_caches()
                found = plugins_in(folder, ENTRY_POINTS)
            except PluginError as error:
                errors.append(error)
                continue
            except OSError as error:
                errors.append(unreadable(folder, error))
                continue
            for plugin in found:
                try:
                    self._load(plugin, folder)
                except PluginError as error:
                    errors.append(error)
        return tuple(errors)

    def _load(self, plugin: FolderPlugin, folder: str) -> None:
        point = plugin.entry_point
        loaded = self._imported(point, folder)
        origin = getattr(sys.modules.get(point.module), "__file__", None) or ""
        if not origin.startswith(folder.rstrip("/") + "/"):
            raise PluginError(
                f"plugin {plugin.name!r} of {folder} is not loaded",
                why=f"a module named {point.module} comes from {origin or 'Python itself'} already",
                hint="rename the plugin's module",
            )
        if self._pluggy.get_plugin(plugin.name) is loaded:
            return
        self.register(loaded, name=plugin.name)
        self._versions[plugin.name] = plugin.version

    def _imported(self, point: EntryPoint, folder: str = "") -> object:
        self.importing = point.name
        try:
            return imported(point, folder, self._on_slow)
        finally:
            self.importing = ""

    def register(self, plugin: object, *, name: str) -> None:
        """Add one plugin.

        Raises `PluginError` for a hook that does not exist or has other arguments, or a name taken.
        """
        try:
            self._pluggy.register(plugin, name=name)
            self._pluggy.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            if self._pluggy.has_plugin(name) and self._pluggy.get_plugin(name) is plugin:
                self._pluggy.unregister(plugin)
            raise PluginError(
                f"plugin {name!r} cannot be registered",
                why=str(error),
                hint="compare its hooks with gitopsd/plugin/hookspecs.py",
            ) from error
        if not self._pluggy.get_hookcallers(plugin):
            self._pluggy.unregister(plugin)
            raise PluginError(
                f"plugin {name!r} brings nothing",
                why="none of its functions is marked as a hook of gitopsd",
                hint="mark them (gitopsd.plugin.hookspecs.hookimpl), or name a module that is no plugin otherwise",
            )

    def renderers(self, engine: Engine | None, commands: CommandPlugins = NO_COMMANDS) -> Sequence[Renderer]:
        """All renderers, in the order of their plugins' names. Raises `PluginError` if two claim one name.

        `commands` are the programs that the configuration declares as renderers.
        """
        found: dict[str, Renderer] = {}
        answers: Iterable[Sequence[Renderer]] = self._pluggy.hook.gitopsd_renderers(engine=engine, commands=commands)
        for renderer in (each for answer in reversed(list(answers)) for each in answer):
            if renderer.name in found:
                raise PluginError(
                    f"two plugins bring a renderer named {renderer.name!r}", hint="remove one of the two packages"
                )
            found[renderer.name] = renderer
        return tuple(found.values())

    def health_checks(self) -> Sequence[HealthCheck]:
        """All judges of health, in the order of their plugins' names. Raises `PluginError` if two claim one name."""
        found: dict[str, HealthCheck] = {}
        answers: Iterable[Sequence[HealthCheck]] = self._pluggy.hook.gitopsd_health_checks()
        for check in (each for answer in reversed(list(answers)) for each in answer):
            if check.name in found:
                raise PluginError(
                    f"two plugins bring a health check named {check.name!r}", hint="remove one of the two packages"
                )
            found[check.name] = check
        return tuple(found.values())

    def actions(self) -> Sequence[ActionProvider]:
        """All providers of actions, in the order of their plugins' names; `PluginError` if two claim one name."""
        found: dict[str, ActionProvider] = {}
        answers: Iterable[Sequence[ActionProvider]] = self._pluggy.hook.gitopsd_actions()
        for provider in (each for answer in reversed(list(answers)) for each in answer):
            if provider.name in found:
                raise PluginError(
                    f"two plugins bring actions named {provider.name!r}", hint="remove one of the two packages"
                )
            found[provider.name] = provider
        return tuple(found.values())

    def versions(self) -> Mapping[str, str]:
        """The version of the package of each installed plugin; what was rendered by another version is not reused."""
        return dict(self._versions)

    def names(self) -> tuple[str, ...]:
        """The registered plugins' names."""
        return tuple(sorted(name for name, _ in self._pluggy.list_name_plugin()))
