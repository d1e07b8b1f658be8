"""Sync windows over a sync that is under way: it stops before its next step, and goes on when it may."""

from dataclasses import replace

import pytest

from gitopsd.core.appstatus import SyncCode
from gitopsd.core.hold import SyncSettings
from gitopsd.core.ids import AppName
from gitopsd.core.operation import Phase
from gitopsd.core.project import Project, Projects
from gitopsd.core.syncrequest import SyncRequest
from gitopsd.core.window import SyncWindow, WindowKind
from gitopsd.cron.schedules import CronSchedules
from gitopsd.testing.builders import a_config_map, an_app
from tests.control.test_hooks import finish, hook, operation
from tests.control.world import GivenWorld

GUESTBOOK = AppName("guestbook")
CLOSED = "waits for the sync window: a deny window (10 0 * * * for 1h, UTC) is open until"


@pytest.fixture
def window(world: GivenWorld) -> GivenWorld:
    """A world in which nothing may be synced from ten minutes after the beginning on, for an hour."""
    deny(world)
    return world


def deny(world: GivenWorld, *, overrun: bool = False, manual: bool = False) -> None:
    closes = SyncWindow(
        WindowKind.DENY, "10 0 * * *", 3600.0, applications=("*",), sync_overrun=overrun, manual_sync=manual
    )
    world.schedules = CronSchedules()
    world.settings = replace(world.settings, projects=Projects({"default": Project("default", windows=(closes,))}))


async def test_a_hook_that_runs_goes_on_to_its_end_and_what_follows_waits_for_the_window(window: GivenWorld) -> None:
    window.git(a_config_map(), hook("before", "PreSync"), hook("after", "PostSync"))
    async with window.running(an_app()):
        await window.settle(600)
        assert operation(window).phase is Phase.RUNNING
        assert operation(window).message == "waiting for completion of hook batch/Job default/before"
        await finish(window, "before")
        assert operation(window).phase is Phase.RUNNING
        assert operation(window).message.startswith(CLOSED)
        await window.settle(3000)
        assert window.writes() == ["create before"]
        await window.settle(600)
        await finish(window, "after")
        assert window.writes() == ["create before", "apply settings", "create after"]
        assert window.operations() == ["Succeeded"]
        assert window.status().sync is SyncCode.SYNCED


async def test_what_waits_for_the_window_survives_a_restart_and_runs_no_hook_twice(window: GivenWorld) -> None:
    window.git(a_config_map(), hook("before", "PreSync"))
    async with window.running(an_app()):
        await window.settle(600)
        await finish(window, "before")
        statuses = window.statuses()
    async with window.running(an_app(), remembered=statuses):
        assert operation(window).message.startswith(CLOSED)
        assert window.writes() == ["create before"]
        await window.settle(3600)
        assert window.writes() == ["create before", "apply settings"]
        assert window.operations() == ["Succeeded"]


async def test_the_time_for_which_a_window_holds_a_sync_is_none_in_which_it_is_late(window: GivenWorld) -> None:
    window.settings = replace(window.settings, sync=SyncSettings(timeout=1200.0))
    window.git(a_config_map(), hook("before", "PreSync"))
    async with window.running(an_app()):
        await window.settle(600)
        await finish(window, "before")
        await window.settle(3600)
        assert window.operations() == ["Succeeded"]


async def test_with_overrun_it_goes_on(world: GivenWorld) -> None:
    deny(world, overrun=True)
    world.git(a_config_map(), hook("before", "PreSync"))
    async with world.running(an_app()):
        await world.settle(600)
        await finish(world, "before")
        assert world.operations() == ["Succeeded"]


async def test_what_somebody_asked_for_goes_on_where_manual_syncs_may(world: GivenWorld) -> None:
    deny(world, manual=True)
    world.git(a_config_map(), hook("before", "PreSync"))
    async with world.running(an_app(automated=False)):
        await world.supervisor.operations.sync(GUESTBOOK, SyncRequest(initiated_by="somebody"))
        await world.settle(600)
        await finish(world, "before")
        assert world.operations() == ["Succeeded"]


async def test_what_waits_for_the_window_can_be_terminated(window: GivenWorld) -> None:
    window.git(a_config_map(), hook("before", "PreSync"))
    async with window.running(an_app()):
        await window.settle(600)
        await finish(window, "before")
        await window.supervisor.operations.terminate(GUESTBOOK)
        await window.settle()
        assert window.operations() == ["Failed"]
        assert window.writes() == ["create before"]


async def test_a_dry_run_is_let_through_while_nothing_may_be_synced(window: GivenWorld) -> None:
    window.git(a_config_map())
    async with window.running(an_app(automated=False)):
        await window.settle(600)
        tried = await window.supervisor.operations.sync(GUESTBOOK, SyncRequest(dry_run=True))
        assert tried.phase is Phase.SUCCEEDED
        assert window.writes() == []
