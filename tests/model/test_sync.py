"""Any sync ends as the model says, in the order that the model says."""

from __future__ import annotations

from hypothesis import given, note

from tests.model.checks import assert_all_written, assert_in_order, assert_waited
from tests.model.driver import SPEC, Small
from tests.model.expected import PARKED, expected
from tests.model.scenario import Scenario, scenarios
from tests.model.settings import tries


async def run(scenario: Scenario) -> None:
    wanted = expected(scenario)
    small = Small(scenario)
    await small.prepare()
    async with small.world.running(SPEC, remembered=small.remembered):
        await small.sync()
        await small.until_over()
        operation = small.operation
        assert operation is not None
        note(f"expected {wanted}")
        note(f"written {small.written()}")
        note(f"it ended {operation.phase}: {operation.message}")
        assert_all_written(small.written(), wanted)
        assert_in_order(small.written(), wanted)
        assert_waited(small.written(), small.happened, wanted)
        assert operation.phase.value == wanted.phase
        assert small.objects() == wanted.objects
        if wanted.phase != PARKED:
            assert small.outcomes() == wanted.outcomes
        assert small.world.bugs == []


@tries(100)
@given(scenarios())
async def test_any_sync_ends_as_the_model_says(scenario: Scenario) -> None:
    await run(scenario)
