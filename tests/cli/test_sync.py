"""`gitopsd app sync`, `rollback` and `wait`: begun, followed look by look, and told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from gitopsd.cli.duration import shown_seconds, shown_time
from gitopsd.core.appstatus import SyncCode
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.hook import HookOutcome, SyncPhase
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.operation import HookId, HookRun, Operation, Phase, ResultCode, StagePlace, StepResult
from gitopsd.core.syncrequest import SyncRequest
from tests.cli.conftest import Cli, Served, at_a_terminal
from tests.web.operating import (
    APPLIED,
    BEGAN,
    COMMIT,
    SETTINGS,
    WEB,
    a_past,
    a_plan,
    a_plan_view,
    a_resource,
    hooked,
)

SHOP = AppName("shop")


@pytest.fixture(autouse=True)
def shop(served: Served) -> None:
    """Add the application that all tests are about."""
    served.daemon.add("shop")
    served.daemon.operator.views[SHOP] = replace(a_plan_view(), stages=(), held=frozenset(), kept={}, failing=())


def becomes(served: Served, **changes: object) -> None:
    """Next, the operation under way is such."""

    def change() -> None:
        operator = served.daemon.operator
        running = operator.underway[SHOP]
        fields: dict[str, object] = {"plan": a_plan(), **changes}
        operation: Operation = replace(running, **fields)  # type: ignore[arg-type]  # fields by name
        operator.underway[SHOP] = operation
        served.daemon.operates(SHOP, operation)

    served.script.append(change)


def ends(served: Served, phase: Phase = Phase.SUCCEEDED, message: str = "all is applied") -> None:
    """Next, it ends, 4.2 seconds after it began."""

    def end() -> None:
        served.daemon.operator.now = BEGAN + timedelta(seconds=4.2)
        served.daemon.operator.finish("shop", phase, message)

    served.script.append(end)


def a_hook_run(name: str, place: StagePlace) -> dict[HookId, HookRun]:
    """Return the run of another hook."""
    (run,) = hooked(place=place).values()
    return {HookId(place.phase, ObjectKey("batch", "Job", "default", name)): run}


def runs_well(served: Served) -> None:
    """A hook runs, two objects are applied, one of them becomes healthy, an old one is deleted."""
    spec, status = served.daemon.apps[SHOP]
    served.daemon.put(spec, replace(status, resources=(a_resource(WEB, HealthStatus.PROGRESSING, "1 of 3"),)))
    becomes(served, hooks=hooked(HookOutcome.RUNNING), applied=True)
    becomes(served, hooks=hooked(), stage=1, applied=True, results=APPLIED)
    becomes(served, hooks=hooked(), stage=2, results=APPLIED)
    ends(served)


def test_a_sync_is_followed_to_its_end(cli: Cli, served: Served) -> None:
    runs_well(served)
    ran = cli("app", "sync", "shop")
    assert ran.code == 0
    assert ran.err.splitlines() == [
        "stage 1 of 3: PreSync, wave 0",
        "  Running    hook batch/Job default/migrate",
        "  waits for hook batch/Job default/migrate",
        "  Succeeded  hook batch/Job default/migrate after 2.0 s",
        "stage 2 of 3: Sync, wave 0",
        "  Synced     ConfigMap default/settings   created",
        "  Synced     apps/Deployment default/web",
        "  waits for ConfigMap default/settings (not there) and 1 more",
        "stage 3 of 3: Sync, wave 1",
        "  ConfigMap default/old is deleted once somebody says `gitopsd app confirm-deletion shop`",
        "  waits for the confirmation that ConfigMap default/old may be deleted",
    ]
    assert ran.out.splitlines() == [
        "HOOK       NAMESPACE  NAME     PHASE    RESULT     TIME   MESSAGE",
        "batch/Job  default    migrate  PreSync  Succeeded  2.0 s",
        "",
        "KIND             NAMESPACE  NAME      RESULT  TIME   MESSAGE",
        "ConfigMap        default    settings  Synced  20 ms  created",
        "apps/Deployment  default    web       Synced  30 ms",
        "",
        "shop: Succeeded in 4.2 s at 1a2b3c4: all is applied",
    ]


def test_what_happened_between_two_looks_is_told_below_the_stage_that_it_is_of(cli: Cli, served: Served) -> None:
    becomes(served, hooks=hooked(), stage=2, results=APPLIED, request=SyncRequest(initiated_by="local", confirmed=True))
    ends(served)
    assert cli("app", "sync", "shop").err.splitlines() == [
        "stage 1 of 3: PreSync, wave 0",
        "  Succeeded  hook batch/Job default/migrate after 2.0 s",
        "stage 2 of 3: Sync, wave 0",
        "  Synced     ConfigMap default/settings   created",
        "  Synced     apps/Deployment default/web",
        "stage 3 of 3: Sync, wave 1",
    ]


def test_that_it_failed_is_told_before_what_runs_then(cli: Cli, served: Served) -> None:
    failed = StepResult(ResultCode.SYNC_FAILED, "no room", place=StagePlace(2, SyncPhase.SYNC, 0))
    tells = a_hook_run("tell", StagePlace(1, SyncPhase.SYNC_FAIL, 0))
    becomes(served, stage=1, hooks=hooked())
    becomes(served, failing="no room", plan=None, hooks={**hooked(), **tells}, results={WEB: failed})
    ends(served, Phase.FAILED, "no room")
    assert cli("app", "sync", "shop").err.splitlines() == [
        "stage 1 of 3: PreSync, wave 0",
        "  Succeeded  hook batch/Job default/migrate after 2.0 s",
        "stage 2 of 3: Sync, wave 0",
        "  SyncFailed apps/Deployment default/web   no room",
        "failed: no room",
        "stage 1: SyncFail, wave 0",
        "  Succeeded  hook batch/Job default/tell after 2.0 s",
    ]


def test_programs_get_the_operation_as_it_ended_and_nothing_else(cli: Cli, served: Served) -> None:
    runs_well(served)
    ran = cli("app", "sync", "shop", "-o", "json")
    assert (ran.code, ran.err) == (0, "")
    told = json.loads(ran.out)
    assert (told["phase"], [each["name"] for each in told["results"]]) == ("Succeeded", ["settings", "web"])


def test_a_sync_that_fails_is_1_and_shows_what_its_hook_said(cli: Cli, served: Served) -> None:
    becomes(served, hooks=hooked(HookOutcome.FAILED, message="exit code 2", log="line 1\nno such table\n"))
    becomes(served, failing="hook migrate failed", hooks=hooked(HookOutcome.FAILED))
    becomes(
        served,
        hooks=hooked(HookOutcome.FAILED, message="exit code 2", log="line 1\nno such table\n"),
        results={WEB: StepResult(ResultCode.SYNC_FAILED, "it is immutable")},
    )
    ends(served, Phase.FAILED, "hook migrate failed")
    ran = cli("app", "sync", "shop")
    assert ran.code == 1
    assert "failed: hook migrate failed" in ran.err
    assert "The end of the log of batch/Job default/migrate:\n  line 1\n  no such table\n" in ran.out
    assert "SyncFailed" in ran.out
    assert ran.out.splitlines()[-1] == "shop: Failed in 4.2 s at 1a2b3c4: hook migrate failed"


def test_a_sync_that_is_not_over_in_time_has_its_own_code(cli: Cli, served: Served) -> None:
    becomes(served, hooks=hooked(HookOutcome.RUNNING), applied=True)
    ran = cli("app", "sync", "shop", "--timeout", "300ms")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.splitlines()[-1] == (
        "shop: not over within 0.3 s: Running, stage 1 of 3: PreSync, wave 0, waits for hook batch/Job "
        "default/migrate; it goes on. Try: gitopsd app wait shop --operation"
    )
    assert served.daemon.operator.underway


def test_a_sync_that_waits_for_its_turn_is_told_at_once_and_taken_back(cli: Cli, served: Served) -> None:
    served.daemon.operator.queueing = True
    ran = cli("app", "sync", "shop", "--async")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "shop: sync asked for (op-1): waits for its turn\n"
    ran = cli("app", "wait", "shop", "--operation", "--timeout", "100ms")
    assert ran.code == 3
    assert "the sync is not over (Pending, waits for its turn)" in ran.err
    assert "Last sync:    a sync to 1a2b3c4 by local since 2026-03-01T12:00:00Z, Pending, waits for its turn" in (
        cli("app", "get", "shop").out
    )
    ran = cli("app", "terminate-op", "shop")
    assert (ran.code, ran.out) == (0, "shop: its sync is taken back: it had not begun\n")


def test_the_time_that_a_sync_waits_for_its_turn_counts(cli: Cli, served: Served) -> None:
    served.daemon.operator.queueing = True
    ran = cli("app", "sync", "shop", "--timeout", "100ms")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == (
        "  waits for its turn\n"
        "shop: not over within 0.1 s: Pending, waits for its turn; it stays requested. "
        "Try: gitopsd app terminate-op shop, which takes it back\n"
    )


def test_a_sync_that_is_refused_once_its_turn_comes_fails(cli: Cli, served: Served) -> None:
    operator = served.daemon.operator
    operator.queueing = True

    def refuse() -> None:
        asked = operator.underway.pop(SHOP)
        operator.on_change(SHOP, replace(asked, phase=Phase.FAILED, message="it is refused", finished_at=BEGAN))

    served.script.append(refuse)
    ran = cli("app", "sync", "shop", "--retry-limit", "3")
    assert ran.code == 1
    assert ran.out.endswith("it is refused\n")


def test_a_sync_that_another_one_replaces_is_not_taken_for_it(cli: Cli, served: Served) -> None:
    becomes(served, id="op-other", message="a newer commit")
    ran = cli("app", "sync", "shop")
    assert ran.code == 1
    assert "another one took its place: Running now: a newer commit" in ran.err
    assert "gitopsd app wait shop" in ran.err


def test_async_only_begins(cli: Cli, served: Served) -> None:
    ran = cli("app", "sync", "shop", "--async", "--info", "ticket=42", "--retry-limit", "2")
    assert (ran.code, ran.out, ran.err) == (0, "shop: sync begun (op-1)\n", "")
    (_, _, request) = served.daemon.operator.asked[0]
    assert request is not None
    assert (request.info, request.retries) == ({"ticket": "42"}, 2)
    served.daemon.operator.finish("shop")
    assert json.loads(cli("app", "sync", "shop", "--async", "-o", "json").out)["id"] == "op-2"


def test_a_dry_run_is_told_at_once(cli: Cli, served: Served) -> None:
    ran = cli("app", "sync", "shop", "--dry-run")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "shop: dry run Succeeded in 0 ms at 1a2b3c4: dry run\n"


def test_a_sync_while_another_runs_says_which_and_how_to_end_it(cli: Cli, served: Served) -> None:
    cli("app", "sync", "shop", "--async")
    becomes(served, applied=True, hooks=hooked(HookOutcome.RUNNING))
    ran = cli("app", "sync", "shop")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "Error: shop: another operation is under way: a sync to 1a2b3c4 by local since 2026-03-01T12:00:00Z, Running, "
        "stage 1 of 3: PreSync, wave 0, waits for hook batch/Job default/migrate\n"
        "  Try: `gitopsd app wait shop --operation` waits for it, `gitopsd app terminate-op shop` ends it\n"
    )


def test_a_sync_that_is_blocked_says_by_what(cli: Cli, served: Served) -> None:
    served.daemon.operator.views[SHOP] = a_plan_view(blocked="the window `nights` is closed until 22:00 UTC")
    ran = cli("app", "sync", "shop")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "Error: shop: it cannot be synced now: the window `nights` is closed until 22:00 UTC\n"
        "  Try: `gitopsd app get shop` shows when that is over\n"
    )


def test_a_plan_that_is_out_of_date_is_refused_and_the_new_one_shown(cli: Cli, served: Served) -> None:
    served.daemon.operator.views[SHOP] = a_plan_view()
    ran = cli("app", "sync", "shop", "--prune", "--plan", "p0ld")
    assert ran.code == 1
    assert ran.out.startswith("Plan p1a2b3c of shop at 1a2b3c4\n")
    assert ran.out.endswith("To do exactly this: gitopsd app sync shop --prune --plan p1a2b3c\n")
    assert ran.err.startswith("Error: shop: the plan is out of date\n  Try: look at the plan above")
    told = json.loads(cli("app", "sync", "shop", "--plan", "p0ld", "-o", "json").out)
    assert (told["error"]["code"], told["plan"]["id"]) == ("plan-changed", "p1a2b3c")
    ends(served)
    assert cli("app", "sync", "shop", "--prune", "--plan", "p1a2b3c").code == 0


@pytest.mark.parametrize("command", ["plan", "sync", "rollback", "history", "unpin", "terminate-op", "wait"])
def test_an_unknown_application_and_no_daemon_are_said_in_words(cli: Cli, served: Served, command: str) -> None:
    ran = cli("app", command, "no-such")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "Error: no-such: there is no such application\n  Try: `gitopsd app list` shows their names\n"
    ran = cli("app", command, "shop", "--socket", "none.sock")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("Error: none.sock: no daemon answers: no such file or directory\n  Try: start one with")


def test_on_a_terminal_a_sync_that_deletes_shows_its_plan_and_asks(served: Served) -> None:
    served.daemon.operator.views[SHOP] = a_plan_view()
    code, out, shown = at_a_terminal(served, "n", "app", "sync", "shop", "--prune")
    assert code == 1
    assert out.startswith("Plan p1a2b3c of shop")
    assert "2 objects are applied, 1 is deleted, 1 hook runs. Go on? [y/N]" in shown
    assert shown.endswith("nothing was done\n")
    assert [what for what, _, _ in served.daemon.operator.asked] == ["plan"]


def test_what_a_person_agreed_to_is_done_and_nothing_else(served: Served) -> None:
    served.daemon.operator.views[SHOP] = a_plan_view()
    code, _, _ = at_a_terminal(served, "y", "app", "sync", "shop", "--prune", "--async")
    assert code == 0
    (_, planned), (_, begun) = ((what, request) for what, _, request in served.daemon.operator.asked)
    assert planned is not None
    assert begun == replace(planned, plan="p1a2b3c")


@pytest.mark.parametrize("more", [("--assume-yes",), ("--plan", "p1a2b3c"), ("--dry-run",), ("-o", "json")])
def test_who_said_yes_before_is_not_asked(served: Served, more: tuple[str, ...]) -> None:
    served.daemon.operator.views[SHOP] = a_plan_view()
    code, _, shown = at_a_terminal(served, "n", "app", "sync", "shop", "--async", *more)
    assert code == 0
    assert "Go on?" not in shown
    assert [what for what, _, _ in served.daemon.operator.asked] == ["sync"]


def test_a_sync_that_deletes_nothing_asks_nothing(served: Served) -> None:
    code, _, shown = at_a_terminal(served, "n", "app", "sync", "shop", "--async")
    assert code == 0
    assert "Go on?" not in shown
    assert served.daemon.operator.underway


def test_on_a_terminal_what_is_waited_for_is_one_line_that_goes_away(served: Served) -> None:
    runs_well(served)
    code, out, shown = at_a_terminal(served, "", "app", "sync", "shop", "-y")
    assert code == 0
    assert out.splitlines()[-1] == "shop: Succeeded in 4.2 s at 1a2b3c4: all is applied"
    assert "waits for hook batch/Job default/migrate …\r\x1b[K" in shown
    assert shown.endswith("\r\x1b[K")


def test_a_rollback_is_followed_and_says_that_it_pins(cli: Cli, served: Served) -> None:
    served.daemon.operator.pasts[SHOP] = a_past("a", "b", "c")
    becomes(served, results=APPLIED)
    ends(served)
    ran = cli("app", "rollback", "shop")
    assert ran.code == 0
    assert ran.out.splitlines()[-1] == "shop: Succeeded in 4.2 s at 1a2b3c4: all is applied"
    assert "shop is pinned: it stays so until `gitopsd app unpin shop`" in ran.err
    pin = served.daemon.operator.pasts[SHOP].pin
    assert pin is not None
    assert pin.entry == 1
    assert cli("app", "unpin", "shop").out == "shop: follows git again\n"
    assert cli("app", "unpin", "shop").err == "Error: shop: it is not pinned\n"


def test_a_rollback_to_an_id_and_a_dry_one(cli: Cli, served: Served) -> None:
    served.daemon.operator.pasts[SHOP] = a_past("a", "b", "c")
    ran = cli("app", "rollback", "shop", "0", "--dry-run", "--prune")
    assert ran.code == 0
    assert "pinned" not in ran.err
    (_, _, request) = served.daemon.operator.asked[-1]
    assert request is not None
    assert (request.history, request.prune, request.dry_run) == (0, True, True)
    ran = cli("app", "rollback", "shop", "9")
    assert (ran.code, ran.err) == (1, "Error: shop: there is no such history entry\n")
    assert cli("app", "rollback", "shop", "-1").code == 2


def test_on_a_terminal_a_rollback_that_deletes_asks_with_its_own_plan(served: Served) -> None:
    served.daemon.operator.pasts[SHOP] = a_past("a", "b", "c")
    served.daemon.operator.views[SHOP] = a_plan_view()
    code, out, _ = at_a_terminal(served, "y", "app", "rollback", "shop", "--async")
    assert code == 0
    assert out.splitlines()[-2] == "To do exactly this: gitopsd app rollback shop --plan p1a2b3c"
    told = [(what, request) for what, _, request in served.daemon.operator.asked if request is not None]
    assert [(what, request.history, request.plan) for what, request in told] == [
        ("plan", 1, ""),
        ("rollback", 1, "p1a2b3c"),
    ]


def has(served: Served, sync: SyncCode, health: HealthStatus, **changes: object) -> None:
    """The application is so."""
    served.daemon.add("shop", sync=sync, health=Health(health), revisions=(COMMIT,), **changes)


def test_wait_ends_when_all_are_as_they_shall_be(cli: Cli, served: Served) -> None:
    has(served, SyncCode.SYNCED, HealthStatus.HEALTHY)
    served.daemon.add("api", sync=SyncCode.SYNCED, health=Health(HealthStatus.HEALTHY))
    ran = cli("app", "wait", "shop", "api")
    assert (ran.code, ran.out, ran.err) == (0, "shop: Synced to 1a2b3c4, Healthy\napi: Synced, Healthy\n", "")
    told = json.loads(cli("app", "wait", "shop", "api", "-o", "json").out)
    assert [state["summary"]["name"] for state in told] == ["shop", "api"]


def test_wait_is_woken_by_what_happens(cli: Cli, served: Served) -> None:
    has(served, SyncCode.OUT_OF_SYNC, HealthStatus.PROGRESSING)
    cli("app", "sync", "shop", "--async")
    becomes(served, applied=True)

    def good() -> None:
        spec, status = served.daemon.apps[SHOP]
        served.daemon.change(spec, replace(status, sync=SyncCode.SYNCED, health=Health(HealthStatus.HEALTHY)))
        served.daemon.operator.finish("shop")

    served.script.append(good)
    assert cli("app", "wait", "shop").out == "shop: Synced to 1a2b3c4, Healthy\n"


@pytest.mark.parametrize(
    ("state", "words", "missing"),
    [
        ((SyncCode.OUT_OF_SYNC, HealthStatus.HEALTHY), "", "it is OutOfSync"),
        ((SyncCode.SYNCED, HealthStatus.DEGRADED), "", "it is Degraded"),
        ((SyncCode.OUT_OF_SYNC, HealthStatus.HEALTHY), "--health", ""),
        ((SyncCode.SYNCED, HealthStatus.DEGRADED), "--sync", ""),
        ((SyncCode.SYNCED, HealthStatus.SUSPENDED), "--health", "it is Suspended"),
        ((SyncCode.SYNCED, HealthStatus.SUSPENDED), "--health --suspended", ""),
        ((SyncCode.SYNCED, HealthStatus.HEALTHY), "--suspended", "it is Healthy"),
        ((SyncCode.SYNCED, HealthStatus.DEGRADED), "--degraded", ""),
        ((SyncCode.SYNCED, HealthStatus.MISSING), "--operation", ""),
    ],
)
def test_wait_waits_for_what_is_named(
    cli: Cli, served: Served, state: tuple[SyncCode, HealthStatus], words: str, missing: str
) -> None:
    has(served, *state)
    ran = cli("app", "wait", "shop", *words.split(), "--timeout", "100ms")
    assert ran.code == (3 if missing else 0)
    assert missing in ran.err


def test_wait_for_an_operation_that_failed_is_1(cli: Cli, served: Served) -> None:
    cli("app", "sync", "shop", "--async")
    ends(served, Phase.FAILED, "refused")
    ran = cli("app", "wait", "shop", "--operation")
    assert (ran.code, ran.out) == (1, "shop: Failed in 4.2 s at 1a2b3c4: refused\n")


def test_wait_for_objects_looks_at_these_alone(cli: Cli, served: Served) -> None:
    objects = (a_resource(WEB, HealthStatus.PROGRESSING), a_resource(SETTINGS, HealthStatus.HEALTHY))
    has(served, SyncCode.SYNCED, HealthStatus.PROGRESSING, resources=objects)
    assert cli("app", "wait", "shop", "--resource", ":ConfigMap:default/*").code == 0
    assert cli("app", "wait", "shop", "--resource", "!apps:Deployment:web").code == 0
    ran = cli("app", "wait", "shop", "--resource", "apps:*:web", "--timeout", "50ms")
    assert ran.code == 3
    assert "apps/Deployment default/web: it is Progressing" in ran.err
    ran = cli("app", "wait", "shop", "--resource", ":Secret:none", "--timeout", "50ms")
    assert "no object of it is named so" in ran.err


@pytest.mark.parametrize("text", ["soon", "-5s", "", "1w"])
def test_a_timeout_that_cannot_be_is_wrong_usage(cli: Cli, served: Served, text: str) -> None:
    for command in ("sync", "wait"):
        ran = cli("app", command, "shop", f"--timeout={text}")
        assert ran.code == 2
        assert "'--timeout'" in ran.err
    assert served.daemon.operator.asked == []


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1.0, "0 ms"),
        (0.02, "20 ms"),
        (4.24, "4.2 s"),
        (59.4, "59 s"),
        (59.9, "1 min 0 s"),
        (192, "3 min 12 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations_are_short(seconds: float, shown: str) -> None:
    assert shown_seconds(seconds) == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("2026-03-01T12:00:05.097422Z", "2026-03-01T12:00:05Z"),
        ("2026-03-01T12:00:05.1+01:00", "2026-03-01T12:00:05+01:00"),
        ("2026-03-01T12:00:05Z", "2026-03-01T12:00:05Z"),
        ("", ""),
    ],
)
def test_times_are_whole_seconds(written: str, shown: str) -> None:
    assert shown_time(written) == shown


def test_of_thousands_of_objects_those_that_failed_are_shown_and_the_others_counted(cli: Cli, served: Served) -> None:
    place = StagePlace(2, SyncPhase.SYNC, 0)
    done = StepResult(ResultCode.SYNCED, seconds=0.02, place=place)
    results = {ObjectKey("", "ConfigMap", "default", f"one-{number:04}"): done for number in range(3000)}
    refused = ObjectKey("", "ConfigMap", "default", "one-2999")
    results[refused] = StepResult(ResultCode.SYNC_FAILED, "denied by policy", place=place)
    becomes(served, stage=1, results=dict(list(results.items())[:100]))
    becomes(served, stage=1, results=results)
    ends(served, Phase.FAILED, "1 object was refused")
    ran = cli("app", "sync", "shop")
    told = ran.err.splitlines()
    assert len([line for line in told if "Synced" in line]) == 51
    assert "  … and 2,949 more Synced" in told
    assert "  SyncFailed ConfigMap default/one-2999   denied by policy" in told
    table = ran.out.splitlines()
    assert table[1].split() == ["ConfigMap", "default", "one-2999", "SyncFailed", "-", "denied", "by", "policy"]
    assert len(table) == 55
    assert table[52] == "… and 2,949 more Synced (-o json has all)"
