"""Folders to render, made from dictionaries, through the real plugins and the real engine."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gitopsd.core.jsonvalue import JsonObject
from gitopsd.plugin import NOTHING, Engine, EngineAnswer, RenderResult, Supply
from gitopsd.plugin.manager import PluginManager
from gitopsd.render.engine import locate
from gitopsd.render.limits import Limits
from gitopsd.render.offline import render_folder
from gitopsd.render.pool import EnginePool


def engine_binary() -> str:
    """The real engine; the test is skipped where nobody built it, but never in CI."""
    found = locate("", os.environ)
    if found is None:
        assert not os.environ.get("CI"), "the render engine is missing: run `make setup`"
        pytest.skip("the render engine is not built: run `make setup`")
    return found


def write(root: Path, files: Mapping[str, str]) -> None:
    """Write `files`; a content that begins with → is a link's target."""
    (root / ".git").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("→"):
            path.symlink_to(content[1:])
        else:
            path.write_text(content)


@dataclass
class CountingEngine:
    """An engine that counts its calls on their way to the real one."""

    engine: Engine
    params: list[JsonObject] = field(default_factory=list)

    async def call(self, method: str, params: JsonObject, *, deadline: float, supply: Supply = NOTHING) -> EngineAnswer:
        self.params.append(params)
        return await self.engine.call(method, params, deadline=deadline, supply=supply)


@dataclass
class Kitchen:
    """Renders folders below `root` with the installed plugins."""

    root: Path
    engine: CountingEngine | None
    manager: PluginManager
    deadline: float = 60.0

    async def render(
        self, path: str, options: JsonObject | None = None, *, renderer: str = "", name: str = "app"
    ) -> RenderResult:
        return await render_folder(
            self.manager.renderers(self.engine),
            str(self.root / path),
            name=name,
            namespace="ns",
            renderer=renderer,
            options=options,
            kube_version="v1.36.3",
            api_versions=("v1", "apps/v1"),
            limits=Limits(deadline=self.deadline),
        )

    async def names(self, path: str, options: JsonObject | None = None, *, renderer: str = "") -> list[str]:
        return [manifest.name for manifest in (await self.render(path, options, renderer=renderer)).manifests]


@asynccontextmanager
async def kitchen(root: Path, files: Mapping[str, str], *, engine: bool = True) -> AsyncIterator[Kitchen]:
    """A kitchen with `files` in it, with the real engine or without any."""
    write(root, files)
    manager = PluginManager()
    assert manager.load_installed() == ()
    if not engine:
        yield Kitchen(root, None, manager)
        return
    async with EnginePool([engine_binary()]) as pool:
        yield Kitchen(root, CountingEngine(pool), manager)
