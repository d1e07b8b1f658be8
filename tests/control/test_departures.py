"""What people can do about an application whose entry left while its objects are being deleted."""

from dataclasses import replace

import pytest

from gitopsd.core.annotations import SYNC_OPTIONS
from gitopsd.core.errors import OperationError
from gitopsd.core.history import DeletionPhase
from gitopsd.core.ids import AppName
from gitopsd.core.operation import Phase
from gitopsd.core.syncrequest import SyncRequest
from gitopsd.testing.builders import a_config_map, an_app, an_object
from tests.control.deletion_world import FINALIZER, an_app_with_finalizer
from tests.control.world import GivenWorld, config_map_key

GUESTBOOK = AppName("guestbook")
APP = an_app_with_finalizer()
ASKS = {SYNC_OPTIONS: "Delete=confirm"}


async def test_a_deletion_of_one_that_left_is_let_go_of(world: GivenWorld) -> None:
    world.git(a_config_map(annotations=ASKS))
    async with world.running(APP):
        await world.configure()
        assert world.status().deletion is not None
        deletion = await world.supervisor.operations.delete(GUESTBOOK, cascade="orphan", by="kim")
        assert (deletion.cascade, deletion.by) == ("orphan", "kim")
        await world.settle()
        assert world.supervisor.applications() == {}
        assert world.cluster.has(config_map_key())


async def test_a_deletion_of_one_that_left_is_confirmed(world: GivenWorld) -> None:
    world.git(a_config_map(annotations=ASKS))
    async with world.running(APP):
        await world.configure()
        await world.settle()
        assert world.cluster.has(config_map_key())
        await world.supervisor.operations.confirm(GUESTBOOK)
        await world.settle()
        assert world.supervisor.applications() == {}
        assert not world.cluster.has(config_map_key())


async def test_who_names_one_of_many_that_left_at_once_means_it(world: GivenWorld) -> None:
    specs = [replace(an_app(f"app-{number}"), finalizers=(FINALIZER,)) for number in range(5)]
    for spec in specs:
        world.renderer.give(spec.name, [a_config_map(f"of-{spec.name}")])
        world.git(a_config_map(f"of-{spec.name}"), app=spec.name)
    async with world.running(*specs):
        world.supervisor.configure({})
        await world.settle()
        held = world.status("app-3").deletion
        assert held is not None
        assert held.phase is DeletionPhase.HELD
        await world.supervisor.operations.delete(AppName("app-3"), cascade="foreground", by="kim")
        await world.settle()
        assert [write for write in world.writes() if write.startswith("delete")] == ["delete of-app-3"]


async def test_one_that_leaves_takes_nothing_else(world: GivenWorld) -> None:
    world.git(a_config_map(annotations=ASKS))
    async with world.running(APP):
        await world.configure()
        operations = world.supervisor.operations
        with pytest.raises(OperationError, match="it is being deleted") as refused:
            await operations.terminate(GUESTBOOK)
        assert "gitopsd app delete guestbook --cascade orphan" in refused.value.hint
        with pytest.raises(OperationError, match="it is being deleted"):
            await operations.sync(GUESTBOOK, SyncRequest(initiated_by="kim"))
        with pytest.raises(OperationError, match="there is no such application"):
            await operations.delete(AppName("nosuch"), cascade="orphan", by="kim")


async def test_a_sync_that_was_under_way_is_not_shown_as_running(world: GivenWorld) -> None:
    job = an_object("Job", "before", api_version="batch/v1", annotations={"argocd.argoproj.io/hook": "PreSync"})
    world.git(a_config_map(annotations=ASKS))
    async with world.running(APP):
        await world.push(a_config_map(annotations=ASKS, data={"v": "2"}), job)
        running = world.status().operation
        assert running is not None
        assert running.phase is Phase.RUNNING
        await world.configure()
        shown = world.status().operation
        assert shown is not None
        assert (shown.phase, shown.message) == (Phase.FAILED, "ended by the deletion of its application")
