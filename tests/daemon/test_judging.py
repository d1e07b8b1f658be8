"""The rules for health that the configuration names: as they are at the start, and after a reload."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from gitopsd.core.customization import HealthRule, ResourceSettings
from gitopsd.core.document import Document, canonical
from gitopsd.core.errors import ConfigError
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.ids import GVK, ObjectKey
from gitopsd.core.ignore import KindPattern
from gitopsd.core.live import LiveObject
from gitopsd.daemon.judging import Judging
from gitopsd.render.engine import locate

WIDGET = LiveObject(
    ObjectKey("example.org", "Widget", "shop", "a"),
    GVK("example.org", "v1", "Widget"),
    "uid",
    "1",
    Document(canonical({"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "a"}})),
)
TABLE = """\
group: example.org
kinds:
  Widget:
    waiting: false
    rules: [{when: {field: kind, exists: true}, health: Suspended}]
"""


def a_rule(source: str, language: str = "cel") -> HealthRule:
    return HealthRule(KindPattern("example.org", "Widget"), language, source, where="gitopsd.yaml:9")


@asynccontextmanager
async def judging(settings: ResourceSettings, engine: str | None) -> AsyncIterator[Judging]:
    async with Judging(engine, settings, ()) as room:
        yield room


@pytest.fixture
def engine() -> str:
    found = locate("", os.environ)
    if found is None:
        assert not os.environ.get("CI"), "the engine is missing: run `make setup`"
        pytest.skip("the engine is not built: run `make setup`")
    return found


async def verdict(room: Judging) -> Health | None:
    return (await room.assess([WIDGET]))[WIDGET.key]


async def test_a_rule_of_the_configuration_comes_before_a_folders_script_and_that_before_a_table(
    engine: str, tmp_path: Path
) -> None:
    script = tmp_path / "folder" / "example.org" / "Widget" / "health.lua"
    script.parent.mkdir(parents=True)
    script.write_text("return {status = 'Degraded', message = 'by script'}", encoding="utf-8")
    table = tmp_path / "tables" / "example.org.yaml"
    table.parent.mkdir()
    table.write_text(TABLE, encoding="utf-8")
    tables = ResourceSettings(health_tables=(str(table.parent),))
    folders = replace(tables, health_folders=(str(tmp_path / "folder"),))
    own = replace(folders, health=(a_rule("'Healthy'"),))
    async with judging(tables, engine) as room:
        assert await verdict(room) == Health(HealthStatus.SUSPENDED)
        assert await room.reconfigure(folders)
        assert await verdict(room) == Health(HealthStatus.DEGRADED, "by script")
        assert await room.reconfigure(own)
        assert await verdict(room) == Health(HealthStatus.HEALTHY)
        assert not await room.reconfigure(own)


async def test_a_rule_that_is_none_keeps_the_daemon_from_nothing_at_the_start(engine: str) -> None:
    with structlog.testing.capture_logs() as logged:
        async with judging(ResourceSettings(health=(a_rule("object.status =="),)), engine) as room:
            found = await verdict(room)
    assert found is not None
    assert found.status is HealthStatus.UNKNOWN
    (said,) = [line for line in logged if line["log_level"] == "error"]
    assert "gitopsd.yaml:9" in said["error"]


async def test_a_rule_that_is_none_is_refused_at_a_reload_and_the_old_ones_go_on(engine: str) -> None:
    async with judging(ResourceSettings(health=(a_rule("'Healthy'"),)), engine) as room:
        with pytest.raises(ConfigError, match=r"lua rule for example\.org/Widget cannot be used"):
            await room.reconfigure(ResourceSettings(health=(a_rule("return {", "lua"),)))
        with pytest.raises(ConfigError, match="is not there"):
            await room.reconfigure(ResourceSettings(health_folders=("nowhere",)))
        assert await verdict(room) == Health(HealthStatus.HEALTHY)


async def test_without_the_engine_tables_still_judge(tmp_path: Path) -> None:
    table = tmp_path / "widgets.yaml"
    table.write_text(TABLE, encoding="utf-8")
    async with judging(ResourceSettings(health_tables=(str(table),)), None) as room:
        assert await verdict(room) == Health(HealthStatus.SUSPENDED)
        assert room.expressions is None


async def test_a_table_that_is_missing_is_named(tmp_path: Path) -> None:
    async with judging(ResourceSettings(), None) as room:
        with pytest.raises(ConfigError, match="cannot be read") as caught:
            await room.reconfigure(ResourceSettings(health_tables=(str(tmp_path / "none.yaml"),)))
    assert caught.value.where.endswith("none.yaml")
