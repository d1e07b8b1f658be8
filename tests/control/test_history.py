"""What stays of syncs: entries of the history, and what an application that is pinned shows, also with git down."""

from dataclasses import replace

import pytest

from gitopsd.core.app import AutoRollback
from gitopsd.core.appstatus import SyncCode
from gitopsd.core.errors import OperationError
from gitopsd.core.history import Past
from gitopsd.core.ids import AppName
from gitopsd.core.syncrequest import SyncRequest
from gitopsd.testing.builders import A_REPOSITORY, a_config_map, a_deployment, an_app
from tests.control.test_hooks import finish, hook
from tests.control.world import GivenWorld, config_map_key, deployment_key

GUESTBOOK = AppName("guestbook")
BY_HAND = SyncRequest(initiated_by="somebody")


async def past(world: GivenWorld) -> Past:
    return await world.supervisor.operations.history(GUESTBOOK)


async def sync(world: GivenWorld) -> None:
    await world.supervisor.operations.sync(GUESTBOOK, BY_HAND)
    await world.settle()


async def test_syncs_that_change_nothing_push_nothing_out_of_the_history(world: GivenWorld) -> None:
    first = world.git(a_config_map(data={"v": "1"}))
    spec = replace(an_app(automated=False), revision_history_limit=3)
    async with world.running(spec):
        await sync(world)
        second = await world.push(a_config_map(data={"v": "2"}))
        for _ in range(4):
            await sync(world)
        assert [entry.revisions for entry in (await past(world)).entries] == [(first,), (second,)]
        assert world.operations() == ["Succeeded"] * 5
        await world.supervisor.operations.rollback(GUESTBOOK, 0, BY_HAND)
        await world.settle()
        assert [entry.rollback_of for entry in (await past(world)).entries] == [None, None, 0]
        await sync(world)
        assert len((await past(world)).entries) == 3


async def test_what_is_synced_while_it_is_pinned_has_the_revisions_of_what_it_is_pinned_to(world: GivenWorld) -> None:
    first = world.git(a_config_map(data={"v": "1"}))
    spec = replace(an_app(automated=False), revision_history_limit=2)
    async with world.running(spec):
        await sync(world)
        for value in "23":
            await world.push(a_config_map(data={"v": value}))
            await sync(world)
        entry = (await past(world)).entries[0]
        await world.supervisor.operations.rollback(GUESTBOOK, entry.id, BY_HAND)
        await world.settle()
        assert (await past(world)).find(entry.id) is None
        statuses = world.statuses()
    world.sources.fail(A_REPOSITORY)
    async with world.running(spec, remembered=statuses):
        world.cluster.remove(config_map_key())
        await sync(world)
        assert world.status().revisions == entry.revisions != (first,)
        entries = (await past(world)).entries
        assert [item.revisions for item in entries[-1:]] == [entry.revisions]
        assert entries[-1].infos == entry.infos


async def test_who_unpins_while_git_is_down_is_not_shown_as_pinned(world: GivenWorld) -> None:
    world.git(a_config_map(data={"v": "1"}))
    async with world.running(an_app()):
        await world.push(a_config_map(data={"v": "2"}))
        await world.supervisor.operations.rollback(GUESTBOOK, 0, BY_HAND)
        await world.settle()
        statuses = world.statuses()
    world.sources.fail(A_REPOSITORY)
    async with world.running(an_app(), remembered=statuses):
        assert world.status().pin is not None
        await world.supervisor.operations.unpin(GUESTBOOK)
        await world.settle()
        assert world.status().sync is SyncCode.UNKNOWN
        assert world.status().pin is None
        assert world.status().decision == "it cannot be compared now: nothing of it is synced"


@pytest.mark.parametrize("limit", [0, 1])
async def test_it_goes_back_by_itself_whatever_the_limit_of_its_history(world: GivenWorld, limit: int) -> None:
    spec = replace(an_app(), revision_history_limit=limit)
    spec = replace(spec, sync_policy=replace(spec.sync_policy, auto_rollback=AutoRollback(60.0)))
    good = world.git(a_deployment(image="nginx:1"))
    async with world.running(spec):
        world.cluster.controllers = False
        await world.push(a_deployment(image="nginx:bad"))
        await world.settle(61)
        world.cluster.settle(deployment_key())
        await world.settle()
        assert world.status().revisions == (good,)


async def test_what_is_not_kept_is_said_with_the_limit(world: GivenWorld) -> None:
    world.git(a_config_map(data={"v": "1"}))
    async with world.running(replace(an_app(), revision_history_limit=1)):
        await world.push(a_config_map(data={"v": "2"}))
        with pytest.raises(OperationError) as refused:
            await world.supervisor.operations.rollback(GUESTBOOK, 0, BY_HAND)
        assert refused.value.why == "it has 1, for its revisionHistoryLimit is 1"


async def test_while_a_sync_runs_the_decision_says_so(world: GivenWorld) -> None:
    world.git(a_config_map(), hook("before", "PreSync"))
    async with world.running(an_app()):
        assert world.status().decision == "a sync is under way"
        await finish(world, "before")
        assert world.status().decision == "in sync"
