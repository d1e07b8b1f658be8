"""Takes an operation as far as it goes now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from gitopsd.control.application import Application
from gitopsd.control.beginning import moved_on
from gitopsd.control.ground import Ground
from gitopsd.control.sync import Execution, Tools
from gitopsd.control.view import View
from gitopsd.core.errors import StoreError
from gitopsd.core.health.timing import earliest
from gitopsd.core.hook import HookOutcome
from gitopsd.core.ids import ObjectKey
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.namespace_rules import check_namespace
from gitopsd.core.operation import HookId, Operation, Phase
from gitopsd.core.permit import permit_object
from gitopsd.core.progress import (
    Clean,
    Judge,
    Remove,
    Run,
    Sight,
    Wait,
    judged,
    next_move,
    superseded,
    terminating,
)
from gitopsd.core.tracking import mark
from gitopsd.ports.cluster import Cluster
from gitopsd.ports.tracer import Span

_SUPERSEDED: Final = "superseded by newer manifests"
_STORE_RETRY: Final = 5.0
# A moment that is over is looked at when it is over for sure.
_AFTERWARDS: Final = 0.01
_UNSEEN_SECONDS: Final = 1.0


async def advance(ground: Ground, operation: Operation, view: View) -> tuple[Operation, View, datetime | None]:
    """As far as it goes now: to its end, or to where it has to wait (design decision 6)."""
    app, adapters = ground.app, ground.adapters
    operation = app.by_the_clock(operation)
    if reason := _out_of_time(ground, operation):
        operation = terminating(operation, reason)
    tools = Tools(
        ground.cluster,
        partial(permit_object, app.spec, projects=adapters.projects(), server=ground.cluster.server),
        ground.prepare(view),
        partial(note, ground),
        partial(_stops, ground, operation),
        adapters.clock,
        mark(app.spec.name, app.spec.tracking),
        partial(_check, ground, view),
        adapters.known,
    )

    def on_progress(now: Operation) -> None:
        app.operation = now

    execution = Execution(operation, tools, on_progress)
    app.operation = operation
    try:
        while True:
            await _told(ground, execution)
            operation, move, view, until = await _moved(ground, execution, view)
            if move is None:
                return operation, view, _earlier(ground, operation, until)
            if moved_on(operation, view) and not operation.running_hooks:
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


async def _told(ground: Ground, execution: Execution) -> None:
    """What it has to know before its next move: that the clock was set, that somebody wants it to end."""
    app = ground.app
    if app.clock_set:
        execution.learn(app.by_the_clock(execution.operation))
    if app.terminate:
        by, app.terminate = app.terminate, ""
        execution.learn(terminating(execution.operation, by))
        await note(ground, execution.operation)


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
        sight = Sight(
            view.live,
            await adapters.judge.assess(judged(now, view.live, gone, polite=True)),
            adapters.clock.now(),
            adapters.timing(),
            gone,
            confirmed=_confirmed(ground.app, now),
            owner=owner,
            held=_held(ground, now),
            polite=True,
            known=adapters.known,
        )
        operation, move = next_move(now, sight)
        execution.learn(operation)
        if not isinstance(move, Judge):
            break
    over = [item for item in before.running_hooks if operation.hooks[item].outcome.done]
    if over:
        await execution.keep_logs(over, view.live)
    if _far(execution.operation) != _far(before) or _at_another_point(execution.operation, before):
        await note(ground, execution.operation)
    operation = execution.operation
    if move is None:
        return operation, None, view, None
    if isinstance(move, Remove) and execution.asked_to_remove(move):
        return operation, None, view, None  # the watch will tell when it is gone
    if isinstance(move, Run) and execution.cannot_see(move, view.live):
        return operation, None, view, adapters.clock.now() + timedelta(seconds=_UNSEEN_SECONDS)
    if isinstance(move, Wait):
        execution.learn(replace(operation, message=move.message))
        return execution.operation, None, view, move.until
    return operation, move, view, None


async def _carried_out(ground: Ground, execution: Execution, move: Run, view: View) -> View:
    app = ground.app
    app.writing = True
    try:
        with ground.adapters.tracer.span("apply") as span:
            span.keep()
            await execution.run(move, view.live, view.comparison)
            if span.recording:
                _tell(span, move, execution.operation)
    finally:
        app.writing = False
    return await ground.look(view)


def _tell(span: Span, move: Run, operation: Operation) -> None:
    """What a stage did, for the trace."""
    steps = [step for group in move.groups for step in group]
    kinds = Counter(step.key.kind for step in steps)
    results = Counter(operation.results[step.key].code.value for step in steps if step.key in operation.results)
    span.note(
        stage=operation.stage + 1,
        objects=len(steps),
        kinds=[f"{kind}={count}" for kind, count in sorted(kinds.items())],
        results=[f"{code}={count}" for code, count in sorted(results.items())],
        revision=",".join(operation.revisions),
    )


def _earlier(ground: Ground, operation: Operation, until: datetime | None) -> datetime | None:
    """When to look again: then, or when a sync window closes, or the operation's time is over."""
    now = ground.adapters.clock.now()
    again = ground.adapters.hold(ground.app.spec).again
    closes = now + timedelta(seconds=again) if again is not None else None
    limit = ground.adapters.sync.timeout
    ends = None
    if limit is not None and operation.phase is not Phase.TERMINATING and operation.held_since is None:
        ends = now + timedelta(seconds=max(0.0, limit - operation.seconds_at(now)) + _AFTERWARDS)
    return earliest([until, closes, ends])


def _check(ground: Ground, view: View, wanted: DesiredObject, replaces: bool) -> None:
    there = view.live.objects.get(wanted.key)
    check_namespace(ground.app.spec, wanted, there, ground.adapters.projects(), replaces=replaces)


def _far(operation: Operation) -> Mapping[HookId, tuple[str, HookOutcome, bool]]:
    """How far its hooks are: what a restart has to know. What they say meanwhile is only shown."""
    return {item: (run.uid, run.outcome, run.cleaned) for item, run in operation.hooks.items()}


def _at_another_point(now: Operation, before: Operation) -> bool:
    return (now.stage, now.failing, now.applied, now.held_since) != (
        before.stage,
        before.failing,
        before.applied,
        before.held_since,
    )


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
    if limit is not None and operation.seconds_at(ground.adapters.clock.now()) > limit:
        return f"sync.timeout, {limit:g} s"
    return ""


def _stops(ground: Ground, operation: Operation) -> bool:
    """Whether no further step shall begin, though there are some in hand."""
    return ground.adapters.stopping() or bool(ground.app.terminate) or bool(_held(ground, operation))


def _held(ground: Ground, operation: Operation) -> str:
    """Why a sync window lets it do no further step now; "" if it may."""
    hold = ground.adapters.hold(ground.app.spec)
    return hold.stops if operation.request.automated else hold.stops_manual


async def note(ground: Ground, operation: Operation) -> None:
    """Keep how far it came, if it is one that is kept. Raises `StoreError`."""
    if operation.manifests:
        await ground.adapters.journal.note(ground.app.spec.name, operation)
