"""Plans of one application: what a sync would do now, and what somebody asked to be shown."""

from __future__ import annotations

from typing import Final

from gitopsd.control.aside import aside
from gitopsd.control.ground import Ground
from gitopsd.control.view import View
from gitopsd.core.compare import ObjectComparison, Verdict, compare_namespace
from gitopsd.core.conditions import ConditionType
from gitopsd.core.errors import GitopsdError, OperationError
from gitopsd.core.plan import Plan
from gitopsd.core.planid import plan_id
from gitopsd.core.planning import plan
from gitopsd.core.planoptions import plan_options
from gitopsd.core.planview import PlanView, plan_view
from gitopsd.core.syncrequest import SyncRequest

_BLOCKING: Final = (ConditionType.COMPARISON_ERROR, ConditionType.INVALID_SPEC_ERROR, ConditionType.UNKNOWN_ERROR)


async def answer_plans(ground: Ground, view: View) -> None:
    """Show the plans that somebody asked for."""
    app = ground.app
    asked, app.asked_plans = app.asked_plans, []
    for item in asked:
        try:
            item.answer.give(await _shown_plan(ground, view, item.request))
        except GitopsdError as error:
            item.answer.fail(error)


async def _other(ground: Ground, view: View, request: SyncRequest) -> View:
    """`view`, or that of what the request wants instead: a history entry, other revisions."""
    if request.history is not None:
        journal, name = ground.adapters.journal, ground.app.spec.name
        entry = (await journal.past(name)).find(request.history)
        if entry is None:
            raise OperationError(f"the history has no entry {request.history}", reason="NotFound", where=name)
        return await ground.glance(await journal.manifests(entry.manifests), entry.revisions)
    if request.revisions:
        return await ground.glance(await ground.rendered(request.revisions), request.revisions)
    return view


async def _shown_plan(ground: Ground, view: View, request: SyncRequest) -> PlanView:
    """What such a sync would do now."""
    app = ground.app
    hold = ground.adapters.hold(app.spec)
    view = await _other(ground, view, request)
    steps = await plan_of(ground, view, request)
    held = hold.reasons if not (hold.manual and not request.automated) else ()
    blocked = "; ".join([item for item in (obstacle(view), *held) if item])
    adapters = ground.adapters
    masked = adapters.resources().mask_annotations
    namespace = _compare_namespace(view)

    def show() -> PlanView:
        return plan_view(
            steps,
            view.comparison,
            namespace=namespace,
            respects=app.spec.sync_policy.enabled("RespectIgnoreDifferences"),
            masked=masked,
            revisions=view.revisions,
            blocked=blocked,
            key=adapters.plan_key,
        )

    return await aside(adapters.threads, len(view.comparison.objects), show)


def obstacle(view: View) -> str:
    """The condition that lets nobody sync what was looked at; "" if there is none."""
    return next((f"{item.type}: {item.message}" for item in view.conditions if item.type in _BLOCKING), "")


async def plan_of(ground: Ground, view: View, request: SyncRequest) -> Plan:
    """What such a sync would do now."""
    app, adapters = ground.app, ground.adapters
    left = [item.key for item in view.comparison.having(Verdict.EXTRA)]
    first = next((commit for commit in view.revisions if commit), "")
    options = plan_options(
        app.spec,
        request,
        suffix=f"{first[:7]}-{int(adapters.clock.now().timestamp())}",
        protected=adapters.sync.protected,
        held=frozenset(item.key for item in app.status.resources if item.prune_held) if left else frozenset(),
        claimed=adapters.claims(app.spec.name, ground.cluster.server, left).wanted if left else None,
    )
    namespace = _compare_namespace(view)
    count = len(view.comparison.objects)
    return await aside(adapters.threads, count, lambda: plan(view.wanted, view.comparison, options, namespace))


async def id_of(ground: Ground, view: View, steps: Plan) -> str:
    """The name of the plan."""
    adapters, comparison = ground.adapters, view.comparison
    return await aside(adapters.threads, len(comparison.objects), lambda: plan_id(steps, comparison, adapters.plan_key))


def _compare_namespace(view: View) -> ObjectComparison | None:
    """Whether the namespace that CreateNamespace asks for has to be made or changed; None where nobody may see it: if
    it is missing, what goes into it says so.
    """
    if view.namespace is None or view.live.unreadable.why(view.namespace.key):
        return None
    return compare_namespace(view.namespace, view.live.objects.get(view.namespace.key))
