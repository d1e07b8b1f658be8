"""Killed at any moment and started anew, an operation ends as if nothing had been: no hook runs twice or not at all."""

from __future__ import annotations

from hypothesis import given, note
from hypothesis import strategies as st

from tests.model.checks import assert_all_written, assert_in_order, assert_waited
from tests.model.driver import SPEC, Small
from tests.model.expected import PARKED, expected
from tests.model.scenario import Scenario, scenarios
from tests.model.settings import tries


async def run_killed(scenario: Scenario, at: int, *, after: bool, stale: bool) -> None:
    wanted = expected(scenario)
    small = Small(scenario)
    await small.prepare()

    async def work() -> None:
        await small.sync()
        if not stale:
            small.remembered = small.world.statuses()
        await small.until_over()

    if not await small.killed(at, work, after=after):
        return  # it was over before
    journal = [method for method, _ in small.world.journal.entries]
    async with small.world.running(SPEC, remembered=small.remembered):
        if "begin" not in journal:
            assert small.written() == [], "something was written before the journal had it"
            await small.sync()
        await small.until_over()
        operation = small.operation
        note(f"expected {wanted}")
        note(f"written {small.written()}")
        note(f"it ended {operation and operation.message}")
        things = [item.name for item in scenario.things]
        assert_all_written(small.written(), wanted, repeats=things)
        assert_in_order(small.written(), wanted)
        assert_waited(small.written(), small.happened, wanted)
        assert small.objects() == wanted.objects
        assert small.world.bugs == []
        if "end" in journal:
            return  # what came of it was not told any more
        assert operation is not None
        assert operation.phase.value == wanted.phase
        if wanted.phase != PARKED:
            assert small.outcomes() == wanted.outcomes


@tries(60)
@given(scenarios(), st.integers(1, 40), st.booleans(), st.booleans())
async def test_a_kill_at_any_write_changes_nothing_of_the_end(
    scenario: Scenario, at: int, after: bool, stale: bool
) -> None:
    await run_killed(scenario, at, after=after, stale=stale)
