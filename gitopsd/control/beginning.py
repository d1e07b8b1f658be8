"""How operations begin: because of a decision, or because somebody asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from gitopsd.control.application import Application
from gitopsd.control.ending import end
from gitopsd.control.ground import Ground
from gitopsd.control.planning import id_of, obstacle, plan_of
from gitopsd.control.view import View
from gitopsd.core.autorollback import Unfinished
from gitopsd.core.decide import Act, Decision
from gitopsd.core.errors import GitopsdError, OperationError, beside
from gitopsd.core.findings import each_shared
from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.core.jsonvalue import string_map
from gitopsd.core.operation import Operation, Phase, ResultCode, StepResult
from gitopsd.core.plan import ApplyStep, Plan, PruneStep, Way
from gitopsd.core.progress import (
    needs_journal,
    superseded,
)
from gitopsd.core.syncrequest import AUTOMATED, HEALING, SyncRequest

_SUPERSEDED: Final = "superseded by newer manifests"
_OTHERS_LOOK: Final = timedelta(seconds=10)
_LOOK_AGAIN: Final = timedelta(seconds=0.1)
_NAMESPACE: Final = GroupKind("", "Namespace")


def in_progress(app: Application) -> OperationError:
    """Why nothing else can be begun."""
    running = app.operation
    what = f"{running.phase} since {running.started_at:%H:%M:%S} UTC" if running is not None else "it has just begun"
    if running is None and app.queued is not None:
        what = f"asked for at {app.queued.at:%H:%M:%S} UTC, it waits for its turn"
    wait = f"wait for it (gitopsd app wait {app.spec.name} --operation)"
    if app.terminate or (running is not None and running.phase is Phase.TERMINATING):
        what, instead = f"{what}, and told to end", ""
    else:
        instead = f", or end it: gitopsd app terminate-op {app.spec.name}"
    return OperationError(
        "another operation is under way",
        reason="InProgress",
        where=app.spec.name,
        why=f"{what}: {running.message}" if running is not None and running.message else what,
        hint=wait + instead,
    )


def operation_id(now: datetime) -> str:
    """One that no other operation of the application has."""
    return f"{now:%Y%m%d-%H%M%S-%f}"


def refuse_syncs(ground: Ground) -> None:
    """What was asked for and could not be begun: another one is under way."""
    app = ground.app
    refused = [item for item in app.asked_syncs if not item.request.automated]
    app.asked_syncs = [item for item in app.asked_syncs if item.request.automated]
    for item in refused:
        app.turn_down(item, in_progress(app))


async def running_operation(ground: Ground, view: View) -> tuple[Operation | None, Operation | None]:
    """(the operation under way, None), or (None, the one that was given up because git moved on, if there was one). One
    that is over already is given too where a kill came before its end was kept.

    It is given up at a safe point: not while one of its hooks runs (design decision 9).
    """
    app = ground.app
    running = app.operation
    if running is None or running.phase.done:
        return running, None
    if not moved_on(running, view) or running.running_hooks or running.phase is Phase.TERMINATING:
        return running, None
    ended = superseded(running, ground.adapters.clock.now(), _SUPERSEDED)
    await end(ground, ended, view)
    app.operation = None
    return None, ended


def moved_on(running: Operation, view: View) -> bool:
    """Whether something else is wanted by now."""
    return running.digest != view.wanted.digest


async def begun(ground: Ground, view: View, decision: Decision) -> Operation | None:
    """A new operation: one that was asked for first, else what `decision` says."""
    asked = ground.app.asked_syncs
    has_own_target = bool(asked) and asked[0].request.has_own_target
    while asked:
        item = ground.app.beginning = asked[0]
        try:
            steps = await plan_of(ground, view, item.request)
            operation = await _fresh(ground, view, item.request, steps, retries=item.retries, name=item.id)
        except GitopsdError as error:
            asked.remove(item)
            ground.app.turn_down(item, error)
            if has_own_target or (asked and asked[0].request.has_own_target):
                return None  # `view` is of what the first one asked for: nothing else is to be done with it
            continue
        asked.remove(item)
        ground.app.beginning = None
        item.answer.give(operation)
        if not item.request.dry_run:
            return operation
        ground.app.answered.append(item)
        ground.app.terminate = ""  # who came to end it is too late, and does not mean the next one
        return None
    return await _automated(ground, view, decision)


async def _automated(ground: Ground, view: View, decision: Decision) -> Operation | None:
    """What `decision` says."""
    app = ground.app
    if decision.act not in (Act.SYNC, Act.HEAL):
        app.held_back = ()
        return None
    same = app.attempt is not None and app.attempt.digest == view.wanted.digest
    request = HEALING if decision.act is Act.HEAL else AUTOMATED
    steps = await plan_of(ground, view, request)
    if steps.empty and decision.act is Act.HEAL:
        return None  # all that differs stays on purpose: Prune=false, or it is being deleted already
    prunes = sum(isinstance(step, PruneStep) for step in steps.steps())
    if prunes and _lets_others_look(ground, view):
        return None
    leave = ground.adapters.leave(app.spec.name, ground.cluster.name, prunes)
    app.held_back = (leave.reason,) if leave.reason else ()
    if not leave.granted:
        app.look_again = ground.adapters.clock.now() + timedelta(seconds=leave.again)
        return None
    return await _fresh(ground, view, request, steps, retries=app.attempt.count if same and app.attempt else 0)


def _lets_others_look(ground: Ground, view: View) -> bool:
    """Whether others first look at the commit that it was compared with, for a moment: what left its manifests may be
    in theirs now, and stays then.
    """
    app, now = ground.app, ground.adapters.clock.now()
    if not ground.adapters.behind(app):
        app.gave_up = None
        return False
    if app.gave_up is None or app.gave_up[0] != view.wanted.digest:
        app.gave_up = view.wanted.digest, now
    if now - app.gave_up[1] > _OTHERS_LOOK:
        return False
    app.look_again = now + _LOOK_AGAIN
    return True


async def _fresh(
    ground: Ground, view: View, request: SyncRequest, steps: Plan, *, retries: int, name: str = ""
) -> Operation:
    """An operation that has not begun; its id is `name`, or a new one. Raises `OperationError` where it must not,
    `StoreError` if it cannot be kept.
    """
    app, adapters = ground.app, ground.adapters
    now = adapters.clock.now()
    if not request.automated:
        _allow(ground, view, dry_run=request.dry_run)
    if request.selective and not _selects_something(view, request):
        raise OperationError(
            "none of its objects fits what is to be synced",
            reason="Invalid",
            where=app.spec.name,
            hint=f"see what it has: gitopsd app get {app.spec.name}; a filter is [!]GROUP:KIND:[NAMESPACE/]NAME",
        )
    operation = Operation(
        digest=view.wanted.digest,
        revisions=view.revisions,
        started_at=now,
        retries=retries,
        id=name or operation_id(now),
        request=request,
    )
    if app.shared and app.spec.sync_policy.enabled("FailOnSharedResource"):
        message = f"{'; '.join(each_shared(app.spec.name, app.shared))} (FailOnSharedResource=true)"
        return replace(operation, phase=Phase.FAILED, message=message, finished_at=now)
    if request.plan and request.plan != await id_of(ground, view, steps):
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
    app.held_back = ()
    if not request.self_heal and (app.trying is None or app.trying.digest != operation.digest):
        app.trying = Unfinished(operation.digest, now)
    if needs_journal(operation):
        operation = await adapters.journal.begin(app.spec.name, operation, view.wanted)
    return operation


def _selects_something(view: View, request: SyncRequest) -> bool:
    documents = [(item.key, item.document) for item in view.wanted.objects]
    documents += [(key, item.live.document) for key, item in view.comparison.objects.items() if item.live]
    return any(request.selects(key, string_map(body.body(), "metadata", "labels")) for key, body in documents)


def _allow(ground: Ground, view: View, *, dry_run: bool) -> None:
    """Raises `OperationError` where somebody asks for a sync that must not be."""
    app = ground.app
    if why := obstacle(view):
        raise OperationError(
            "it cannot be synced",
            reason="Blocked",
            where=app.spec.name,
            why=why,
            hint="mend that first",
        )
    hold = ground.adapters.hold(app.spec)
    if dry_run:
        return  # it changes nothing
    if hold.reasons and not hold.manual:
        raise OperationError(
            "it must not be synced now", reason="Blocked", where=app.spec.name, why="; ".join(hold.reasons)
        )


async def _rehearsed(ground: Ground, view: View, operation: Operation) -> Operation:
    """A dry run: what the API server says to each object; nothing is changed. It can say nothing of what belongs into a
    namespace that only this sync makes.
    """
    steps = [step for step in operation.plan.steps() if isinstance(step, ApplyStep)] if operation.plan else []
    results = dict(operation.results)
    brought = {step.key.name for step in steps if step.key.group_kind == _NAMESPACE} - {
        key.name for key in view.live.objects if key.group_kind == _NAMESPACE
    }
    pairs = []
    for step in steps:
        if step.key.namespace in brought:
            message = f"dry run: it would be applied; not asked, for Namespace {step.key.namespace} comes with it"
            results[step.key] = StepResult(ResultCode.SYNCED, message)
        elif step.way is not Way.RECREATE:
            pairs.append((step.desired, view.live.objects.get(step.key)))
    account = ground.adapters.projects().account(ground.app.spec, ground.cluster.server)
    answers = await ground.cluster.predict(pairs, impersonate=account)
    for (wanted, _), answer in zip(pairs, answers, strict=True):
        code = ResultCode.SYNC_FAILED if answer.error else ResultCode.SYNCED
        told = beside(str(wanted.key), answer.error) if answer.error else "dry run: it would be applied"
        results[wanted.key] = StepResult(code, told)
    operation = replace(operation, results=results, finished_at=ground.adapters.clock.now())
    failed = operation.failures
    message = f"dry run: {failed[0][0]}: {failed[0][1].message}" if failed else "dry run: nothing was changed"
    return replace(operation, phase=Phase.FAILED if failed else Phase.SUCCEEDED, message=message)


def _skipped(steps: Plan) -> Mapping[ObjectKey, StepResult]:
    return {key: StepResult(ResultCode.PRUNE_SKIPPED, reason) for key, reason in steps.skipped.items()}
