"""What the model found, each as the smallest case of it."""

from __future__ import annotations

from gitopsd.core.operation import Phase
from gitopsd.core.syncrequest import SyncRequest
from tests.model.driver import APP, SPEC, Small
from tests.model.scenario import Before, Extra, Fate, Hook, Scenario, Thing


async def begun(scenario: Scenario) -> Small:
    small = Small(scenario)
    await small.prepare()
    return small


async def test_an_operation_that_was_over_at_a_kill_is_ended_at_the_next_start() -> None:
    small = await begun(Scenario((Thing("o0"),)))

    async def work() -> None:
        await small.sync()
        await small.until_over()

    at_its_end = 4  # begin, apply, note, end
    assert await small.killed(at_its_end, work)
    assert [method for method, _ in small.world.journal.entries] == ["begin", "note"]
    async with small.world.running(SPEC, remembered=small.remembered):
        assert small.operation is not None
        assert small.operation.phase is Phase.SUCCEEDED
        assert small.operation.message == "1 object written"
        assert await small.world.journal.in_flight() == {}
        assert len((await small.world.journal.past(APP)).entries) == 1


async def test_who_terminates_an_operation_that_just_ends_does_not_end_the_next_one() -> None:
    small = await begun(Scenario((Thing("o0"),)))
    async with small.world.running(SPEC):

        async def terminate() -> None:
            await small.world.supervisor.operations.terminate(APP)

        small.wire.set(3, terminate, after=True)  # begin, apply, the note that it is over
        await small.sync()
        await small.until_over()
        assert small.world.operations() == ["Succeeded"]
        await small.world.supervisor.operations.sync(APP, SyncRequest(initiated_by="somebody"))
        await small.world.settle()
        assert small.world.operations() == ["Succeeded", "Succeeded"]


async def test_a_termination_stops_a_sync_between_two_waves_that_wait_for_nothing() -> None:
    small = await begun(Scenario((Thing("o0"), Thing("o1", wave=1), Thing("o2", wave=2))))
    async with small.world.running(SPEC):

        async def terminate() -> None:
            await small.world.supervisor.operations.terminate(APP)

        small.wire.set(2, terminate, after=True)  # begin, the first apply
        await small.sync()
        await small.until_over()
        assert small.written() == [("put", "o0")]
        assert small.operation is not None
        assert (small.operation.phase, small.operation.message) == (Phase.FAILED, "terminated by the API")


async def test_a_termination_is_not_forgotten_by_a_kill() -> None:
    small = await begun(Scenario((Thing("o0"),), hooks=(Hook("h0", ("PreSync",), fate=Fate.NEVER, limited=False),)))

    async def work() -> None:
        await small.sync()
        await small.until_over()
        small.remembered = small.world.statuses()
        await small.world.supervisor.operations.terminate(APP)
        await small.world.settle()

    # that it is to end was kept, and its hook was not deleted yet
    assert await small.killed(8, work)
    async with small.world.running(SPEC, remembered=small.remembered):
        await small.until_over()
        assert small.written() == [("put", "h0"), ("delete", "h0")]
        assert small.operation is not None
        assert (small.operation.phase, small.operation.message) == (Phase.FAILED, "terminated by the API")


async def test_what_is_pruned_last_waits_for_no_wave_that_nothing_is_done_in() -> None:
    in_sync = Thing("o0", "Deployment", before=Before.SAME, fate=Fate.BAD)
    small = await begun(Scenario((in_sync,), (Extra("x0", last=True),), (Hook("h0", ("PreSync",)),)))
    async with small.world.running(SPEC, remembered=small.remembered):
        await small.sync()
        await small.until_over()
        assert small.world.operations() == ["Succeeded"]
        assert small.written() == [("put", "h0"), ("delete", "x0")]
