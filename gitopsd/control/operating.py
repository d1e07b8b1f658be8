"""Operations of one application, begun for a reason and taken as far as they go now."""

from __future__ import annotations

from gitopsd.control.advancing import advance
from gitopsd.control.beginning import begun, refuse_syncs, running_operation
from gitopsd.control.ending import end
from gitopsd.control.ground import Ground, Operated
from gitopsd.control.planning import answer_plans
from gitopsd.control.view import View
from gitopsd.core.decide import Decision


async def operate(ground: Ground, view: View, decision: Decision) -> Operated:
    """Answer what was asked, begin what shall be begun, and take the operation under way as far as it goes now."""
    await answer_plans(ground, view)
    asked = ground.app.asked_syncs
    has_own_target = bool(asked) and asked[0].request.has_own_target
    running, given_up = await running_operation(ground, view)
    if running is None:
        ground.app.clock_set = 0.0  # none of its moments are from before
        running = await begun(ground, view, decision)
    refuse_syncs(ground)
    if running is None:
        # What was tried or refused is not what the application is compared with: look at that again.
        return Operated(view, given_up=given_up, again=ground.adapters.clock.now() if has_own_target else None)
    if not running.phase.done:
        running, view, again = await advance(ground, running, view)
    else:
        again = None
    if running.phase.done:
        await end(ground, running, view)
    return Operated(view, running, given_up, again)
