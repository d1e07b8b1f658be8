"""Terminated at any moment an operation ends, its running hooks go, and the next sync works."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given, note
from hypothesis import strategies as st

from gitopsd.core.errors import OperationError
from tests.model.driver import APP, SPEC, Small
from tests.model.expected import SUCCEEDED, expected
from tests.model.scenario import Scenario, scenarios
from tests.model.settings import tries


async def run_terminated(scenario: Scenario, at: int, *, after: bool) -> None:
    small = Small(scenario)
    await small.prepare()
    async with small.world.running(SPEC, remembered=small.remembered):
        ended = await _until_terminated(small, at, after=after)
        note(f"written {small.written()}")
        note(f"it ended {ended}")
        small.cure()
        wanted = expected(small.scenario)
        await small.sync()
        await small.until_over()
        operation = small.operation
        assert operation is not None
        note(f"then {small.written()}")
        note(f"it ended {operation.phase}: {operation.message}")
        assert operation.phase.value == wanted.phase == SUCCEEDED, operation.message
        hooks = {name for hook in scenario.hooks for name in [hook.name, *map(hook.full, hook.phases)]}
        assert small.objects() - hooks == wanted.objects - hooks
        assert small.outcomes() == wanted.outcomes
        assert small.world.bugs == []


async def _until_terminated(small: Small, at: int, *, after: bool) -> str:
    """Begin the sync, and terminate it at its n-th write, or when it waits for ever: how it ended."""
    world = small.world

    async def terminate() -> None:
        with suppress(OperationError):  # it is just beginning, or has just ended
            await world.supervisor.operations.terminate(APP)

    small.wire.set(at, terminate, after=after)
    await small.sync()
    await small.until_over()
    small.wire.set(0, terminate, after=after)
    if not small.over:
        await terminate()
        await world.settle()
        await small.until_over()
    operation = small.operation
    assert operation is not None
    assert operation.phase.done
    assert operation.running_hooks == ()
    for item, run in operation.hooks.items():
        if run.outcome.value == "Terminated":
            assert not world.cluster.has(item.key)
    return f"{operation.phase}: {operation.message}"


@tries(50)
@given(scenarios(), st.integers(1, 40), st.booleans())
async def test_a_termination_at_any_moment_ends_it_and_the_next_sync_works(
    scenario: Scenario, at: int, after: bool
) -> None:
    await run_terminated(scenario, at, after=after)
