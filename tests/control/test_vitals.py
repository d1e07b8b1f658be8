"""Tasks that must not end: whoever asks knows which of them did."""

from __future__ import annotations

import anyio
import pytest

from gitopsd.control.vitals import Vitals


async def test_what_runs_has_not_ended_and_what_is_cancelled_from_inside_has() -> None:
    vitals = Vitals()

    async def slips() -> None:
        """As where a library lets go of a cancellation that was its own: the task group takes it for one of its own."""
        raise anyio.get_cancelled_exc_class()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(vitals.keep, "the timers", anyio.sleep_forever)
        tasks.start_soon(vitals.keep, "the queue", slips)
        await anyio.wait_all_tasks_blocked()
        assert vitals.ended() == ("the queue",)
        tasks.cancel_scope.cancel()


async def test_an_error_is_passed_on() -> None:
    async def fails(number: int) -> None:
        raise ValueError(number)

    with pytest.raises(ValueError, match="7"):
        await Vitals().keep("the timers", fails, 7)
