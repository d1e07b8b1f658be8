"""The contracts for plugins' authors let good plugins pass, and find each fault that they are for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitopsd.core.jsonvalue import JsonObject
from gitopsd.plugin import (
    Health,
    HealthStatus,
    Manifest,
    Position,
    Read,
    ReadKind,
    RenderRequest,
    RenderResult,
    string_map,
)
from gitopsd.testing.plugin_contract import HealthCheckContract, RendererContract

MAP: JsonObject = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"KEY": "one"}}


class Lines:
    """A renderer with a fault, if it is given one."""

    name = "lines"
    markers = ("objects.json",)

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self.times = 0

    async def render(self, request: RenderRequest) -> RenderResult:
        self.times += 1
        return self._made(Path(request.root, request.path))

    def _made(self, folder: Path) -> RenderResult:
        body = json.loads((folder / "objects.json").read_text())
        reads = [Read("objects.json", ReadKind.FILE), Read("values.json", ReadKind.FILE)]
        if self.fault == "counts":
            body["metadata"]["name"] += str(self.times)
        if self.fault == "writes":
            (folder / "cache").write_text("x")
        if self.fault == "conceals":
            reads.pop()
            body["data"] = {"seen": str((folder / "values.json").exists())}
        origin = "/etc/objects.json" if self.fault == "absolute" else "objects.json"
        manifests = () if self.fault == "nothing" else (Manifest(body, Position(origin, 1)),)
        return RenderResult(manifests, tuple(reads))


class TestGoodRenderer(RendererContract):
    @pytest.fixture
    def renderer(self) -> Lines:
        return Lines()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "objects.json").write_text(json.dumps(MAP))
    (folder / "values.json").write_text('{"KEY": "one"}')
    return folder


@pytest.mark.parametrize("fault", ["nothing", "absolute"])
async def test_objects_without_a_place_are_found(fault: str, source: Path) -> None:
    with pytest.raises(AssertionError):
        await RendererContract().test_each_object_has_a_kind_metadata_and_a_file_it_came_from(Lines(fault), source)


async def test_a_render_that_is_no_function_of_its_files_is_found(source: Path) -> None:
    with pytest.raises(AssertionError):
        await RendererContract().test_two_renders_are_equal_also_at_once(Lines("counts"), source)


async def test_a_write_to_the_source_is_found(source: Path) -> None:
    with pytest.raises(AssertionError):
        await RendererContract().test_nothing_is_written_to_the_source(Lines("writes"), source)


async def test_a_read_that_is_not_named_is_found(source: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        await RendererContract().test_what_it_does_not_name_as_read_plays_no_part(Lines("conceals"), source, tmp_path)


class Judge:
    name = "judge"
    kinds = (("", "ConfigMap"),)

    def __init__(self, judge: Callable[[JsonObject], Health | None]) -> None:
        self.judge = judge


def careful(live: JsonObject) -> Health:
    return Health(HealthStatus.HEALTHY, string_map(live, "data").get("KEY", ""))


def careless(live: Any) -> Health:
    return Health(HealthStatus.HEALTHY, live["data"]["KEY"])


def changing(live: Any) -> Health:
    live["data"]["KEY"] += "!"
    return Health(HealthStatus.HEALTHY)


class TestGoodCheck(HealthCheckContract):
    @pytest.fixture
    def check(self) -> Judge:
        return Judge(careful)

    @pytest.fixture
    def objects(self) -> list[JsonObject]:
        return [MAP]


def test_a_check_that_expects_a_field_is_found() -> None:
    with pytest.raises((KeyError, TypeError)):
        HealthCheckContract().test_it_raises_for_no_object(Judge(careless), [MAP])


def test_a_check_that_changes_what_it_judges_is_found() -> None:
    with pytest.raises(AssertionError):
        HealthCheckContract().test_it_changes_nothing_and_says_the_same_again(
            Judge(changing), [json.loads(json.dumps(MAP))]
        )


def test_a_check_without_an_opinion_is_found() -> None:
    with pytest.raises(AssertionError):
        HealthCheckContract().test_it_judges_the_objects_of_its_kinds(Judge(lambda _: None), [MAP])
