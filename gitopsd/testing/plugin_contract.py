"""What every plugin holds, for the tests of its author: subclass a contract as `Test…` and give it its fixtures.

from gitopsd.testing.plugin_contract import RendererContract

class TestMine(RendererContract):
    @pytest.fixture
    def renderer(self) -> Renderer: …
    @pytest.fixture
    def source(self, tmp_path: Path) -> Path: …
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from gitopsd.plugin import Health, HealthCheck, JsonObject, ReadKind, Renderer, RenderRequest, RenderResult


class RendererContract:
    """A renderer is a function of the files that it says it read.

    Fixtures to give: `renderer`; `source`, a folder that it makes one object of at least.
    """

    @pytest.fixture
    def anyio_backend(self) -> str:
        """As in the daemon."""
        return "asyncio"

    @pytest.mark.anyio
    async def test_each_object_has_a_kind_metadata_and_a_file_it_came_from(
        self, renderer: Renderer, source: Path
    ) -> None:
        result = await _rendered(renderer, source)
        assert result.manifests, "the fixture `source` has to give one object at least"
        for manifest in result.manifests:
            assert manifest.gvk.kind, manifest.body
            assert "metadata" in manifest.body, manifest.body
            assert not manifest.origin.file.startswith(("/", "..")), "files are named relative to the repository"

    @pytest.mark.anyio
    async def test_two_renders_are_equal_also_at_once(self, renderer: Renderer, source: Path) -> None:
        results: list[RenderResult] = []

        async def render() -> None:
            results.append(await _rendered(renderer, source))

        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(render)
        assert all(_bodies(each) == _bodies(results[0]) for each in results)

    @pytest.mark.anyio
    async def test_nothing_is_written_to_the_source(self, renderer: Renderer, source: Path) -> None:
        before = _contents(source)
        await _rendered(renderer, source)
        assert _contents(source) == before

    @pytest.mark.anyio
    async def test_what_it_does_not_name_as_read_plays_no_part(
        self, renderer: Renderer, source: Path, tmp_path: Path
    ) -> None:
        """A render is used again for as long as its reads are the same: one that is left out is a change not seen."""
        result = await _rendered(renderer, source)
        if result.reads is None:
            return
        kept = {read.path for read in result.reads if read.kind is ReadKind.FILE}
        listed = {read.path for read in result.reads if read.kind is ReadKind.DIR}
        bare = tmp_path / "only-what-was-read"
        shutil.copytree(source, bare, symlinks=True)
        for path in _files(bare):
            folder = path.parent.relative_to(bare).as_posix()
            if path.relative_to(bare).as_posix() not in kept:
                # The names in a folder that was listed count; what is in the files does not.
                if folder in listed:
                    path.write_bytes(b"")
                else:
                    path.unlink()
        assert _bodies(await _rendered(renderer, bare)) == _bodies(result)


class HealthCheckContract:
    """A judge of health is a quick function of the object alone, whatever stands in it.

    Fixtures to give: `check`; `objects`, live objects of its kinds on which it has an opinion.
    """

    def test_it_judges_the_objects_of_its_kinds(self, check: HealthCheck, objects: Sequence[JsonObject]) -> None:
        kinds = set(check.kinds)
        for live in objects:
            group, _, _ = str(live["apiVersion"]).rpartition("/")
            assert (group, live["kind"]) in kinds
            assert isinstance(check.judge(live), Health)

    def test_it_changes_nothing_and_says_the_same_again(
        self, check: HealthCheck, objects: Sequence[JsonObject]
    ) -> None:
        for live in objects:
            before = copy.deepcopy(live)
            assert check.judge(live) == check.judge(live)
            assert live == before

    def test_it_raises_for_no_object(self, check: HealthCheck, objects: Sequence[JsonObject]) -> None:
        """Objects that were just made have no status; old ones have other fields than today's."""
        for live in objects:
            for odd in _mutilated(live):
                assert isinstance(check.judge(odd), Health | None), odd


async def _rendered(renderer: Renderer, source: Path) -> RenderResult:
    return await renderer.render(RenderRequest(app="app", namespace="default", root=str(source), path=".", options={}))


def _bodies(result: RenderResult) -> list[JsonObject]:
    return [manifest.body for manifest in result.manifests]


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in _files(folder)}


def _mutilated(live: JsonObject) -> Iterator[JsonObject]:
    """The object without each of its fields, and with another type in each."""
    for path in _paths(live):
        if path[0] in {"apiVersion", "kind"}:
            continue
        for instead in _OTHERS:
            odd: dict[str, Any] = copy.deepcopy(dict(live))
            below: Any = odd
            for step in path[:-1]:
                below = below[step]
            if instead is _GONE:
                del below[path[-1]]
            else:
                below[path[-1]] = instead
            yield odd


_GONE: Final = object()
_OTHERS: Final[tuple[object, ...]] = (None, "", [], {}, 7, _GONE)


def _paths(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    steps: list[tuple[str | int, object]] = []
    if isinstance(value, Mapping):
        steps = [(str(key), below) for key, below in value.items()]
    elif isinstance(value, list):
        steps = list(enumerate(value))
    for step, below in steps:
        yield (*path, step)
        yield from _paths(below, (*path, step))
