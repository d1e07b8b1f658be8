"""Command plugins made of shell scripts, rendering a folder through the same code as the daemon's."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from gitopsd.core.jsonvalue import JsonObject
from gitopsd.plugin import CommandPlugin, CommandPlugins, Engine, Renderer, RenderResult
from gitopsd.plugin.manager import PluginManager
from gitopsd.render.limits import Limits
from gitopsd.render.offline import render_folder
from tests.plugins.folders import write


def config_map(name: str) -> str:
    return f"{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}"


def shell(script: str) -> tuple[str, ...]:
    return "sh", "-c", script


def plugin(script: str, name: str = "tool", **settings: Any) -> CommandPlugin:
    return CommandPlugin(name, shell(script), **settings)


@dataclass
class Workshop:
    """A repository at `root`, and the folder where private copies are made."""

    folder: Path
    plugins: Sequence[CommandPlugin]
    engine: Engine | None = None
    deadline: float = 60.0
    renderers: Sequence[Renderer] = field(init=False)

    def __post_init__(self) -> None:
        manager = PluginManager()
        assert manager.load_installed() == ()
        commands = CommandPlugins(tuple(self.plugins), str(self.copies))
        self.renderers = manager.renderers(self.engine, commands)

    @property
    def root(self) -> Path:
        return self.folder / "repository"

    @property
    def copies(self) -> Path:
        return self.folder / "copies"

    def left_over(self) -> list[str]:
        """What is left of private copies."""
        return os.listdir(self.copies)

    async def render(
        self,
        options: JsonObject | None = None,
        *,
        renderer: str = "tool",
        path: str = "app",
    ) -> RenderResult:
        return await render_folder(
            self.renderers,
            str(self.root / path),
            name="shop",
            namespace="ns",
            renderer=renderer,
            options=options,
            kube_version="v1.36.3",
            api_versions=("v1", "apps/v1"),
            limits=Limits(deadline=self.deadline),
        )

    async def names(self, options: JsonObject | None = None, *, renderer: str = "tool", path: str = "app") -> list[str]:
        return [each.name for each in (await self.render(options, renderer=renderer, path=path)).manifests]


def workshop(
    folder: Path, *plugins: CommandPlugin, files: Mapping[str, str] | None = None, engine: Engine | None = None
) -> Workshop:
    here = Workshop(folder, plugins, engine)
    write(here.root, {"app/input.txt": "input\n", **(files or {})})
    here.copies.mkdir()
    return here


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that other processes do."""
    with anyio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110  # the kernel tells nobody when a process or a file is gone
            await anyio.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    return False


def keeper_among(pids: Iterable[int]) -> int:
    """The process that keeps a plugin's commands."""
    (found,) = (pid for pid in pids if b"gitopsd_command.keeper" in _command_line(pid))
    return found


def _command_line(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
