"""Syncs that somebody asks for and whose turn does not come at once: seen, taken back, refused late."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import pytest

from gitopsd.core.errors import OperationError
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.operation import Operation, Phase
from gitopsd.core.syncrequest import SyncRequest
from gitopsd.testing.builders import A_REPOSITORY, a_config_map, an_app
from tests.control.test_hooks import finish, hook
from tests.control.world import GivenWorld, config_map_key

BUSY, SHOP = AppName("busy"), AppName("shop")
BY_HAND = SyncRequest(initiated_by="somebody")


@asynccontextmanager
async def queueing(world: GivenWorld) -> AsyncIterator[ObjectKey]:
    """The application shop, and another one whose sync hangs at the object: passes of the cluster go one by one."""
    world.settings = replace(world.settings, concurrency=1)
    bodies = {BUSY: [a_config_map("busy")], SHOP: [a_config_map("shop"), hook("before", "PreSync")]}
    commit = world.sources.repository(A_REPOSITORY).commit({"app.yaml": str(bodies)})
    for name, found in bodies.items():
        world.renderer.give(name, found, commit=commit)
    async with world.running(*(an_app(name, automated=False) for name in bodies)):
        key = config_map_key("busy")
        world.cluster.gate.hold(key)
        await sync(world, BUSY)
        yield key
        world.cluster.gate.release(key)
        await world.settle()


async def sync(world: GivenWorld, name: AppName, request: SyncRequest = BY_HAND) -> Operation:
    found: list[Operation] = []

    async def ask() -> None:
        found.append(await world.supervisor.operations.sync(name, request))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await world.settle(10)
    return found[0]


async def test_a_sync_whose_turn_does_not_come_is_shown_with_its_place(world: GivenWorld) -> None:
    async with queueing(world) as busy:
        asked = await sync(world, SHOP)
        assert asked.phase is Phase.PENDING
        assert asked.message == "waits for its turn on the cluster local, 0 before it"
        assert world.status("shop").operation == asked
        with pytest.raises(OperationError, match="another operation is under way") as refused:
            await world.supervisor.operations.sync(SHOP, BY_HAND)
        assert "it waits for its turn" in refused.value.why
        world.cluster.gate.release(busy)
        await world.settle()
        running = world.status("shop").operation
        assert running is not None
        assert (running.id, running.phase) == (asked.id, Phase.RUNNING)
        await finish(world, "before")
        assert world.operations("shop") == ["Succeeded"]


async def test_a_sync_whose_turn_did_not_come_is_taken_back(world: GivenWorld) -> None:
    async with queueing(world) as busy:
        asked = await sync(world, SHOP)
        taken = await world.supervisor.operations.terminate(SHOP)
        assert taken is not None
        assert (taken.id, taken.phase) == (asked.id, Phase.FAILED)
        assert taken.message == "shop: taken back before it began"
        assert world.supervisor.operations.outcome(SHOP, asked.id) == taken
        with pytest.raises(OperationError, match="no operation is under way"):
            await world.supervisor.operations.terminate(SHOP)
        world.cluster.gate.release(busy)
        await world.settle(10)
        assert not world.cluster.has(config_map_key("shop"))


async def test_what_is_refused_once_its_turn_comes_is_told_to_who_asks_again(world: GivenWorld) -> None:
    async with queueing(world) as busy:
        asked = await sync(world, SHOP, replace(BY_HAND, plan="p-of-yesterday"))
        assert asked.phase is Phase.PENDING
        assert world.supervisor.operations.outcome(SHOP, asked.id) is None
        world.cluster.gate.release(busy)
        await world.settle()
        found = world.supervisor.operations.outcome(SHOP, asked.id)
        assert found is not None
        assert found.phase is Phase.FAILED
        assert "the plan that was shown is not what would be done now" in found.message


async def test_a_dry_run_whose_turn_came_late_is_told_to_who_asks_again(world: GivenWorld) -> None:
    async with queueing(world) as busy:
        asked = await sync(world, SHOP, replace(BY_HAND, dry_run=True))
        world.cluster.gate.release(busy)
        await world.settle()
        found = world.supervisor.operations.outcome(SHOP, asked.id)
        assert found is not None
        assert (found.phase, found.message) == (Phase.SUCCEEDED, "dry run: nothing was changed")


async def test_who_ends_a_dry_run_too_late_does_not_end_the_sync_after_it(world: GivenWorld) -> None:
    world.git(a_config_map(), app="shop")
    async with world.running(an_app("shop", automated=False)):
        world.cluster.gate.hold("predict")
        asked = await sync(world, SHOP, replace(BY_HAND, dry_run=True))
        assert await world.supervisor.operations.terminate(SHOP) is None
        world.cluster.gate.release("predict")
        await world.settle()
        assert world.supervisor.operations.outcome(SHOP, asked.id) is not None
        await sync(world, SHOP)
        assert world.operations("shop") == ["Succeeded"]


async def test_a_sync_that_is_asked_for_survives_a_change_of_its_application(world: GivenWorld) -> None:
    async with queueing(world) as busy:
        asked = await sync(world, SHOP)
        changed = replace(an_app("shop", automated=False), revision_history_limit=3)
        await world.configure(an_app("busy", automated=False), changed)
        world.cluster.gate.release(busy)
        await world.settle()
        running = world.status("shop").operation
        assert running is not None
        assert running.id == asked.id


async def rolled_back(world: GivenWorld, plan: str = "") -> Operation:
    """A rollback to the first entry is asked for while its turn does not come."""
    found: list[Operation] = []

    async def ask() -> None:
        request = replace(BY_HAND, plan=plan)
        found.append(await world.supervisor.operations.rollback(SHOP, 0, request))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await world.settle(10)
    return found[0]


@pytest.mark.parametrize("taken_back", [True, False])
async def test_a_rollback_that_never_begins_leaves_it_as_it_was(world: GivenWorld, taken_back: bool) -> None:
    async with queueing(world) as busy:
        world.cluster.gate.release(busy)
        await world.settle()
        await sync(world, SHOP)
        await finish(world, "before")
        world.cluster.gate.hold(busy)
        world.cluster.edit(busy, lambda body: body.update(data={"changed": "1"}))
        await sync(world, BUSY)
        asked = await rolled_back(world, "" if taken_back else "p-of-yesterday")
        assert asked.phase is Phase.PENDING
        if taken_back:
            await world.supervisor.operations.terminate(SHOP)
        world.cluster.gate.release(busy)
        await world.settle()
        assert world.supervisor.operations.outcome(SHOP, asked.id) is not None
        assert world.status("shop").pin is None
        assert (await world.supervisor.operations.history(SHOP)).pin is None
