"""Operations of one application: begun because of a decision or because somebody asked, taken as far as they go now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from gitopsd.control.adapters import Adapters
from gitopsd.control.application import Application
from gitopsd.control.aside import aside
from gitopsd.control.revision_infos import infos
from gitopsd.control.sync import Execution, Prepare, Tools
from gitopsd.control.view import View
from gitopsd.core.autorollback import Unfinished
from gitopsd.core.compare import ObjectComparison, compare_namespace
from gitopsd.core.conditions import ConditionType
from gitopsd.core.decide import Act, Decision
from gitopsd.core.errors import GitopsdError, OperationError, StoreError
from gitopsd.core.findings import each_shared
from gitopsd.core.health.timing import earliest
from gitopsd.core.history import HistoryEntry, RevisionInfo, deployed
from gitopsd.core.ids import ObjectKey
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import Desired, DesiredObject
from gitopsd.core.namespace_rules import check_namespace
from gitopsd.core.operation import Operation, Phase, ResultCode, StepResult
from gitopsd.core.permit import permit_object
from gitopsd.core.plan import ApplyStep, Plan, PruneStep, Way
from gitopsd.core.planid import plan_id
from gitopsd.core.planning import plan
from gitopsd.core.planoptions import plan_options
from gitopsd.core.planview import PlanView, plan_view
from gitopsd.core.progress import (
    Clean,
    Judge,
    Remove,
    Run,
    Sight,
    Wait,
    judged,
    needs_journal,
    next_move,
    superseded,
    terminating,
)
from gitopsd.core.syncrequest import AUTOMATED, HEALING, SyncRequest
from gitopsd.core.tracking import mark
from gitopsd.ports.cluster import Cluster

_SUPERSEDED: Final = "superseded by newer manifests"
_STORE_RETRY: Final = 5.0
_BLOCKING: Final = (ConditionType.COMPARISON_ERROR, ConditionType.INVALID_SPEC_ERROR, ConditionType.UNKNOWN_ERROR)


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the operations of one pass happen. `look` shows the application anew, `prepare` makes what is applied of an
    object, given the live objects. `glance` compares something else with the cluster, and `rendered` is what git
    wanted at other commits: nothing of the application changes by it.
    """

    app: Application
    cluster: Cluster
    adapters: Adapters
    look: Callable[[View], Awaitable[View]]
    prepare: Callable[[View], Prepare]
    glance: Callable[[Desired, tuple[str, ...]], Awaitable[View]]
    rendered: Callable[[tuple[str, ...]], Awaitable[Desired]]


@dataclass(frozen=True, slots=True)
class Operated:
    """What a pass did about operations: `operation` is the one that it began, advanced or ended, `given_up` the one
    that it ended before. `again` is when to look at it again though nothing changed.
    """

    view: View
    operation: Operation | None = None
    given_up: Operation | None = None
    again: datetime | None = None


async def operate(ground: Ground, view: View, decision: Decision) -> Operated:
    """Answer what was asked, begin what shall be begun, and take the operation under way as far as it goes now."""
    await _answer_plans(ground, view)
    running, given_up = await _running(ground, view)
    if running is None:
        running = await _begun(ground, view, decision)
    _refuse_syncs(ground)
    if running is None:
        return Operated(view, given_up=given_up)
    if not running.phase.done:
        running, view, again = await _advance(ground, running, view)
    else:
        again = None
    if running.phase.done:
        await _end(ground, running, view)
    return Operated(view, running, given_up, again)


# What was asked for


async def _answer_plans(ground: Ground, view: View) -> None:
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
    steps = await _plan(ground, view, request)
    blocked = "; ".join(hold.reasons) if hold.reasons and not (hold.manual and not request.automated) else ""
    adapters = ground.adapters
    masked = adapters.resources().mask_annotations

    def show() -> PlanView:
        return plan_view(
            steps,
            view.comparison,
            masked=masked,
            revisions=view.revisions,
            blocked=blocked,
            key=adapters.plan_key,
        )

    return await aside(adapters.threads, len(view.comparison.objects), show)


def _refuse_syncs(ground: Ground) -> None:
    """What was asked for and could not be begun: another one is under way."""
    app = ground.app
    refused = [item for item in app.asked_syncs if not item.request.automated]
    app.asked_syncs = [item for item in app.asked_syncs if item.request.automated]
    for item in refused:
        item.answer.fail(in_progress(app))


def in_progress(app: Application) -> OperationError:
    """Why nothing else can be begun."""
    running = app.operation
    what = f"{running.phase} since {running.started_at:%H:%M:%S} UTC" if running is not None else "it has just begun"
    return OperationError(
        "another operation is under way",
        reason="InProgress",
        where=app.spec.name,
        why=f"{what}: {running.message}" if running is not None and running.message else what,
        hint=f"wait for it (gitopsd app wait {app.spec.name} --operation), or end it: "
        f"gitopsd app terminate-op {app.spec.name}",
    )


# Beginning


async def _running(ground: Ground, view: View) -> tuple[Operation | None, Operation | None]:
    """(the operation under way, None), or (None, the one that was given up because git moved on, if there was one). One
    that is over already is given too where a kill came before its end was kept.

    It is given up at a safe point: not while one of its hooks runs (design decision 9).
    """
    app = ground.app
    running = app.operation
    if running is None or running.phase.done:
        return running, None
    if not _moved_on(running, view) or running.running_hooks or running.phase is Phase.TERMINATING:
        return running, None
    ended = superseded(running, ground.adapters.clock.now(), _SUPERSEDED)
    await _end(ground, ended, view)
    app.operation = None
    return None, ended


def _moved_on(running: Operation, view: View) -> bool:
    return running.digest != view.wanted.digest


async def _begun(ground: Ground, view: View, decision: Decision) -> Operation | None:
    """A new operation: one that was asked for first, else what `decision` says."""
    app = ground.app
    while app.asked_syncs:
        asked = app.asked_syncs.pop(0)
        try:
            steps = await _plan(ground, view, asked.request)
            operation = await _fresh(ground, view, asked.request, steps, retries=asked.retries)
        except GitopsdError as error:
            asked.answer.fail(error)
            continue
        asked.answer.give(operation)
        return None if asked.request.dry_run else operation
    if decision.act not in (Act.SYNC, Act.HEAL):
        return None
    same = app.attempt is not None and app.attempt.digest == view.wanted.digest
    request = HEALING if decision.act is Act.HEAL else AUTOMATED
    steps = await _plan(ground, view, request)
    if steps.empty and decision.act is Act.HEAL:
        return None  # all that differs stays on purpose: Prune=false, or it is being deleted already
    prunes = sum(isinstance(step, PruneStep) for step in steps.steps())
    leave = ground.adapters.leave(app.spec.name, ground.cluster.name, prunes)
    app.held_back = (leave.reason,) if leave.reason else ()
    if not leave.granted:
        app.look_again = ground.adapters.clock.now() + timedelta(seconds=leave.again)
        return None
    return await _fresh(ground, view, request, steps, retries=app.attempt.count if same and app.attempt else 0)


async def _fresh(ground: Ground, view: View, request: SyncRequest, steps: Plan, *, retries: int) -> Operation:
    """An operation that has not begun. Raises `OperationError` where it must not, `StoreError` if it cannot be kept."""
    app, adapters = ground.app, ground.adapters
    now = adapters.clock.now()
    if not request.automated:
        _allow(ground, view)
    operation = Operation(
        digest=view.wanted.digest,
        revisions=view.revisions,
        started_at=now,
        retries=retries,
        id=f"{now:%Y%m%d-%H%M%S-%f}",
        request=request,
    )
    if app.shared and app.spec.sync_policy.enabled("FailOnSharedResource"):
        message = f"{'; '.join(each_shared(app.spec.name, app.shared))} (FailOnSharedResource=true)"
        return replace(operation, phase=Phase.FAILED, message=message, finished_at=now)
    if request.plan and request.plan != await _id(ground, view, steps):
        raise OperationError(
            "the plan that was shown is not what would be done now",
            reason="PlanChanged",
            where=app.spec.name,
            why="git or the cluster moved since, in what the plan touches",
            hint="look at the new plan, and sync with its id",
        )
    operation = replace(operation, results=_skipped(steps), plan=steps)
    if request.dry_run:
        return await _rehearsed(ground, view, operation)
    if not request.self_heal and (app.trying is None or app.trying.digest != operation.digest):
        app.trying = Unfinished(operation.digest, now)
    if needs_journal(operation):
        operation = await adapters.journal.begin(app.spec.name, operation, view.wanted)
    return operation


async def _id(ground: Ground, view: View, steps: Plan) -> str:
    adapters, comparison = ground.adapters, view.comparison
    return await aside(adapters.threads, len(comparison.objects), lambda: plan_id(steps, comparison, adapters.plan_key))


def _allow(ground: Ground, view: View) -> None:
    """Raises `OperationError` where somebody asks for a sync that must not be."""
    app = ground.app
    errors = [item for item in view.conditions if item.type in _BLOCKING]
    if errors:
        raise OperationError(
            "it cannot be synced",
            reason="Blocked",
            where=app.spec.name,
            why=f"{errors[0].type}: {errors[0].message}",
            hint="mend that first",
        )
    hold = ground.adapters.hold(app.spec)
    if hold.reasons and not hold.manual:
        raise OperationError(
            "it must not be synced now", reason="Blocked", where=app.spec.name, why="; ".join(hold.reasons)
        )


async def _rehearsed(ground: Ground, view: View, operation: Operation) -> Operation:
    """A dry run: what the API server says to each object; nothing is changed."""
    steps = [step for step in operation.plan.steps() if isinstance(step, ApplyStep)] if operation.plan else []
    pairs = [(step.desired, view.live.objects.get(step.key)) for step in steps if step.way is not Way.RECREATE]
    account = ground.adapters.projects().account(ground.app.spec, ground.cluster.server)
    answers = await ground.cluster.predict(pairs, impersonate=account)
    results = dict(operation.results)
    for (wanted, _), answer in zip(pairs, answers, strict=True):
        code = ResultCode.SYNC_FAILED if answer.error else ResultCode.SYNCED
        results[wanted.key] = StepResult(code, answer.error or "dry run: it would be applied")
    operation = replace(operation, results=results, finished_at=ground.adapters.clock.now())
    failed = operation.failures
    message = f"dry run: {failed[0][0]}: {failed[0][1].message}" if failed else "dry run: nothing was changed"
    return replace(operation, phase=Phase.FAILED if failed else Phase.SUCCEEDED, message=message)


async def _plan(ground: Ground, view: View, request: SyncRequest) -> Plan:
    app, adapters = ground.app, ground.adapters
    first = next((commit for commit in view.revisions if commit), "")
    options = plan_options(
        app.spec,
        request,
        suffix=f"{first[:7]}-{int(adapters.clock.now().timestamp())}",
        protected=adapters.sync.protected,
    )
    namespace = _compare_namespace(view)
    count = len(view.comparison.objects)
    return await aside(adapters.threads, count, lambda: plan(view.wanted, view.comparison, options, namespace))


def _compare_namespace(view: View) -> ObjectComparison | None:
    """Whether the namespace that CreateNamespace asks for has to be made or changed; None where nobody may see it: if
    it is missing, what goes into it says so.
    """
    if view.namespace is None or view.namespace.key.group_kind in view.live.unreadable:
        return None
    return compare_namespace(view.namespace, view.live.objects.get(view.namespace.key))


def _skipped(steps: Plan) -> Mapping[ObjectKey, StepResult]:
    return {key: StepResult(ResultCode.PRUNE_SKIPPED, reason) for key, reason in steps.skipped.items()}


# Going on


async def _advance(ground: Ground, operation: Operation, view: View) -> tuple[Operation, View, datetime | None]:
    """As far as it goes now: to its end, or to where it has to wait (design decision 6)."""
    app, adapters = ground.app, ground.adapters
    if reason := _out_of_time(ground, operation):
        operation = terminating(operation, reason)
    tools = Tools(
        ground.cluster,
        partial(permit_object, app.spec, projects=adapters.projects(), server=ground.cluster.server),
        ground.prepare(view),
        partial(_note, ground),
        lambda: adapters.stopping() or bool(app.terminate),
        adapters.clock,
        mark(app.spec.name, app.spec.tracking),
        partial(_check, ground, view),
    )

    def on_progress(now: Operation) -> None:
        app.operation = now

    execution = Execution(operation, tools, on_progress)
    app.operation = operation
    try:
        while True:
            if app.terminate:
                by, app.terminate = app.terminate, ""
                execution.learn(terminating(execution.operation, by))
                await _note(ground, execution.operation)
            operation, move, view, until = await _moved(ground, execution, view)
            if move is None:
                return operation, view, _earlier(ground, until)
            if _moved_on(operation, view) and not operation.running_hooks:
                return superseded(operation, adapters.clock.now(), _SUPERSEDED), view, None
            if isinstance(move, Run):
                view = await _carried_out(ground, execution, move, view)
            elif isinstance(move, Clean):
                await execution.clean(move)
                view = await ground.look(view)
            elif isinstance(move, Remove):
                await execution.remove(move)
                view = await ground.look(view)
            if adapters.stopping():
                return execution.operation, view, None
    except StoreError as error:
        adapters.on_store_trouble(error)
        again = adapters.clock.now().timestamp() + _STORE_RETRY
        waits = replace(execution.operation, message=f"waiting until its progress can be kept: {error}")
        execution.learn(waits)
        return waits, view, datetime.fromtimestamp(again, tz=adapters.clock.now().tzinfo)


async def _moved(
    ground: Ground, execution: Execution, view: View
) -> tuple[Operation, Remove | Run | Clean | None, View, datetime | None]:
    """The next move that is to be carried out; None where it is over, or waits until then."""
    adapters = ground.adapters
    before = execution.operation
    owner = mark(ground.app.spec.name, ground.app.spec.tracking)
    while True:
        now = execution.operation
        gone = _gone(ground.cluster, now, view)
        verdicts = await adapters.judge.assess(judged(now, view.live, gone))
        confirmed = _confirmed(ground.app, now)
        sight = Sight(
            view.live, verdicts, adapters.clock.now(), adapters.timing(), gone, confirmed=confirmed, owner=owner
        )
        operation, move = next_move(now, sight)
        execution.learn(operation)
        if not isinstance(move, Judge):
            break
    over = [item for item in before.running_hooks if operation.hooks[item].outcome.done]
    if over:
        await execution.keep_logs(over, view.live)
    if execution.operation.hooks != before.hooks or _at_another_stage(execution.operation, before):
        await _note(ground, execution.operation)
    operation = execution.operation
    if move is None:
        return operation, None, view, None
    if isinstance(move, Remove) and execution.asked_to_remove(move):
        return operation, None, view, None  # the watch will tell when it is gone
    if isinstance(move, Wait):
        execution.learn(replace(operation, message=move.message))
        return execution.operation, None, view, move.until
    return operation, move, view, None


async def _carried_out(ground: Ground, execution: Execution, move: Run, view: View) -> View:
    app = ground.app
    app.writing = True
    try:
        await execution.run(move, view.live, view.comparison)
    finally:
        app.writing = False
    return await ground.look(view)


def _earlier(ground: Ground, until: datetime | None) -> datetime | None:
    """When to look again: then, or when a sync window closes."""
    again = ground.adapters.hold(ground.app.spec).again
    closes = ground.adapters.clock.now() + timedelta(seconds=again) if again is not None else None
    return earliest([until, closes])


def _check(ground: Ground, view: View, wanted: DesiredObject, replaces: bool) -> None:
    there = view.live.objects.get(wanted.key)
    check_namespace(ground.app.spec, wanted, there, ground.adapters.projects(), replaces=replaces)


def _at_another_stage(now: Operation, before: Operation) -> bool:
    return (now.stage, now.failing, now.applied) != (before.stage, before.failing, before.applied)


def _gone(cluster: Cluster, operation: Operation, view: View) -> Mapping[ObjectKey, LiveObject]:
    """The objects of running hooks that vanished, as they were seen last."""
    missing = (item.key for item in operation.running_hooks if item.key not in view.live.objects)
    seen = {key: cluster.last_seen(key) for key in missing}
    return {key: live for key, live in seen.items() if live is not None}


def _confirmed(app: Application, operation: Operation) -> bool:
    return operation.request.confirmed or app.approved(operation.started_at)


def _out_of_time(ground: Ground, operation: Operation) -> str:
    """Why it has to stop though nobody said so; "" if it goes on."""
    if operation.phase is Phase.TERMINATING:
        return ""
    limit = ground.adapters.sync.timeout
    if limit is not None and (ground.adapters.clock.now() - operation.started_at).total_seconds() > limit:
        return f"sync.timeout, {limit:g} s"
    hold = ground.adapters.hold(ground.app.spec)
    return hold.stops if operation.request.automated else hold.stops_manual


async def _note(ground: Ground, operation: Operation) -> None:
    if operation.manifests:
        await ground.adapters.journal.note(ground.app.spec.name, operation)


async def _end(ground: Ground, operation: Operation, view: View) -> None:
    """Keep what came of it. A state that cannot be written costs its entry in the history, and is told by the store."""
    app, journal = ground.app, ground.adapters.journal
    app.operation, app.terminate = None, ""  # who comes to terminate it is too late, and does not mean the next one
    name = app.spec.name
    kept = bool(operation.manifests)
    remembered = operation.phase is Phase.SUCCEEDED and not operation.self_heal and not operation.request.selective
    if not kept and not remembered:
        return
    try:
        past = None
        if remembered:
            manifests = operation.manifests or await journal.keep(name, view.wanted)
            told = await infos(ground.adapters.describe, app.spec.sources, operation.revisions)
            entry = _entry(app, operation, manifests, ground.adapters.clock.now(), told)
            past = deployed(await journal.past(name), entry, app.spec.revision_history_limit)
        await journal.end(name, operation, past)
    except StoreError as error:
        ground.adapters.on_store_trouble(error)
        return
    if past is not None:
        app.past, app.trying, app.healthy_with = past, None, ""


def _entry(
    app: Application, operation: Operation, manifests: str, now: datetime, told: tuple[RevisionInfo, ...]
) -> HistoryEntry:
    request = operation.request
    return HistoryEntry(
        id=0,
        revisions=operation.revisions,
        sources=app.spec.sources,
        digest=operation.digest,
        manifests=manifests,
        started_at=operation.started_at,
        deployed_at=now,
        initiated_by=request.initiated_by,
        automated=request.automated,
        rollback_of=request.history,
        infos=told,
    )
