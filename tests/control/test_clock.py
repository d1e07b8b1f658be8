"""The machine's clock is set while applications are at work: what lasts goes on as long, windows go by the day."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest

from gitopsd.core.app import AutoRollback
from gitopsd.core.customization import HealthTimeout
from gitopsd.core.health.status import HealthStatus
from gitopsd.core.health.timing import Timing
from gitopsd.core.hold import SyncSettings
from gitopsd.core.ignore import KindPattern
from gitopsd.core.project import Project, Projects
from gitopsd.core.window import SyncWindow, WindowKind
from gitopsd.cron.schedules import CronSchedules
from gitopsd.daemon.clockwatch import LOOK_SECONDS, watch_clock
from gitopsd.testing.builders import a_config_map, a_deployment, an_app
from gitopsd.testing.clock import FakeClock
from tests.control.test_hooks import finish, hook
from tests.control.world import GivenWorld

HOUR = 3600.0
both_ways = pytest.mark.parametrize("seconds", [HOUR, -HOUR], ids=["forward", "back"])


async def clock_set(world: GivenWorld, seconds: float) -> None:
    """Somebody sets the clock, and it is noticed."""
    world.clock.set_by(seconds)
    world.supervisor.set_clock(seconds)
    await world.settle()


@both_ways
async def test_a_sync_has_its_whole_time_and_no_more(world: GivenWorld, seconds: float) -> None:
    world.settings = replace(world.settings, sync=SyncSettings(timeout=60))
    world.cluster.controllers = False
    world.git(a_config_map(), hook("before", "PreSync"))
    async with world.running(an_app()):
        await world.settle(30)
        await clock_set(world, seconds)
        assert world.operations() == []
        await world.settle(20)
        assert world.operations() == []
        await world.settle(15)
        assert world.operations()[:1] == ["Failed"]


@both_ways
async def test_a_hook_has_its_whole_time_and_no_more(world: GivenWorld, seconds: float) -> None:
    world.git(a_config_map(), hook("before", "PreSync", timeout="1m"))
    async with world.running(an_app()):
        await world.settle(30)
        await clock_set(world, seconds)
        await world.settle(20)
        assert world.operations() == []
        await world.settle(15)
        assert world.operations()[:1] == ["Failed"]


@both_ways
async def test_an_operation_ends_after_it_began_and_lasted_as_long_as_it_did(world: GivenWorld, seconds: float) -> None:
    world.git(a_config_map(), hook("before", "PreSync"))
    async with world.running(an_app()):
        await world.settle(30)
        await clock_set(world, seconds)
        await finish(world, "before")
        operation = world.status().operation
        assert operation is not None
        assert operation.finished_at is not None
        assert 30 <= (operation.finished_at - operation.started_at).total_seconds() < 40


@both_ways
async def test_what_progresses_has_its_whole_time_and_no_more(world: GivenWorld, seconds: float) -> None:
    world.cluster.controllers = False
    world.git(a_deployment())
    world.settings = replace(world.settings, timing=Timing(timeouts=(HealthTimeout(KindPattern("*", "*"), 60),)))
    async with world.running(an_app()):
        await world.settle(30)
        await clock_set(world, seconds)
        assert world.status().health.status is HealthStatus.PROGRESSING
        await world.settle(20)
        assert world.status().health.status is HealthStatus.PROGRESSING
        await world.settle(15)
        assert world.status().health.status is HealthStatus.DEGRADED


@both_ways
async def test_nothing_is_rolled_back_before_its_time(world: GivenWorld, seconds: float) -> None:
    spec = an_app()
    spec = replace(spec, sync_policy=replace(spec.sync_policy, auto_rollback=AutoRollback(60.0)))
    world.git(a_deployment(image="nginx:1"))
    async with world.running(spec):
        world.cluster.controllers = False
        await world.push(a_deployment(image="nginx:bad"))
        await world.settle(30)
        await clock_set(world, seconds)
        assert world.status().pin is None
        await world.settle(20)
        assert world.status().pin is None
        await world.settle(15)
        assert world.status().pin is not None


@both_ways
async def test_a_failed_sync_is_tried_again_when_its_back_off_is_over(world: GivenWorld, seconds: float) -> None:
    world.cluster.fail_next("apply")
    world.git(a_config_map())
    async with world.running(an_app()):
        assert world.operations()[:1] == ["Failed"]
        await clock_set(world, seconds)
        await world.settle(30)
        assert world.operations()[-1:] == ["Succeeded"]


@both_ways
async def test_repositories_are_asked_as_often_as_before(world: GivenWorld, seconds: float) -> None:
    world.git(a_config_map())
    async with world.running(an_app()):
        await clock_set(world, seconds)
        world.git(a_config_map(data={"a": "2"}))
        await world.settle(world.settings.interval + 1)
        assert world.status().sync.value == "Synced"
        assert world.writes() == ["apply settings", "apply settings"]


async def test_a_window_opens_at_once_when_the_clock_is_set_into_it(world: GivenWorld) -> None:
    world.schedules = CronSchedules()
    window = SyncWindow(WindowKind.ALLOW, "0 6 * * *", HOUR, applications=("*",))
    world.settings = replace(world.settings, projects=Projects({"default": Project("default", windows=(window,))}))
    world.git(a_config_map())
    async with world.running(an_app()):
        assert world.writes() == []
        await clock_set(world, 6 * HOUR + 60)
        assert world.writes() == ["apply settings"]


async def test_a_step_of_the_clock_is_noticed_and_its_drift_is_not() -> None:
    clock, told = FakeClock(), list[float]()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch_clock, clock, told.append)
        for seconds in (0.0, 0.5, 90.0, -HOUR, 1.9):
            await clock.advance(LOOK_SECONDS / 2)
            clock.set_by(seconds)
            await clock.advance(LOOK_SECONDS / 2 + 0.001)
        tasks.cancel_scope.cancel()
    assert [round(each, 3) for each in told] == [90.0, -HOUR]
