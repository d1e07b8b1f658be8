"""What was too much to be pruned at once stays until somebody confirms, whatever is applied in its place."""

from __future__ import annotations

from dataclasses import replace

from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.syncrequest import SyncRequest
from gitopsd.testing.builders import a_config_map, an_app
from tests.control.world import GivenWorld

GUESTBOOK = AppName("guestbook")
APP = an_app(prune=True, self_heal=True)


def maps(prefix: str, colour: str = "green") -> list[JsonObject]:
    return [a_config_map(f"{prefix}-{number}", {"colour": colour}) for number in range(4)]


def old(world: GivenWorld) -> list[ObjectKey]:
    """Which of the objects are there that left git."""
    return [key for key in world.cluster.keys("ConfigMap") if key.name.startswith("old-")]


async def test_self_heal_further_commits_and_restarts_do_not_prune_what_was_too_much(world: GivenWorld) -> None:
    world.git(*maps("old"))
    async with world.running(APP):
        await world.push(*maps("new"))
        await world.settle(3600)
        assert len(old(world)) == 4
        await world.push(*maps("new", "red"))
        await world.settle(3600)
        operation = world.status().operation
        assert len(old(world)) == 4
        assert operation is not None
        assert {operation.results[key].message for key in old(world)} == {
            "it left git with others that were too many at once; confirm the sync to prune it"
        }
        statuses = world.statuses()
    world.git(*maps("new", "blue"))
    async with world.running(APP, remembered=statuses):
        await world.settle(3600)
        assert len(old(world)) == 4
        await world.supervisor.operations.sync(GUESTBOOK, SyncRequest(initiated_by="kim", confirmed=True))
        await world.settle()
        assert old(world) == []
        operation = world.status().operation
        assert operation is not None
        assert operation.message == "0 objects written, 4 pruned"


async def test_a_kill_before_the_status_was_saved_does_not_prune_it_either(world: GivenWorld) -> None:
    world.git(*maps("old"))
    async with world.running(APP):
        statuses = world.statuses()
        await world.push(*maps("new"))
        assert len(old(world)) == 4
    async with world.running(APP, remembered=statuses):  # what happened since is known to the journal alone
        await world.settle(3600)
        assert len(old(world)) == 4


async def test_what_came_back_to_git_is_held_no_more(world: GivenWorld) -> None:
    world.git(*maps("old"))
    async with world.running(APP):
        await world.push(*maps("new"))
        await world.push(*maps("new"), *maps("old"))
        await world.push(*maps("new"), *maps("old")[:3])
        await world.settle(60)
        assert [key.name for key in old(world)] == ["old-0", "old-1", "old-2"]


async def test_a_limit_of_all_lets_go_of_what_a_lower_one_held(world: GivenWorld) -> None:
    world.git(*maps("old"))
    async with world.running(APP):
        await world.push(*maps("new"))
        assert len(old(world)) == 4
        await world.configure(replace(APP, sync_policy=replace(APP.sync_policy, prune_limit=1.0)))
        await world.settle(3600)
        assert old(world) == []
