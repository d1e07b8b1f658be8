"""So many passes work on one cluster; one that is slow makes no other one's applications wait."""

import anyio

from gitopsd.control.turns import ClusterTurns
from gitopsd.core.ids import AppName

APPS = [AppName(name) for name in ("one", "two", "three")]


async def test_the_third_waits_for_its_turn_and_only_on_its_own_cluster() -> None:
    given, done = ClusterTurns(1), anyio.Event()

    async def work(cluster: str, app: AppName) -> None:
        async with given.on(cluster).of(app):
            await done.wait()

    async with anyio.create_task_group() as tasks:
        for app in APPS:
            tasks.start_soon(work, "slow", app)
            await anyio.wait_all_tasks_blocked()
        tasks.start_soon(work, "quick", AppName("four"))
        await anyio.wait_all_tasks_blocked()
        assert [given.before("slow", app) for app in APPS] == [None, 0, 1]
        assert given.before("quick", AppName("four")) is None
        assert given.before("unknown", APPS[0]) is None
        given.allow(2)
        await anyio.wait_all_tasks_blocked()
        assert [given.before("slow", app) for app in APPS] == [None, None, 0]
        done.set()


async def test_a_cluster_that_is_met_later_has_the_new_limit() -> None:
    given = ClusterTurns(1)
    given.allow(2)
    async with given.on("later").of(APPS[0]), given.on("later").of(APPS[1]):
        assert given.before("later", APPS[1]) is None
