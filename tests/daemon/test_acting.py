"""Users' actions in the daemon: at the start, at a reload, and by `gitopsd config check`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog.testing

from gitopsd.core.customization import ActionRule, ResourceSettings
from gitopsd.core.document import Document
from gitopsd.core.errors import ConfigError, OperationError
from gitopsd.core.ids import GVK, ObjectKey
from gitopsd.core.ignore import KindPattern
from gitopsd.core.live import LiveObject
from gitopsd.daemon.acting import Acting, check_actions
from gitopsd.daemon.judging import Judging
from gitopsd.render.engine import locate

KEY = ObjectKey("example.org", "Widget", "shop", "web")
WIDGET = LiveObject(
    KEY, GVK("example.org", "v1", "Widget"), "u", "1", Document(b'{"apiVersion":"example.org/v1","kind":"Widget"}')
)


def settings(discovery: str, *files: str) -> ResourceSettings:
    rule = ActionRule(KindPattern("example.org", "Widget"), discovery, where="gitopsd.yaml:9")
    return ResourceSettings(actions=(rule,) if discovery else (), action_files=files)


@pytest.fixture
async def acting() -> AsyncIterator[Acting]:
    engine = locate("", os.environ)
    assert engine is not None, "the engine is missing: run `make setup`"
    async with Judging(engine, ResourceSettings(), ()) as judging:
        yield Acting(judging, ())


async def names(acting: Acting) -> list[str]:
    return [action.name for action in await acting.offered(WIDGET)]


async def test_the_configuration_comes_before_files_and_a_reload_changes_both(acting: Acting, tmp_path: Path) -> None:
    folder = tmp_path / "example.org" / "Widget" / "actions"
    folder.mkdir(parents=True)
    (folder / "discovery.lua").write_text("return {filed = {}}")
    await acting.begin(settings("", str(tmp_path)))
    assert await names(acting) == ["filed"]
    await acting.reconfigure(settings("return {own = {}}", str(tmp_path)))
    assert await names(acting) == ["own"]
    assert acting.knows(KEY.group_kind)
    await acting.reconfigure(ResourceSettings())
    assert await names(acting) == []


async def test_an_action_that_is_none_keeps_the_daemon_from_nothing_at_the_start(acting: Acting) -> None:
    with structlog.testing.capture_logs() as logged:
        await acting.begin(settings("return {"))
    assert await names(acting) == []
    (said,) = [line for line in logged if line["log_level"] == "error"]
    assert "gitopsd.yaml:9: discovery.lua" in said["error"]


async def test_an_action_that_is_none_is_refused_at_a_reload_and_the_old_ones_go_on(acting: Acting) -> None:
    await acting.reconfigure(settings("return {own = {}}"))
    with pytest.raises(ConfigError, match=r"example\.org/Widget cannot be used"):
        await acting.reconfigure(settings("return {"))
    with pytest.raises(ConfigError, match="cannot be read"):
        await acting.reconfigure(settings("", "nowhere"))
    assert await names(acting) == ["own"]


async def test_actions_are_checked_before_they_count() -> None:
    await check_actions(settings("return {own = {}}"), os.environ)
    with pytest.raises(ConfigError, match="cannot be used"):
        await check_actions(settings("return {"), os.environ)


async def test_without_the_engine_scripts_say_why_they_cannot_run() -> None:
    async with Judging(None, ResourceSettings(), ()) as judging:
        acting = Acting(judging, ())
        await acting.reconfigure(settings("return {own = {}}"))
        with pytest.raises(OperationError, match="cannot be run"):
            await acting.offered(WIDGET)
