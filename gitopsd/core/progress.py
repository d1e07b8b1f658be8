"""What an operation does next: the state machine of a sync. It decides, and waits for nothing.

Source of the order: https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/ (phases, waves, hooks).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from gitopsd.core.annotations import OPERATION, is_hook
from gitopsd.core.errors import beside, without_hint
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.health.timing import NO_TIMEOUTS, Timing, earliest, timed
from gitopsd.core.hook import DeletePolicy, HookOutcome
from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.core.immutable import named_fields
from gitopsd.core.jsonvalue import sequence, string_map
from gitopsd.core.live import Live, LiveObject
from gitopsd.core.operation import HookId, HookRun, Operation, Phase, ResultCode, StagePlace, StepResult
from gitopsd.core.otherruns import abandoned_at, maker_of, ran_out
from gitopsd.core.plan import ApplyStep, HookStep, Plan, PruneStep, Stage, Step, Way
from gitopsd.core.staying import staying

RUNS_TO_COMPLETION: Final = frozenset(
    {GroupKind("batch", "Job"), GroupKind("", "Pod"), GroupKind("argoproj.io", "Workflow")}
)
"""Kinds of which one that is left over from an earlier operation says nothing about this one."""


Known: TypeAlias = Callable[[str], bool]


def everybody_is_known(_: str) -> bool:
    """Nothing is taken for one of an application that is gone."""
    return True


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete these, which stand in the way of the stage's steps."""

    objects: tuple[LiveObject, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """Run these steps; each group only after the one before."""

    groups: tuple[tuple[Step, ...], ...]


@dataclass(frozen=True, slots=True)
class Clean:
    """Delete the objects of hooks that are over (None: it is gone already), their logs kept before."""

    hooks: tuple[tuple[HookId, LiveObject | None], ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do until something changes, or until then."""

    message: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Judge:
    """The health of more objects is needed (`judged`) before anything can be said."""


Move: TypeAlias = Remove | Run | Clean | Wait | Judge


@dataclass(frozen=True, slots=True)
class Sight:
    """The world as an operation sees it at one moment.

    `verdicts` are on the health of `judged`'s objects; `gone` are hooks' objects that vanished, as they were seen last.
    `confirmed`: somebody let it delete what waits for that. `owner` is the application as live objects name it: what is
    not its own is in nobody's way. `held` is why no further step may begin now ("" if it may). `polite`: hooks that
    others began are let run to their end (`core.otherruns`); `known` as for `may_replace`.
    """

    live: Live
    verdicts: Mapping[ObjectKey, Health | None]
    now: datetime
    timing: Timing = NO_TIMEOUTS
    gone: Mapping[ObjectKey, LiveObject] = field(default_factory=dict)
    confirmed: bool = False
    owner: str = ""
    held: str = ""
    polite: bool = False
    known: Known = everybody_is_known


def stage_of(operation: Operation) -> Stage | None:
    """The stage that it works on; None when there is none left."""
    stages = _stages(operation)
    return stages[operation.stage] if operation.stage < len(stages) else None


def judged(
    operation: Operation, live: Live, gone: Mapping[ObjectKey, LiveObject], *, polite: bool = False
) -> tuple[LiveObject, ...]:
    """The objects whose health decides how it goes on; `polite` as in `Sight`."""
    stage = stage_of(operation)
    if stage is None:
        return ()
    keys = [item.key for item in operation.running_hooks]
    if polite and not operation.applied:
        keys += [step.key for step, _ in _of_others(operation, stage, live)]
    if operation.applied and not operation.failing:
        keys += stage.waits_for
    found = (live.objects.get(key) or gone.get(key) for key in dict.fromkeys(keys))
    return tuple(item for item in found if item is not None)


def next_move(operation: Operation, sight: Sight) -> tuple[Operation, Move | None]:
    """The operation with what `sight` tells of it, and what to do next; None when it is over."""
    operation = _holding(_learned(operation, sight), sight)
    if operation.phase is Phase.TERMINATING:
        return _terminating(operation, sight)
    while not operation.phase.done:
        stage = stage_of(operation)
        if stage is None:
            return _over(operation, sight.now), None
        if (operation.applied or sight.polite) and _unjudged(operation, sight):
            return operation, Judge()
        if not operation.applied:
            left = tuple(_left(operation, stage))
            move = _before(operation, stage, sight) or (Run(left) if left else None)
            if move is not None:
                return _unless_held(operation, stage, move, sight)
            operation = replace(operation, applied=True)
            continue
        operation, move = _after(operation, stage, sight)
        if move is not None:
            return operation, move
    return operation, None


def _unjudged(operation: Operation, sight: Sight) -> bool:
    needed = judged(operation, sight.live, sight.gone, polite=sight.polite)
    return any(item.key not in sight.verdicts for item in needed)


def with_result(operation: Operation, key: ObjectKey, result: StepResult) -> Operation:
    """After one object's step. Its message stands beside the object's name, and does not repeat it."""
    told = replace(result, message=beside(str(key), result.message), place=_place(operation))
    return replace(operation, results={**operation.results, key: told})


def with_hook(operation: Operation, item: HookId, run: HookRun) -> Operation:
    """After something happened to one hook; its message is as that of a result."""
    told = replace(run, message=beside(str(item.key), run.message), place=run.place or _place(operation))
    return replace(operation, hooks={**operation.hooks, item: told})


def _place(operation: Operation) -> StagePlace | None:
    stage = stage_of(operation)
    return StagePlace(operation.stage + 1, stage.phase, stage.wave) if stage is not None else None


def recreated(operation: Operation, step: ApplyStep, live: LiveObject, why: str) -> Operation:
    """The API server does not let the object be changed in place (`why`): it is deleted and made anew instead."""
    plan = operation.plan
    if plan is None:
        return operation
    anew = replace(step, way=Way.RECREATE, replaces=live.uid, why_anew=named_fields(beside(str(step.key), why)))

    def exchanged(stages: Sequence[Stage]) -> tuple[Stage, ...]:
        return tuple(
            replace(
                stage, groups=tuple(tuple(anew if item is step else item for item in group) for group in stage.groups)
            )
            for stage in stages
        )

    changed = replace(plan, stages=exchanged(plan.stages), failing=exchanged(plan.failing))
    results = {key: item for key, item in operation.results.items() if key != step.key}
    return replace(operation, plan=changed, results=results)


def terminating(operation: Operation, by: str) -> Operation:
    """Somebody wants it to end. What had failed before stays the first thing that it says."""
    told = f"terminated by {by}" if by else "terminated"
    message = f"{operation.failing}; {told}" if operation.failing else told
    return replace(operation, phase=Phase.TERMINATING, message=message)


def superseded(operation: Operation, now: datetime, why: str) -> Operation:
    """It is given up for something newer; only where none of its hooks runs (`Operation.running_hooks`)."""
    return replace(operation, phase=Phase.FAILED, message=why, finished_at=now)


def run_id(operation: Operation, item: HookId) -> str:
    """What the object of a hook says in its annotation `gitopsd.io/operation`: which run of which operation made it."""
    return f"{operation.id}/{item.phase}"


def is_ours(operation: Operation, item: HookId, live: LiveObject) -> bool:
    """Whether a hook's object was made by this run."""
    return annotations_of(live).get(OPERATION) == run_id(operation, item)


def runs_hooks(operation: Operation) -> bool:
    """Whether there are hooks between its beginning and its end."""
    if operation.hooks or operation.plan is None:
        return bool(operation.hooks)
    return any(isinstance(step, HookStep) for step in operation.plan.steps())


def needs_journal(operation: Operation) -> bool:
    """Whether a kill in the middle could do harm, or lose what somebody asked for.

    An automated sync of one stage that only applies and prunes is not journalled: whatever is left of it differs from
    git at the next start, and is done then.
    """
    plan = operation.plan
    if plan is None or not operation.request.automated:
        return True
    if len(plan.stages) > 1 or plan.failing or plan.guarded:
        return True
    return any(
        isinstance(step, HookStep)
        or (isinstance(step, ApplyStep) and (step.way is not Way.APPLY or step.force))
        or (isinstance(step, PruneStep) and step.confirm)
        for step in plan.steps()
    )


def _stages(operation: Operation) -> tuple[Stage, ...]:
    plan: Plan | None = operation.plan
    if plan is None:
        return ()
    return plan.failing if operation.failing else plan.stages


def _over(operation: Operation, now: datetime) -> Operation:
    if operation.failing:
        return replace(operation, phase=Phase.FAILED, message=operation.failing, finished_at=now, applied=False)
    stay = len(staying(operation))
    pruned = sum(item.code is ResultCode.PRUNED for item in operation.results.values())
    written = len(operation.results) - stay - pruned
    ran = len(operation.hooks)
    hooks = f", {ran} {'hook' if ran == 1 else 'hooks'} run" if ran else ""
    objects = f"{written} {'object' if written == 1 else 'objects'} written"
    went = f", {pruned} pruned" if pruned else ""
    kept = f", {stay} that left git {'stays' if stay == 1 else 'stay'}" if stay else ""
    return replace(
        operation, phase=Phase.SUCCEEDED, finished_at=now, message=f"{objects}{went}{hooks}{kept}", applied=False
    )


def _failed(operation: Operation, why: str, now: datetime) -> Operation:
    """Its SyncFail hooks run before it is over; one that fails among them adds what it says."""
    if operation.failing:
        return replace(operation, phase=Phase.FAILED, message=f"{operation.failing}; {why}", finished_at=now)
    if operation.plan is not None and operation.plan.failing:
        return replace(operation, failing=why, stage=0, applied=False, message=why)
    return replace(operation, phase=Phase.FAILED, message=why, finished_at=now)


# While no further step may begin


def _holding(operation: Operation, sight: Sight) -> Operation:
    """With how long it was held, which does not count for its time-out."""
    since = operation.held_since
    if bool(sight.held) == (since is not None):
        return operation
    if since is None:
        return replace(operation, held_since=sight.now)
    return replace(
        operation, held_since=None, held_seconds=operation.held_seconds + (sight.now - since).total_seconds()
    )


def _unless_held(operation: Operation, stage: Stage, move: Move, sight: Sight) -> tuple[Operation, Move]:
    """The move; while it is held, only what finishes a step in hand: what was deleted to be made anew is made."""
    if not sight.held or isinstance(move, Wait):
        return operation, move
    finishing = tuple(
        step
        for step in _left_flat(operation, stage)
        if isinstance(step, ApplyStep) and step.way is Way.RECREATE and _made_room(step, sight.live)
    )
    if finishing:
        return operation, Run((finishing,))
    return operation, Wait(f"waits for the sync window: {sight.held}")


def _made_room(step: ApplyStep, live: Live) -> bool:
    there = live.objects.get(step.key)
    return there is None or there.uid != step.replaces


# Before the steps of a stage


def _before(operation: Operation, stage: Stage, sight: Sight) -> Move | None:
    asking = [step.key for step in stage.prunes if step.confirm and step.key not in operation.results]
    if asking and not sight.confirmed:
        return Wait(
            f"waiting for somebody to confirm the deletion of {_named(asking)} (Prune=confirm): "
            f"gitopsd app confirm-deletion {sight.owner}".rstrip()
        )
    if sight.polite and (waits := _let_run(operation, stage, sight)) is not None:
        return waits
    in_the_way = tuple(_in_the_way(operation, stage, sight))
    fresh = tuple(item for item in in_the_way if not item.deleting)
    if fresh:
        return Remove(fresh)
    if in_the_way:
        held = _finalizers(in_the_way[0])
        why = f", which {held} holds" if held else ""
        return Wait(f"waiting until {in_the_way[0].key} is gone{why}, to make it anew")
    return None


def _of_others(operation: Operation, stage: Stage, live: Live) -> Iterator[tuple[HookStep, LiveObject]]:
    """The objects of hooks that would be replaced, and that another operation made."""
    for step in _left_flat(operation, stage):
        there = live.objects.get(step.key) if isinstance(step, HookStep) else None
        if isinstance(step, HookStep) and there is not None and not there.deleting:
            item = HookId(step.phase, step.key)
            if maker_of(there) not in ("", operation.id) and _goes_first(operation, item, step, there):
                yield step, there


def _let_run(operation: Operation, stage: Stage, sight: Sight) -> Wait | None:
    """Hooks that another operation made, and that run, come to their end first: nobody's migration is torn down. After
    the hook's own time-out whoever made it would have ended it, and is gone.
    """
    waits: list[str] = []
    ends: list[datetime | None] = []
    for step, there in _of_others(operation, stage, sight.live):
        body = there.document.body()
        verdict = timed(sight.verdicts.get(there.key), body, sight.now, sight.timing)
        end = abandoned_at(there, step.hook.timeout)
        if outcome_of(verdict.health)[0].done or (end is not None and sight.now >= end):
            continue
        waits.append(
            f"{there.key}, which another operation ({maker_of(there)}) made and which runs: "
            "another gitopsd may be at work on this application"
        )
        ends += [end, verdict.until]
    return Wait(f"waits for {_named(waits)}", earliest(ends)) if waits else None


def may_replace(live: LiveObject, owner: str, known: Known = everybody_is_known) -> bool:
    """Whether a hook may take the place of this object: the application's own, a hook that nobody tracks (one that Helm
    left), or one that came to its end and is of an application that nobody knows any more. Without an `owner` nobody
    asks; `known` says of other owners whether there is such an application.
    """
    if not owner or live.owner == owner:
        return True
    if live.foreign or (live.owner and known(live.owner)):
        return False
    return ran_out(live) if live.owner else is_hook(annotations_of(live))


def annotations_of(live: LiveObject) -> Mapping[str, str]:
    """A live object's annotations."""
    return string_map(live.document.body(), "metadata", "annotations")


def _in_the_way(operation: Operation, stage: Stage, sight: Sight) -> Iterator[LiveObject]:
    """What has to go before the stage's steps: hooks of earlier syncs, objects that cannot be changed in place."""
    for step in _left_flat(operation, stage):
        there = sight.live.objects.get(step.key)
        if there is None:
            continue
        if isinstance(step, HookStep) and not may_replace(there, sight.owner, sight.known):
            continue
        if isinstance(step, HookStep):
            if _goes_first(operation, HookId(step.phase, step.key), step, there):
                yield there
        elif isinstance(step, ApplyStep) and step.way is Way.RECREATE and there.uid == step.replaces:
            yield there


def _goes_first(operation: Operation, item: HookId, step: HookStep, there: LiveObject) -> bool:
    """Whether what an earlier run made of a hook is deleted before its next one."""
    goes = DeletePolicy.BEFORE_HOOK_CREATION in step.hook.policies or there.key.group_kind in RUNS_TO_COMPLETION
    return not is_ours(operation, item, there) and (goes or there.deleting)


def _left(operation: Operation, stage: Stage) -> Iterator[tuple[Step, ...]]:
    """The stage's groups without the steps that are done."""
    for group in (stage.prunes, *stage.groups):
        left = tuple(step for step in group if not _done(operation, step))
        if left:
            yield left


def _left_flat(operation: Operation, stage: Stage) -> Iterator[Step]:
    for group in _left(operation, stage):
        yield from group


def _done(operation: Operation, step: Step) -> bool:
    if isinstance(step, HookStep):
        run = operation.hooks.get(HookId(step.phase, step.key))
        # begun, and nobody knows whether its object was made: it is looked for, and made if it is not there
        return run is not None and (bool(run.uid) or run.outcome.done)
    return step.key in operation.results


# After the steps of a stage


def _after(operation: Operation, stage: Stage, sight: Sight) -> tuple[Operation, Move | None]:
    hooks = [HookId(step.phase, step.key) for step in stage.hooks]
    running = [item for item in hooks if not operation.hooks[item].outcome.done]
    if running:
        first = running[0].key
        more = f" and {len(running) - 1} more" if len(running) > 1 else ""
        message = f"waiting for completion of hook {first}{more}"
        return replace(operation, message=message), Wait(message, _asked_again_at(operation, stage, running, sight))
    operation, clean = _cleaned(operation, stage, sight.live)
    if clean:
        return operation, Clean(clean)
    failure = _failure(operation, hooks)
    if failure:
        return _failed(operation, failure, sight.now), None
    waits, never, until = waiting_for(stage, sight)
    if never and not operation.failing:
        return _failed(operation, never, sight.now), None
    if waits and not operation.failing:
        return replace(operation, message=waits), Wait(waits, until)
    return replace(operation, stage=operation.stage + 1, applied=False, message=""), None


def waiting_for(stage: Stage, sight: Sight) -> tuple[str, str, datetime | None]:
    """What the next stage still waits for: (sentence, "", when to look again) or ("", why it will never come, None).
    All empty: nothing.
    """
    waiting: list[str] = []
    until: datetime | None = None
    for key in stage.waits_for:
        there = sight.live.objects.get(key)
        if there is None and (why := sight.live.unreadable.why(key)):
            waiting.append(f"{key} ({why})")
            continue
        if there is None:
            return "", f"{key} is missing while wave {stage.wave} waits for it; it might have been deleted", None
        verdict = timed(sight.verdicts.get(key), there.document.body(), sight.now, sight.timing)
        health = verdict.health
        if health is None or health.status is HealthStatus.HEALTHY:
            continue
        if health.status is HealthStatus.DEGRADED:
            return "", f"{key} is Degraded: {health.message}", None
        if verdict.until is not None:
            until = min(until, verdict.until) if until else verdict.until
        waiting.append(str(key))
    if not waiting:
        return "", "", None
    return f"waiting for {_named(waiting)} to become healthy (wave {stage.wave})", "", until


def _failure(operation: Operation, hooks: Iterable[HookId]) -> str:
    failed = [(str(key), item.message) for key, item in operation.failures]
    for item in hooks:
        run = operation.hooks[item]
        if run.outcome is not HookOutcome.SUCCEEDED:
            failed.append((f"hook {item.key} ({item.phase})", run.message or run.outcome.value))
    if operation.failing:  # the steps that failed are why its SyncFail hooks run
        failed = failed[len(operation.failures) :]
    if not failed:
        return ""
    name, message = failed[0]
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    told, hint = without_hint(message)
    return f"{name}: {told}{more}{hint}"


def _cleaned(
    operation: Operation, stage: Stage, live: Live
) -> tuple[Operation, tuple[tuple[HookId, LiveObject | None], ...]]:
    """The hooks of the stage that are deleted now; of the others it is noted that they stay."""
    clean: list[tuple[HookId, LiveObject | None]] = []
    hooks = dict(operation.hooks)
    for step in stage.hooks:
        item = HookId(step.phase, step.key)
        run = hooks[item]
        if run.cleaned:
            continue
        there = live.objects.get(step.key)
        goes = run.uid and _goes(run.outcome, step.hook.policies)
        if goes:
            clean.append((item, there if there is not None and there.uid == run.uid else None))
        else:
            hooks[item] = replace(run, cleaned=True)
    return replace(operation, hooks=hooks), tuple(clean)


def _goes(outcome: HookOutcome, policies: frozenset[DeletePolicy]) -> bool:
    if outcome is HookOutcome.SUCCEEDED:
        return DeletePolicy.HOOK_SUCCEEDED in policies
    return outcome is HookOutcome.TERMINATED or DeletePolicy.HOOK_FAILED in policies


# What became of the hooks


def _learned(operation: Operation, sight: Sight) -> Operation:
    """What the cluster tells of the hooks that run."""
    if not operation.running_hooks:
        return operation
    timeouts = {
        HookId(step.phase, step.key): step.hook.timeout
        for stage in _stages(operation)[operation.stage : operation.stage + 1]
        for step in stage.hooks
    }
    hooks = dict(operation.hooks)
    for item in operation.running_hooks:
        hooks[item] = _seen(operation, item, timeouts.get(item), sight)
    return replace(operation, hooks=hooks)


def _seen(operation: Operation, item: HookId, timeout: float | None, sight: Sight) -> HookRun:
    run = operation.hooks[item]
    there = sight.live.objects.get(item.key)
    if not run.uid:
        if there is None or not is_ours(operation, item, there):
            return run
        run = replace(run, uid=there.uid)
    if there is not None and there.uid == run.uid:
        return _running(run, there, timeout, sight)
    if why := sight.live.unreadable.why(item.key):
        return _unseen(run, timeout, why, sight.now)
    last = sight.gone.get(item.key)
    if last is None or last.uid != run.uid:
        return _ended(run, HookOutcome.FAILED, "it was deleted before its end was seen", sight.now)
    outcome, message = _outcome(last, sight)
    if outcome.done:
        return _ended(run, outcome, message, sight.now)
    return _ended(run, HookOutcome.FAILED, "it was deleted before its end", sight.now)


def _running(run: HookRun, there: LiveObject, timeout: float | None, sight: Sight) -> HookRun:
    outcome, message = _outcome(there, sight)
    if outcome.done:
        return _ended(run, outcome, message, sight.now)
    if there.deleting:
        return _ended(run, HookOutcome.FAILED, "somebody deletes it", sight.now)
    if _is_overdue(run, timeout, sight.now):
        return _ended(run, HookOutcome.TERMINATED, f"it did not end within {timeout:g} s", sight.now)
    return replace(run, message=message)


def _unseen(run: HookRun, timeout: float | None, why: str, now: datetime) -> HookRun:
    """A hook that may run or not; its object is in the way of its next run once it can be read."""
    if not _is_overdue(run, timeout, now):
        return run
    return _ended(run, HookOutcome.TERMINATED, f"its end was not seen within {timeout:g} s: {why}", now)


def _is_overdue(run: HookRun, timeout: float | None, now: datetime) -> bool:
    return timeout is not None and now >= run.started_at + timedelta(seconds=timeout)


def _outcome(there: LiveObject, sight: Sight) -> tuple[HookOutcome, str]:
    return outcome_of(timed(sight.verdicts.get(there.key), there.document.body(), sight.now, sight.timing).health)


def outcome_of(health: Health | None) -> tuple[HookOutcome, str]:
    """How a hook stands, by the health of its object: what has none is done as soon as it is there (Argo CD's rule)."""
    if health is None or health.status is HealthStatus.HEALTHY:
        return HookOutcome.SUCCEEDED, health.message if health is not None else ""
    if health.status is HealthStatus.DEGRADED:
        return HookOutcome.FAILED, health.message
    return HookOutcome.RUNNING, health.message


def _ended(run: HookRun, outcome: HookOutcome, message: str, now: datetime) -> HookRun:
    return replace(run, outcome=outcome, message=message, finished_at=now)


def _asked_again_at(operation: Operation, stage: Stage, running: Iterable[HookId], sight: Sight) -> datetime | None:
    """When a hook's time is over, or a verdict that was for a time; None if there is no such moment."""
    timeouts = {HookId(step.phase, step.key): step.hook.timeout for step in stage.hooks}
    ends: list[datetime] = []
    for item in running:
        seconds, there = timeouts.get(item), sight.live.objects.get(item.key)
        if seconds is not None:
            ends.append(operation.hooks[item].started_at + timedelta(seconds=seconds))
        if there is not None:
            until = timed(sight.verdicts.get(item.key), there.document.body(), sight.now, sight.timing).until
            ends += [until] if until is not None else []
    return min(ends, default=None)


def _terminating(operation: Operation, sight: Sight) -> tuple[Operation, Move | None]:
    running = operation.running_hooks
    if not running:
        return replace(operation, phase=Phase.FAILED, finished_at=sight.now), None
    there = tuple(
        found
        for item in running
        if (found := sight.live.objects.get(item.key)) is not None and found.uid == operation.hooks[item].uid
    )
    fresh = tuple(item for item in there if not item.deleting)
    if fresh:
        return operation, Remove(fresh)
    hooks = {
        item: _ended(run, HookOutcome.TERMINATED, operation.message, sight.now) if item in running else run
        for item, run in operation.hooks.items()
    }
    return replace(operation, hooks=hooks, phase=Phase.FAILED, finished_at=sight.now), None


def _finalizers(live: LiveObject) -> str:
    held = sequence(live.document.body(), "metadata", "finalizers")
    names = ", ".join(str(item) for item in held)
    return f"the finalizer {names}" if len(held) == 1 else f"the finalizers {names}" if held else ""


def _named(items: Sequence[object]) -> str:
    return f"{items[0]} and {len(items) - 1} more" if len(items) > 1 else str(items[0])
