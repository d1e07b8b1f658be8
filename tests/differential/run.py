"""Both sides of many cases: ours through the installed plugins and the real engine, the officials by forks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import anyio

from gitopsd.core.errors import GitopsdError
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.plugin.manager import PluginManager
from gitopsd.plugin.renderer import Renderer
from gitopsd.render.engine import locate
from gitopsd.render.offline import render_folder
from gitopsd.render.pool import EnginePool
from tests.differential.case import Case, Tool
from tests.differential.comparison import Rendered, Verdict, judge
from tests.differential.official import API_VERSIONS, KUBE_VERSION, NAME, NAMESPACE, Official, RefusedError, lay_out

_RENDERERS: Final = {Tool.HELM: "helm", Tool.KUSTOMIZE: "kustomize", Tool.PLAIN: "directory", Tool.JSONNET: "directory"}
_FORKS: Final = 2


def compare(cases: Sequence[Case], folder: Path, official: Official) -> list[Verdict]:
    """Render every case below `folder` on both sides. Raises RuntimeError if there is no engine."""
    ours = [folder / f"{number}-ours" for number, _ in enumerate(cases)]
    theirs = [folder / f"{number}-official" for number, _ in enumerate(cases)]
    for case, left, right in zip(cases, ours, theirs, strict=True):
        lay_out(case, left)
        lay_out(case, right)
    with ThreadPoolExecutor(_FORKS) as forks:
        printed = forks.map(_official, [official] * len(cases), cases, theirs)
        rendered = anyio.run(_render_all, cases, ours)
        return [judge(*each) for each in zip(cases, rendered, printed, strict=True)]


def _official(official: Official, case: Case, root: Path) -> Rendered:
    try:
        return Rendered(official.objects(case, root))
    except RefusedError as error:
        return Rendered(error=str(error) or "no reason")


async def _render_all(cases: Sequence[Case], roots: Sequence[Path]) -> list[Rendered]:
    binary = locate("", os.environ)
    if binary is None:
        raise RuntimeError("there is no render engine: run `make setup`")
    plugins = PluginManager()
    plugins.load_installed()
    async with EnginePool([binary]) as pool:
        renderers = plugins.renderers(pool)
        return [await _render(case, root, renderers) for case, root in zip(cases, roots, strict=True)]


async def _render(case: Case, root: Path, renderers: Sequence[Renderer]) -> Rendered:
    try:
        found = await render_folder(
            renderers,
            str(root / case.path),
            name=NAME,
            namespace=NAMESPACE,
            renderer=_RENDERERS[case.tool],
            options=case.options,
            kube_version=KUBE_VERSION,
            api_versions=API_VERSIONS,
        )
    except GitopsdError as error:
        return Rendered(error=str(error))
    bodies: list[JsonObject] = [each.body for each in found.manifests]
    return Rendered(bodies)
