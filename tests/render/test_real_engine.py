"""The whole room on the real engine."""

from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from blockbuster import blockbuster_ctx

from gitopsd.core.app import AppSpec, Destination, Source
from gitopsd.core.errors import RenderError
from gitopsd.core.ids import AppName
from gitopsd.core.manifest import Rendered
from gitopsd.plugin.manager import PluginManager
from gitopsd.ports.renderer import RenderTarget
from gitopsd.render.cache import RenderCache
from gitopsd.render.limits import Limits
from gitopsd.render.pool import EnginePool
from gitopsd.render.renderer import RenderRoom
from gitopsd.render.vault import Vault
from tests.render.conftest import SteppedClock
from tests.render.trees import REPO, Trees

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\n"
FILES = {
    "plain/a.yaml": CONFIG_MAP.replace("NAME", "plain"),
    "base/kustomization.yaml": "resources: [a.yaml]\n",
    "base/a.yaml": CONFIG_MAP.replace("NAME", "base"),
    "overlay/kustomization.yaml": "resources: [../base]\nnamePrefix: own-\n",
    "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
    "chart/templates/a.yaml": CONFIG_MAP.replace("NAME", "{{ .Release.Name }}-{{ .Values.x | default 1 }}"),
    "values/prod.yaml": "x: prod\n",
}
HELM = {"valueFiles": ["../values/prod.yaml"]}


@asynccontextmanager
async def room(trees: Trees, engine: str, *, memory_limit: int = 1 << 30) -> AsyncIterator[RenderRoom]:
    manager = PluginManager()
    assert manager.load_installed() == ()
    cache = RenderCache(Vault(str(trees.folder.parent / "cache"), str(trees.folder.parent / "key")))
    await cache.open()
    async with EnginePool([engine], memory_limit=memory_limit) as pool:
        renderers = manager.renderers(pool)
        yield RenderRoom(renderers, trees, cache, SteppedClock(), identity="test", limits=Limits(deadline=60))


async def render(here: RenderRoom, commit: str, path: str, *, helm: bool = False) -> Rendered:
    source = Source(REPO, path, "main", "helm" if helm else "", HELM if helm else {})
    spec = AppSpec(AppName("app"), (source,), Destination(name="local", namespace="ns"))
    return await here.render(spec, [commit], RenderTarget("v1.36.3"))


async def names(here: RenderRoom, commit: str, path: str, *, helm: bool = False) -> tuple[list[str], bool]:
    rendered = await render(here, commit, path, helm=helm)
    return [manifest.name for manifest in rendered.manifests], rendered.cached


@pytest.mark.parametrize(
    ("path", "name", "touched"),
    [
        ("plain", "plain", "plain/a.yaml"),
        ("overlay", "own-base", "base/a.yaml"),
        ("overlay", "own-base", "overlay/kustomization.yaml"),
        ("chart", "app-prod", "values/prod.yaml"),
        ("chart", "app-prod", "chart/templates/a.yaml"),
        ("chart", "app-prod", "chart/values.yaml"),
    ],
)
async def test_only_a_commit_that_touches_what_was_read_renders_anew(
    trees: Trees, engine: str, path: str, name: str, touched: str
) -> None:
    renderer = {"plain": "directory", "overlay": "kustomize", "chart": "helm"}[path]
    helm = renderer == "helm"
    async with room(trees, engine) as here:
        first = await render(here, trees.add(FILES), path, helm=helm)
        assert (first.renderers, first.cached) == ((renderer,), False)
        elsewhere = FILES | {"README": "new", "other/x.yaml": "", "values/dev.yaml": "x: dev\n"}
        assert await names(here, trees.add(elsewhere), path, helm=helm) == ([name], True)
        changed = elsewhere | {touched: elsewhere.get(touched, "") + "# changed\n"}
        assert await names(here, trees.add(changed), path, helm=helm) == ([name], False)


async def test_nothing_blocks_the_loop_while_rendering(trees: Trees, engine: str) -> None:
    commit = trees.add(FILES)
    async with room(trees, engine) as here:
        await names(here, commit, "plain")
        with blockbuster_ctx():
            for path in ("overlay", "overlay", "chart", "chart"):
                await names(here, commit, path)
            with pytest.raises(RenderError):
                await names(here, commit, "nothing")


async def test_two_commits_render_side_by_side(trees: Trees, engine: str) -> None:
    commits = [trees.add(FILES | {"plain/a.yaml": CONFIG_MAP.replace("NAME", f"n{n}")}) for n in range(20)]
    found: dict[str, list[str]] = {}

    async def one(commit: str) -> None:
        found[commit], _ = await names(here, commit, "plain")

    async with room(trees, engine) as here, anyio.create_task_group() as tasks:
        for commit in commits:
            tasks.start_soon(one, commit)
    assert found == {commit: [f"n{n}"] for n, commit in enumerate(commits)}


async def test_a_render_over_the_memory_limit_names_it_and_the_next_one_works(trees: Trees, engine: str) -> None:
    greedy = {
        "greedy/Chart.yaml": FILES["chart/Chart.yaml"],
        "greedy/templates/a.yaml": (
            '{{ $s := repeat 1000000 "x" }}{{ $all := list }}'
            '{{ range until 5000 }}{{ $all = append $all (printf "%s%d" $s .) }}{{ end }}{{ len $all }}'
        ),
    }
    async with room(trees, engine, memory_limit=128 << 20) as here:
        with pytest.raises(RenderError, match="twice") as caught:
            await names(here, trees.add(FILES | greedy), "greedy")
        assert str(128 << 20) in caught.value.why
        assert await names(here, trees.add(FILES), "chart") == (["app-1"], False)


async def test_D2_a_chart_archive_that_unpacks_to_too_much_is_an_error(trees: Trees, engine: str) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        bomb = tarfile.TarInfo("sub/templates/bomb.yaml")
        bomb.size = 300 << 20
        archive.addfile(bomb, _Zeros())
    commit = trees.add(FILES | {"chart/charts/x": ""})
    await trees.snapshot(REPO, commit)
    (trees.folder / commit / "chart/charts/sub-1.0.0.tgz").write_bytes(packed.getvalue())
    async with room(trees, engine) as here:
        with pytest.raises(RenderError, match="limit"):
            await names(here, commit, "chart")


class _Zeros(io.RawIOBase):
    """Endless zeros."""

    def read(self, size: int = -1) -> bytes:
        return bytes(size)
