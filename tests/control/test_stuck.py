"""autoRollback that has nothing to go back to."""

from dataclasses import replace

from gitopsd.core.app import AutoRollback
from gitopsd.testing.builders import a_deployment, an_app
from tests.control.test_automation import GUESTBOOK
from tests.control.world import GivenWorld, deployment_key


async def test_where_there_is_nothing_to_go_back_to_that_is_said_once(world: GivenWorld) -> None:
    spec = an_app()
    spec = replace(spec, sync_policy=replace(spec.sync_policy, auto_rollback=AutoRollback(60.0)))
    world.cluster.controllers = False
    world.git(a_deployment())
    async with world.running(spec):
        assert world.status().conditions == ()
        await world.settle(61)
        (condition,) = world.status().conditions
        assert condition.message.startswith("autoRollback: no rollback, for nothing else that was ever Healthy")
        for _ in range(2):
            world.supervisor.refresh(GUESTBOOK)
            await world.settle()
        operation = world.status().operation
        assert operation is not None
        assert operation.message.count("autoRollback: no rollback") == 1
        world.cluster.settle(deployment_key())
        await world.settle()
        assert world.status().conditions == ()
