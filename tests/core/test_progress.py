"""What an operation does next: every move, and every end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gitopsd.core.annotations import HOOK_TIMEOUT
from gitopsd.core.compare import Verdict
from gitopsd.core.document import Document, canonical
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.hook import HookOutcome, SyncPhase
from gitopsd.core.hooknames import for_operation
from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, mapping
from gitopsd.core.live import Live, LiveObject
from gitopsd.core.operation import HookId, HookRun, Operation, Phase, ResultCode, StagePlace, StepResult
from gitopsd.core.plan import ApplyStep, HookStep, Plan, PlanReason, PruneStep, Stage, Step, Way
from gitopsd.core.progress import (
    Clean,
    Judge,
    Remove,
    Run,
    Sight,
    Wait,
    needs_journal,
    next_move,
    recreated,
    run_id,
    superseded,
    terminating,
    with_hook,
    with_result,
)
from gitopsd.core.syncrequest import AUTOMATED, SyncRequest
from gitopsd.core.unreadable import KindPlace, Unreadable
from gitopsd.testing.builders import a_config_map, a_deployment
from tests.core.making import live_of, want
from tests.core.planning import a_hook, a_job, planned

NOW = datetime(2030, 1, 1, tzinfo=UTC)
BY_HAND = SyncRequest(initiated_by="somebody")
HEALTHY = Health(HealthStatus.HEALTHY)
DEGRADED = Health(HealthStatus.DEGRADED, "it is broken")
PROGRESSING = Health(HealthStatus.PROGRESSING, "it comes")
SETTINGS = ObjectKey("", "ConfigMap", "default", "settings")
WEB = ObjectKey("apps", "Deployment", "default", "web")
SYNCED = StepResult(ResultCode.SYNCED)
REFUSED = StepResult(ResultCode.SYNC_FAILED, "it is not wanted")


def job(name: str = "migrate") -> ObjectKey:
    return ObjectKey("batch", "Job", "default", name)


def pre(name: str = "migrate") -> HookId:
    return HookId(SyncPhase.PRE_SYNC, job(name))


def begun(*bodies: JsonObject) -> Operation:
    """Return an operation that makes all of these."""
    return of(planned(*bodies))


def of(plan: Plan) -> Operation:
    return Operation("digest", ("commit",), NOW, plan=plan, id="operation-1", request=BY_HAND)


def at(
    *found: LiveObject,
    health: Mapping[ObjectKey, Health | None] | None = None,
    after: float = 0,
    gone: Iterable[LiveObject] = (),
    confirmed: bool = False,
    unreadable: Iterable[GroupKind] = (),
    held: str = "",
    polite: bool = False,
) -> Sight:
    """Return what is there, and how healthy it is, so many seconds after the beginning."""
    hidden = Unreadable({KindPlace(kind): "forbidden" for kind in unreadable})
    live = Live({one.key: one for one in found}, hidden)
    vanished = {one.key: one for one in gone}
    now = NOW + timedelta(seconds=after)
    return Sight(live, health or {}, now, gone=vanished, confirmed=confirmed, held=held, polite=polite)


def step_of(operation: Operation, key: ObjectKey, phase: SyncPhase | None = None) -> Step:
    assert operation.plan is not None
    stages = (*operation.plan.stages, *operation.plan.failing)
    steps = [step for stage in stages for group in (stage.prunes, *stage.groups) for step in group]
    return next(step for step in steps if step.key == key and (phase is None or getattr(step, "phase", phase) is phase))


def hook_object(operation: Operation, item: HookId, *, uid: str = "uid-1", deleting: bool = False) -> LiveObject:
    """Return the object that the operation makes of a hook."""
    step = step_of(operation, item.key, item.phase)
    assert isinstance(step, HookStep)
    made = live_of(for_operation(step.hook, run_id(operation, item)).object)
    return replace(made, uid=uid, deleting=deleting)


def former(operation: Operation, item: HookId, *, deleting: bool = False) -> LiveObject:
    """Return the object that an earlier operation made of it."""
    return hook_object(replace(operation, id="operation-0"), item, uid="uid-0", deleting=deleting)


def held_by(live: LiveObject, *finalizers: str) -> LiveObject:
    body = live.document.body()
    metadata = {**mapping(body, "metadata"), "finalizers": list(finalizers)}
    return replace(live, document=Document(canonical({**body, "metadata": metadata})))


def running(operation: Operation, *items: HookId, uid: str = "uid-1") -> Operation:
    for item in items:
        operation = with_hook(operation, item, HookRun(NOW, uid))
    return operation


def applied(operation: Operation, *keys: ObjectKey, result: StepResult = SYNCED) -> Operation:
    for key in keys:
        operation = with_result(operation, key, result)
    return operation


def told(move: object) -> list[list[str]]:
    """Return the names of what is run, group by group."""
    assert isinstance(move, Run)
    return [[step.key.name for step in group] for group in move.groups]


# The steps of a stage


def test_a_stage_runs_group_by_group() -> None:
    _, move = next_move(begun(a_config_map(), a_deployment()), at())
    assert told(move) == [["settings"], ["web"]]


def test_what_is_done_is_not_run_again() -> None:
    operation = applied(begun(a_config_map(), a_deployment()), SETTINGS)
    _, move = next_move(operation, at())
    assert told(move) == [["web"]]


def test_a_hook_whose_end_nobody_saw_is_not_run_again() -> None:
    operation = running(begun(a_hook(), a_hook("load")), pre())
    _, move = next_move(operation, at(hook_object(operation, pre())))
    assert told(move) == [["load"]]


def test_without_anything_to_do_it_is_over() -> None:
    operation, move = next_move(of(Plan("digest", (), {})), at())
    assert (operation.phase, operation.message, move) == (Phase.SUCCEEDED, "0 objects written", None)


def test_all_done_it_has_succeeded_and_says_what_it_did() -> None:
    operation = running(begun(a_config_map(), a_hook()), pre())
    sight = at(hook_object(operation, pre()), health={job(): HEALTHY})
    operation, move = next_move(operation, sight)
    assert told(move) == [["settings"]]
    assert operation.stage == 1
    operation, move = next_move(applied(operation, SETTINGS), at(live_of_step(operation), health={SETTINGS: None}))
    assert move is None
    assert (operation.phase, operation.finished_at) == (Phase.SUCCEEDED, NOW)
    assert operation.message == "1 object written, 1 hook run"


def live_of_step(operation: Operation, key: ObjectKey = SETTINGS) -> LiveObject:
    step = step_of(operation, key)
    assert isinstance(step, ApplyStep)
    return live_of(step.desired)


# What has to go before


@pytest.mark.parametrize("policy", ["", "HookSucceeded", "BeforeHookCreation"])
def test_a_job_of_an_earlier_sync_goes_first_whatever_its_policy(policy: str) -> None:
    operation = begun(a_hook(policy=policy))
    there = former(operation, pre())
    _, move = next_move(operation, at(there))
    assert move == Remove((there,))


@pytest.mark.parametrize(("policy", "goes"), [("", True), ("HookSucceeded", False), ("HookFailed", False)])
def test_a_hook_that_is_no_job_goes_first_if_its_policy_says_so(policy: str, goes: bool) -> None:
    item = HookId(SyncPhase.PRE_SYNC, ObjectKey("", "ConfigMap", "default", "migrate"))
    operation = begun(a_hook(kind="ConfigMap", policy=policy))
    there = former(operation, item)
    _, move = next_move(operation, at(there))
    assert isinstance(move, Remove if goes else Run)


def test_what_is_being_deleted_is_waited_for_and_its_finalizer_is_named() -> None:
    operation = begun(a_hook())
    _, move = next_move(operation, at(held_by(former(operation, pre(), deleting=True), "example.org/hold")))
    assert isinstance(move, Wait)
    message = (
        "waiting until batch/Job default/migrate is gone, which the finalizer example.org/hold holds, to make it anew"
    )
    assert move.message == message


def test_a_hook_of_two_phases_is_made_anew_for_the_second() -> None:
    operation = begun(a_hook(phases="PreSync,PostSync"))
    over = HookRun(NOW, "uid-1", HookOutcome.SUCCEEDED, finished_at=NOW, cleaned=True)
    operation = replace(with_hook(operation, pre(), over), stage=1)
    there = hook_object(operation, pre())
    _, move = next_move(operation, at(there))
    assert move == Remove((there,))


@pytest.mark.parametrize(("uid", "goes"), [("uid-load", True), ("uid-new", False)])
def test_an_object_that_is_made_anew_is_deleted_once(uid: str, goes: bool) -> None:
    operation = of(planned(a_job(), verdict=Verdict.REFUSED, error="spec.template: field is immutable"))
    there = replace(live_of_step(operation, job("load")), uid=uid)
    _, move = next_move(operation, at(there))
    assert move == Remove((there,)) if goes else told(move) == [["load"]]


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_deletion_that_asks_is_waited_for(confirmed: bool) -> None:
    prune = PruneStep(live_of(want(a_config_map()).objects[0]), confirm=True)
    operation = of(Plan("digest", (Stage(0, (prune,)),), {}))
    _, move = next_move(operation, at(prune.live, confirmed=confirmed))
    if confirmed:
        assert told(move) == [["settings"]]
    else:
        assert isinstance(move, Wait)
        assert "confirm the deletion of" in move.message


# Hooks


@pytest.mark.parametrize(
    ("health", "outcome"),
    [
        (None, HookOutcome.SUCCEEDED),
        (HEALTHY, HookOutcome.SUCCEEDED),
        (DEGRADED, HookOutcome.FAILED),
        (PROGRESSING, HookOutcome.RUNNING),
        (Health(HealthStatus.SUSPENDED), HookOutcome.RUNNING),
        (Health(HealthStatus.UNKNOWN), HookOutcome.RUNNING),
    ],
)
def test_a_hook_stands_as_the_health_of_its_object(health: Health | None, outcome: HookOutcome) -> None:
    operation = running(begun(a_hook()), pre())
    operation, _ = next_move(operation, at(hook_object(operation, pre()), health={job(): health}))
    assert operation.hooks[pre()].outcome is outcome


def limited(body: JsonObject) -> JsonObject:
    """Return the hook with a time-out of a minute."""
    marks = {**mapping(body, "metadata", "annotations"), HOOK_TIMEOUT: "1m"}
    return {**body, "metadata": {**mapping(body, "metadata"), "annotations": marks}}


def test_a_hook_that_runs_is_waited_for_until_its_time_is_over() -> None:
    operation = running(begun(limited(a_hook())), pre())
    there = hook_object(operation, pre())
    waits, move = next_move(operation, at(there, health={job(): PROGRESSING}, after=59))
    assert isinstance(move, Wait)
    assert move.until == NOW + timedelta(seconds=60)
    assert waits.hooks[pre()].outcome is HookOutcome.RUNNING
    ended, move = next_move(operation, at(there, health={job(): PROGRESSING}, after=60))
    assert ended.hooks[pre()].outcome is HookOutcome.TERMINATED
    assert move == Clean(((pre(), there),))


@pytest.mark.parametrize(
    ("health", "outcome", "message"),
    [
        (HEALTHY, HookOutcome.SUCCEEDED, ""),
        (DEGRADED, HookOutcome.FAILED, "it is broken"),
        (PROGRESSING, HookOutcome.FAILED, "it was deleted before its end"),
    ],
)
def test_a_hook_that_vanished_counts_as_it_was_seen_last(health: Health, outcome: HookOutcome, message: str) -> None:
    operation = running(begun(a_hook()), pre())
    operation, _ = next_move(operation, at(gone=[hook_object(operation, pre())], health={job(): health}))
    assert (operation.hooks[pre()].outcome, operation.hooks[pre()].message) == (outcome, message)


def test_a_hook_that_vanished_unseen_has_failed() -> None:
    operation = running(begun(a_hook()), pre())
    operation, _ = next_move(
        operation, at(gone=[hook_object(operation, pre(), uid="another")], health={job(): HEALTHY})
    )
    assert operation.hooks[pre()].message == "it was deleted before its end was seen"
    assert operation.phase is Phase.FAILED


def test_of_a_hook_that_cannot_be_read_nothing_is_known() -> None:
    operation = running(begun(a_hook()), pre())
    operation, move = next_move(operation, at(unreadable=[GroupKind("batch", "Job")]))
    assert operation.hooks[pre()].outcome is HookOutcome.RUNNING
    assert isinstance(move, Wait)


def test_a_hook_that_cannot_be_read_is_waited_for_no_longer_than_its_time() -> None:
    operation = running(begun(limited(a_hook())), pre())
    jobs = [GroupKind("batch", "Job")]
    waits, move = next_move(operation, at(unreadable=jobs, after=59))
    assert isinstance(move, Wait)
    assert move.until == NOW + timedelta(seconds=60)
    assert waits.hooks[pre()].outcome is HookOutcome.RUNNING
    ended, move = next_move(operation, at(unreadable=jobs, after=60))
    assert ended.hooks[pre()].outcome is HookOutcome.TERMINATED
    assert ended.hooks[pre()].message == "its end was not seen within 60 s: batch/Job cannot be read: forbidden"
    assert move == Clean(((pre(), None),))


def test_a_hook_that_somebody_deletes_has_failed() -> None:
    operation = running(begun(a_hook()), pre())
    there = hook_object(operation, pre(), deleting=True)
    operation, _ = next_move(operation, at(there, health={job(): PROGRESSING}))
    assert operation.hooks[pre()].message == "somebody deletes it"


def test_after_a_kill_the_object_that_was_made_is_the_hook() -> None:
    operation = running(begun(a_hook()), pre(), uid="")
    operation, move = next_move(operation, at(hook_object(operation, pre(), uid="uid-7"), health={job(): PROGRESSING}))
    assert operation.hooks[pre()].uid == "uid-7"
    assert isinstance(move, Wait)


def test_after_a_kill_a_hook_whose_object_was_not_made_is_made() -> None:
    operation = running(begun(a_hook()), pre(), uid="")
    _, move = next_move(operation, at())
    assert told(move) == [["migrate"]]
    _, move = next_move(operation, at(former(operation, pre())))
    assert isinstance(move, Remove)


@pytest.mark.parametrize(
    ("policy", "health", "goes"),
    [
        ("HookSucceeded", HEALTHY, True),
        ("HookSucceeded", DEGRADED, False),
        ("HookFailed", HEALTHY, False),
        ("HookFailed", DEGRADED, True),
        ("HookSucceeded,HookFailed", DEGRADED, True),
        ("BeforeHookCreation", HEALTHY, False),
        ("", DEGRADED, False),
    ],
)
def test_a_hook_that_is_over_is_deleted_as_its_policy_says(policy: str, health: Health, goes: bool) -> None:
    operation = running(begun(a_hook(policy=policy)), pre())
    there = hook_object(operation, pre())
    operation, move = next_move(operation, at(there, health={job(): health}))
    assert (move == Clean(((pre(), there),))) is goes
    assert operation.hooks[pre()].cleaned is not goes


def test_a_hook_that_is_gone_already_is_cleaned_without_a_deletion() -> None:
    operation = running(begun(a_hook(policy="HookSucceeded")), pre())
    _, move = next_move(operation, at(gone=[hook_object(operation, pre())], health={job(): HEALTHY}))
    assert move == Clean(((pre(), None),))


# What is waited for


@pytest.mark.parametrize(
    ("health", "end"),
    [(HEALTHY, "next"), (None, "next"), (PROGRESSING, "waits"), (DEGRADED, "fails"), ("missing", "fails")],
)
def test_the_next_wave_waits_until_the_one_before_is_healthy(health: Health | str | None, end: str) -> None:
    operation = begun(a_deployment(), a_config_map(wave=1))
    operation = replace(applied(operation, WEB), applied=True)
    there = live_of_step(operation, WEB)
    sight = at() if isinstance(health, str) else at(there, health={WEB: health})
    operation, move = next_move(operation, sight)
    if end == "next":
        assert told(move) == [["settings"]]
    elif end == "waits":
        assert isinstance(move, Wait)
        assert operation.message == "waiting for apps/Deployment default/web to become healthy (wave 0)"
    else:
        assert move is None
        assert operation.phase is Phase.FAILED
        assert "web" in operation.message


def test_a_kind_that_cannot_be_read_is_waited_for() -> None:
    operation = begun(a_deployment(), a_config_map(wave=1))
    operation = replace(applied(operation, WEB), applied=True)
    operation, move = next_move(operation, at(unreadable=[GroupKind("apps", "Deployment")]))
    assert isinstance(move, Wait)
    assert "cannot be read: forbidden" in operation.message


def test_what_nobody_judged_is_asked_for_first() -> None:
    operation = begun(a_deployment(), a_config_map(wave=1))
    _, move = next_move(applied(operation, WEB), at(live_of_step(operation, WEB)))
    assert isinstance(move, Judge)


# How it fails


def test_a_step_that_failed_ends_it_and_is_named() -> None:
    operation, move = next_move(applied(begun(a_config_map()), SETTINGS, result=REFUSED), at())
    assert move is None
    assert operation.phase is Phase.FAILED
    assert operation.message.endswith("default/settings: it is not wanted")


def test_what_failed_is_named_once_and_what_to_try_stands_last() -> None:
    said = "cluster local, ConfigMap default/settings: the API server refused to apply it: no room. Try: make some"
    other = a_config_map("other")
    operation = applied(begun(a_config_map(), other), SETTINGS, result=StepResult(ResultCode.SYNC_FAILED, said))
    operation = applied(operation, SETTINGS._replace(name="other"), result=REFUSED)
    assert operation.results[SETTINGS].message == "the API server refused to apply it: no room. Try: make some"
    operation, _ = next_move(operation, at())
    assert operation.message == (
        "ConfigMap default/settings: the API server refused to apply it: no room (and 1 more). Try: make some"
    )


def test_what_a_hook_was_refused_for_names_it_once() -> None:
    operation = begun(a_hook())
    refused = HookRun(NOW, outcome=HookOutcome.ERROR, message="cluster local, batch/Job default/migrate: no room")
    operation, _ = next_move(with_hook(operation, pre(), refused), at())
    assert operation.message == "hook batch/Job default/migrate (PreSync): no room"


def test_each_result_knows_its_stage() -> None:
    operation = begun(a_hook(), a_config_map())
    operation = replace(running(operation, pre()), stage=1)
    operation = with_hook(operation, pre(), replace(operation.hooks[pre()], message="it comes"))
    assert operation.hooks[pre()].place == StagePlace(1, SyncPhase.PRE_SYNC, 0)
    assert applied(operation, SETTINGS).results[SETTINGS].place == StagePlace(2, SyncPhase.SYNC, 0)


def test_a_step_that_failed_waits_for_the_hooks_beside_it() -> None:
    item = HookId(SyncPhase.SYNC, job())
    operation = begun(a_config_map(), a_hook(phases="Sync"))
    operation = running(applied(operation, SETTINGS, result=REFUSED), item)
    there = hook_object(operation, item)
    operation, move = next_move(operation, at(there, health={job(): PROGRESSING, SETTINGS: None}))
    assert isinstance(move, Wait)
    operation, move = next_move(operation, at(there, health={job(): HEALTHY, SETTINGS: None}))
    assert operation.phase is Phase.FAILED


def failing() -> Operation:
    """Return an operation whose PreSync hook failed, and that has a SyncFail hook."""
    operation = running(begun(a_hook(), a_config_map(), a_hook("sorry", "SyncFail")), pre())
    operation, move = next_move(operation, at(hook_object(operation, pre()), health={job(): DEGRADED}))
    assert told(move) == [["sorry"]]
    assert operation.phase is Phase.RUNNING
    return operation


@pytest.mark.parametrize("health", [HEALTHY, DEGRADED])
def test_it_has_failed_whatever_became_of_its_sync_fail_hooks(health: Health) -> None:
    item = HookId(SyncPhase.SYNC_FAIL, job("sorry"))
    operation = running(failing(), item)
    operation, move = next_move(operation, at(hook_object(operation, item), health={job("sorry"): health}))
    assert move is None
    assert operation.phase is Phase.FAILED
    assert "migrate" in operation.message
    assert ("sorry" in operation.message) is (health is DEGRADED)


def test_a_sync_fail_hook_that_fails_keeps_later_ones_from_running() -> None:
    operation = begun(a_config_map(), a_hook("sorry", "SyncFail"), a_hook("later", "SyncFail", wave=1))
    operation, move = next_move(applied(operation, SETTINGS, result=REFUSED), at())
    assert told(move) == [["sorry"]]
    item = HookId(SyncPhase.SYNC_FAIL, job("sorry"))
    operation = running(operation, item)
    operation, move = next_move(operation, at(hook_object(operation, item), health={job("sorry"): DEGRADED}))
    assert move is None
    assert operation.phase is Phase.FAILED


# How it is ended


def test_a_termination_ends_it_at_once_where_no_hook_runs() -> None:
    operation, move = next_move(terminating(begun(a_config_map()), "somebody"), at())
    assert move is None
    assert (operation.phase, operation.message) == (Phase.FAILED, "terminated by somebody")


def test_a_termination_deletes_the_hooks_that_run_and_then_it_is_over() -> None:
    operation = terminating(running(begun(a_hook(), a_config_map()), pre()), "somebody")
    there = hook_object(operation, pre())
    operation, move = next_move(operation, at(there, health={job(): PROGRESSING}))
    assert move == Remove((there,))
    for left in ([replace(there, deleting=True)], []):
        ended, move = next_move(operation, at(*left, health={job(): PROGRESSING}))
        assert move is None
        assert ended.phase is Phase.FAILED
        assert ended.running_hooks == ()


def test_what_failed_is_still_told_when_its_sync_fail_hooks_are_terminated() -> None:
    operation = replace(begun(a_config_map()), failing="hook batch/Job default/migrate (PreSync): exit code 1")
    assert terminating(operation, "somebody").message == (
        "hook batch/Job default/migrate (PreSync): exit code 1; terminated by somebody"
    )


def test_a_termination_runs_no_sync_fail_hooks() -> None:
    operation = running(begun(a_hook(), a_hook("sorry", "SyncFail")), pre())
    ended, move = next_move(terminating(operation, ""), at())
    assert move is None
    assert (ended.phase, ended.message) == (Phase.FAILED, "terminated")


def test_while_it_is_held_no_step_begins_and_what_was_deleted_to_be_made_anew_is_made() -> None:
    operation = begun(a_config_map())
    operation, move = next_move(operation, at(held="a window is open"))
    assert move == Wait("waits for the sync window: a window is open")
    operation, move = next_move(operation, at(after=60))
    assert isinstance(move, Run)
    assert (operation.held_since, operation.seconds_at(NOW + timedelta(seconds=90))) == (None, 30.0)
    step = step_of(operation, SETTINGS)
    assert isinstance(step, ApplyStep)
    anew = recreated(operation, step, live_of_step(operation), "a field cannot be changed")
    _, move = next_move(anew, at(live_of_step(anew), held="a window is open"))
    assert isinstance(move, Wait)
    _, move = next_move(anew, at(held="a window is open"))
    assert told(move) == [["settings"]]


def made_by_another(operation: Operation, *, made: datetime = NOW) -> LiveObject:
    """Return the object of a hook that another gitopsd made at this moment."""
    live = former(operation, pre())
    body = live.document.body()
    metadata = {**mapping(body, "metadata"), "creationTimestamp": made.isoformat()}
    return replace(live, document=Document(canonical({**body, "metadata": metadata})))


def test_a_hook_that_another_operation_runs_is_let_come_to_its_end() -> None:
    operation = begun(a_hook())
    live = made_by_another(operation)
    assert next_move(operation, at(live, polite=True))[1] == Judge()
    _, move = next_move(operation, at(live, health={job(): PROGRESSING}, after=1e6, polite=True))
    assert isinstance(move, Wait)
    assert "which another operation (operation-0) made and which runs" in move.message
    _, move = next_move(operation, at(live, health={job(): HEALTHY}, polite=True))
    assert move == Remove((live,))
    _, move = next_move(operation, at(live, health={job(): DEGRADED}, polite=True))
    assert move == Remove((live,))


def test_a_hook_of_another_operation_is_waited_for_as_long_as_it_may_run() -> None:
    operation = begun(limited(a_hook()))
    live = made_by_another(operation)
    _, move = next_move(operation, at(live, health={job(): PROGRESSING}, polite=True))
    assert isinstance(move, Wait)
    assert move.until == NOW + timedelta(seconds=60)
    _, move = next_move(operation, at(live, health={job(): PROGRESSING}, after=60, polite=True))
    assert move == Remove((live,))


def test_what_is_given_up_says_why() -> None:
    ended = superseded(begun(a_config_map()), NOW, "superseded by newer manifests")
    assert (ended.phase, ended.message, ended.finished_at) == (Phase.FAILED, "superseded by newer manifests", NOW)


def test_an_object_that_the_api_server_does_not_let_change_is_made_anew() -> None:
    operation = begun(a_deployment())
    step = step_of(operation, WEB)
    assert isinstance(step, ApplyStep)
    there = live_of(step.desired)
    why = f"cluster local, {WEB}: the API server refused to apply it: a field cannot be changed: spec.x. Try: wait"
    operation = recreated(applied(operation, WEB, result=REFUSED), step, there, why)
    assert operation.results == {}
    _, move = next_move(operation, at(there))
    assert move == Remove((there,))
    _, move = next_move(operation, at())
    assert isinstance(move, Run)
    anew = move.groups[0][0]
    assert isinstance(anew, ApplyStep)
    assert (anew.way, anew.replaces, anew.why_anew) == (Way.RECREATE, there.uid, "spec.x")


# What is journalled


def test_only_an_automated_sync_of_one_stage_without_hooks_is_not_journalled() -> None:
    plain = planned(a_config_map(), a_deployment())
    assert needs_journal(of(plain))
    assert not needs_journal(replace(of(plain), request=AUTOMATED))
    waves = planned(a_config_map(), a_deployment(wave=1))
    hooks = planned(a_config_map(), a_hook(phases="Sync"))
    sorry = planned(a_config_map(), a_hook(phases="SyncFail"))
    anew = planned(a_job(), verdict=Verdict.REFUSED, error="spec.template: field is immutable")
    for plan in (waves, hooks, sorry, anew):
        assert needs_journal(replace(of(plan), request=AUTOMATED))


def test_an_automated_sync_that_may_force_or_asks_is_journalled() -> None:
    wanted = want(a_config_map()).objects[0]
    forced = ApplyStep(wanted, PlanReason.CHANGED, force=True)
    asks = PruneStep(live_of(wanted), confirm=True)
    for stage in (Stage(0, groups=((forced,),)), Stage(0, (asks,))):
        assert needs_journal(replace(of(Plan("digest", (stage,), {})), request=AUTOMATED))
