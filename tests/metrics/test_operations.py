"""What operations and deletions leave in the metrics."""

from dataclasses import replace

import pytest

from gitopsd.core.appstatus import AppStatus
from gitopsd.core.events import AppRemoved, OperationEnded, StatusChanged
from gitopsd.core.history import Deletion, DeletionPhase
from gitopsd.core.hook import HookOutcome, SyncPhase
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.operation import HookId, HookRun, Operation, Phase
from gitopsd.core.syncrequest import AUTOMATED, SyncRequest
from gitopsd.metrics import Recorder
from tests.metrics.conftest import Samples, Scrape
from tests.metrics.test_recorder import (
    NOW,
    SERVER,
    a_spec,
    a_status,
    an_eventful_operation,
    an_operation,
    changed,
    of,
)

HOOK = HookId(SyncPhase.PRE_SYNC, ObjectKey("batch", "Job", "shop", "migrate"))


def counts(samples: Samples, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """The series of a metric that are not 0, by these labels."""
    found = {
        tuple(dict(has)[label] for label in labels): value for (shown, has), value in samples.items() if shown == name
    }
    return {key: value for key, value in found.items() if value}


def doing(operation: Operation | None = None, *, app: str = "guestbook", deletion: Deletion | None = None) -> AppStatus:
    return replace(a_status(a_spec(app)), operation=operation, deletion=deletion)


@pytest.mark.parametrize(
    ("operation", "state"),
    [
        (an_operation(Phase.RUNNING), "running"),
        (replace(an_operation(Phase.RUNNING), applied=True), "waiting"),
        (replace(an_operation(Phase.RUNNING), hooks={HOOK: HookRun(NOW)}), "waiting"),
        (replace(an_operation(Phase.TERMINATING), applied=True), "terminating"),
        (an_operation(Phase.FAILED), None),
        (None, None),
    ],
)
async def test_an_operation_under_way_is_in_one_state(
    recorder: Recorder, scrape: Scrape, operation: Operation | None, state: str | None
) -> None:
    recorder.on_event(changed(a_spec(), doing(operation)))
    found = counts(await scrape(recorder), "gitopsd_operations", "state")
    assert found == ({(state,): 1} if state else {})


async def test_operations_are_counted_while_they_last_and_no_longer(recorder: Recorder, scrape: Scrape) -> None:
    running = an_operation(Phase.RUNNING)
    for app in ("one", "two", "three"):
        recorder.on_event(changed(a_spec(app), doing(running, app=app)))
        recorder.on_event(changed(a_spec(app), doing(replace(running, applied=True), app=app)))
    recorder.on_event(OperationEnded(a_spec("one"), SERVER, an_operation(Phase.SUCCEEDED), 1.0))
    recorder.on_event(AppRemoved(AppName("two")))
    recorder.on_event(AppRemoved(AppName("two")))
    assert counts(await scrape(recorder), "gitopsd_operations", "state") == {("waiting",): 1}


async def test_an_ended_operation_counts_its_objects_hooks_and_time(recorder: Recorder, scrape: Scrape) -> None:
    for _ in range(2):
        recorder.on_event(OperationEnded(a_spec(), SERVER, an_eventful_operation(), 7.0))
    samples = await scrape(recorder)
    assert counts(samples, "gitopsd_operation_objects_total", "result") == {
        ("Synced",): 4,
        ("Pruned",): 2,
        ("SyncFailed",): 2,
    }
    assert counts(samples, "gitopsd_hook_total", "phase", "outcome") == {
        ("PreSync", "Succeeded"): 2,
        ("PostSync", "Failed"): 2,
    }
    assert counts(samples, "gitopsd_operation_seconds_sum", "phase") == {("Failed",): 14}
    assert counts(samples, "gitopsd_rollback_total", "phase", "automated") == {}


@pytest.mark.parametrize(("request_", "automated"), [(AUTOMATED, "true"), (SyncRequest(initiated_by="ada"), "false")])
async def test_a_rollback_is_counted_by_who_wanted_it(
    recorder: Recorder, scrape: Scrape, request_: SyncRequest, automated: str
) -> None:
    back = replace(an_operation(Phase.SUCCEEDED), request=replace(request_, history=0))
    recorder.on_event(OperationEnded(a_spec(), SERVER, back, 1.0))
    found = counts(await scrape(recorder), "gitopsd_rollback_total", "phase", "automated")
    assert found == {("Succeeded", automated): 1}


async def test_a_deletion_is_counted_while_it_lasts_with_its_hooks(recorder: Recorder, scrape: Scrape) -> None:
    spec, hook = a_spec(), HookId(SyncPhase.PRE_DELETE, HOOK.key)
    begun = Deletion(
        "guestbook", "foreground", NOW, id="d1", phase=DeletionPhase.PRE_DELETE, hooks={hook: HookRun(NOW)}
    )
    done = replace(begun, hooks={hook: HookRun(NOW, outcome=HookOutcome.SUCCEEDED)}, phase=DeletionPhase.DELETING)
    last = doing()
    for deletion in (begun, done, replace(done, message="waits for pods")):
        status = doing(deletion=deletion)
        recorder.on_event(StatusChanged(spec, status, last, SERVER))
        last = status
    samples = await scrape(recorder)
    assert counts(samples, "gitopsd_deletions", "phase") == {("Deleting",): 1}
    assert counts(samples, "gitopsd_hook_total", "phase", "outcome") == {("PreDelete", "Succeeded"): 1}
    assert [row["operation"] for row in of(samples, "gitopsd_app_info")] == ["delete"]

    recorder.on_event(AppRemoved(spec.name))
    assert counts(await scrape(recorder), "gitopsd_deletions", "phase") == {}


async def test_an_application_that_is_only_to_be_deleted_one_day_is_not_counted(
    recorder: Recorder, scrape: Scrape
) -> None:
    armed = Deletion("guestbook", "foreground", NOW, phase=DeletionPhase.ARMED)
    recorder.on_event(changed(a_spec(), doing(deletion=armed)))
    samples = await scrape(recorder)
    assert counts(samples, "gitopsd_deletions", "phase") == {}
    assert [row["operation"] for row in of(samples, "gitopsd_app_info")] == [""]


async def test_a_circuit_breaker_is_shown_until_its_cluster_goes(recorder: Recorder, scrape: Scrape) -> None:
    recorder.circuit_breaker("local", opened=True)
    recorder.circuit_breaker("other", opened=True)
    recorder.circuit_breaker("other", opened=False)
    recorder.cluster_removed("local")
    samples = await scrape(recorder)
    assert [(row["cluster"],) for row in of(samples, "gitopsd_circuit_breaker_open")] == [("other",)]
    assert counts(samples, "gitopsd_circuit_breaker_open", "cluster") == {}
