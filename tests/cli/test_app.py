"""`gitopsd app` against a daemon's API on a real socket."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from gitopsd.cli.appname import application_names
from gitopsd.core.app import Source
from gitopsd.core.appstatus import ResourceStatus, SyncCode, unknown_status
from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.health.status import Health, HealthStatus, degraded, healthy
from gitopsd.core.ids import GVK, AppName, ObjectKey
from gitopsd.core.operation import Operation, Phase, ResultCode, StepResult
from tests.cli.conftest import GITOPSD, Cli, Served

COMMIT = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"
DEPLOYMENT = ObjectKey("apps", "Deployment", "shop", "web")
EVIL = "\x1b]0;owned\x07\u202egnp.exe\rhidden"


def synced(served: Served, name: str) -> None:
    served.daemon.add(name, sync=SyncCode.SYNCED, health=healthy(), revisions=(COMMIT,))


def broken(served: Served, name: str, why: str = "CrashLoopBackOff") -> None:
    resource = ResourceStatus(DEPLOYMENT, GVK("apps", "v1", "Deployment"), SyncCode.OUT_OF_SYNC, degraded(why))
    operation = Operation(
        digest="",
        revisions=(COMMIT,),
        started_at=datetime(2026, 3, 1, tzinfo=UTC),
        phase=Phase.FAILED,
        message="1 object was refused",
        finished_at=datetime(2026, 3, 1, 0, 1, tzinfo=UTC),
        results={DEPLOYMENT: StepResult(ResultCode.SYNC_FAILED, "it is immutable")},
        retries=2,
    )
    served.daemon.add(
        name,
        sync=SyncCode.OUT_OF_SYNC,
        health=Health(HealthStatus.DEGRADED, "Caused by Deployment:web"),
        revisions=(COMMIT,),
        resources=(replace(resource, changes=("spec.replicas",)),),
        conditions=(Condition(ConditionType.SYNC_ERROR, "1 object was refused"),),
        operation=operation,
        decision="waits 10 s before the next attempt",
        renderers=("directory",),
    )


def test_list_is_plain_columns_where_no_terminal_is(cli: Cli, served: Served) -> None:
    synced(served, "shop")
    broken(served, "api")
    ran = cli("app", "list")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "NAME  PROJECT  SYNC       HEALTH    REVISION  MESSAGE",
        "api   default  OutOfSync  Degraded  1a2b3c4   1 object was refused",
        "shop  default  Synced     Healthy   1a2b3c4",
    ]


def test_what_left_git_and_stays_says_why(cli: Cli, served: Served) -> None:
    kept = ObjectKey("", "PersistentVolumeClaim", "shop", "data")
    left = ResourceStatus(kept, GVK("", "v1", kept.kind), SyncCode.OUT_OF_SYNC, healthy(), requires_pruning=True)
    operation = Operation(
        digest="",
        revisions=(COMMIT,),
        started_at=datetime(2026, 3, 1, tzinfo=UTC),
        phase=Phase.SUCCEEDED,
        results={kept: StepResult(ResultCode.PRUNE_SKIPPED, "application b wants it too")},
    )
    served.daemon.add("shop", sync=SyncCode.OUT_OF_SYNC, health=healthy(), resources=(left,), operation=operation)
    line = next(line for line in cli("app", "get", "shop").out.splitlines() if "data" in line)
    assert line.endswith("no longer in git; it stays: application b wants it too")


def test_list_wide_has_repository_and_destination(cli: Cli, served: Served) -> None:
    synced(served, "shop")
    heading, row = cli("app", "list", "-o", "wide").out.splitlines()
    assert "REPOSITORY" in heading
    assert "https://git.example.org/team/app.git" in row
    assert "local, namespace shop" in row


def test_list_asks_the_daemon_to_filter(cli: Cli, served: Served) -> None:
    synced(served, "shop")
    broken(served, "api")
    assert "shop" not in cli("app", "list", "--health", "Degraded", "--sync", "OutOfSync").out
    assert "api" not in cli("app", "list", "--sync", "Synced").out
    nothing = cli("app", "list", "-p", "other")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "no application matches\n")


def test_a_chart_is_shown_by_its_name_and_version(cli: Cli, served: Served) -> None:
    digest = "sha256:" + "ab" * 32
    chart = Source("https://charts.example.org", target_revision="1.*", chart="demo")
    artifact = Source("oci://registry.example.org/app", target_revision="latest")
    spec = replace(served.daemon.add("shop"), sources=(chart, artifact))
    served.daemon.put(spec, replace(unknown_status(spec.name), revisions=(f"1.3.1@{digest}", digest)))
    assert " 1.3.1,abababa" in cli("app", "list").out
    assert " demo,. " in cli("app", "list", "-o", "wide").out
    assert "https://charts.example.org, chart demo at 1.*\n" in cli("app", "get", "shop").out


def test_list_follows_all_pages(cli: Cli, served: Served) -> None:
    for number in range(1001):
        served.daemon.add(f"app-{number:04}")
    items = json.loads(cli("app", "list", "-o", "json").out)
    assert [item["name"] for item in items] == [f"app-{number:04}" for number in range(1001)]


def test_list_says_so_when_there_is_nothing(cli: Cli, served: Served) -> None:
    assert cli("app", "list").err == "no applications\n"
    assert cli("app", "list", "-o", "json").out == "[]\n"


def test_a_filter_that_cannot_be_is_refused_by_name(cli: Cli, served: Served) -> None:
    ran = cli("app", "list", "--sync", "Synchronized")
    assert ran.code == 2
    assert "Invalid value for '--sync': 'Synchronized' is not one of 'synced', 'outofsync', 'unknown'" in ran.err
    assert "Try: " in ran.err


def test_a_filters_letters_may_be_small(cli: Cli, served: Served) -> None:
    synced(served, "web")
    broken(served, "api")
    ran = cli("app", "list", "--sync", "synced", "--health", "healthy")
    assert [line.split()[0] for line in ran.out.splitlines()] == ["NAME", "web"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_output_that_takes_no_more_is_said_in_words(served: Served, tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        ran = subprocess.run(
            [GITOPSD, "app", "list", "-o", "json", "--socket", str(served.socket)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=tmp_path,
        )
    assert ran.returncode == 1
    assert ran.stderr == (
        "Error: the output cannot be written: No space left on device\n  Try: make room, or write it elsewhere\n"
    )


def test_get_shows_why(cli: Cli, served: Served) -> None:
    broken(served, "api")
    ran = cli("app", "get", "api")
    assert ran.code == 0
    text = " ".join(ran.out.split())
    for said in (
        "Name: api",
        "Sync: OutOfSync",
        "Health: Degraded: Caused by Deployment:web",
        "Last sync: Failed at 2026-03-01T00:01:00Z, after 2 retries: 1 object was refused",
        "Decision: waits 10 s before the next attempt",
        "SyncError 1 object was refused",
        "apps/Deployment shop web OutOfSync Degraded CrashLoopBackOff; differs at spec.replicas",
        "apps/Deployment shop web it is immutable",
    ):
        assert said in text


def test_one_retry_is_told_in_the_singular(cli: Cli, served: Served) -> None:
    broken(served, "api")
    spec, status = served.daemon.apps[AppName("api")]
    assert status.operation is not None
    served.daemon.put(spec, replace(status, operation=replace(status.operation, retries=1)))
    assert ", after 1 retry: 1 object was refused" in cli("app", "get", "api").out


def test_what_comparison_and_health_both_say_is_shown_once(cli: Cli, served: Served) -> None:
    said = "Secret cannot be read"
    unread = Health(HealthStatus.UNKNOWN, said)
    secret = ResourceStatus(DEPLOYMENT, GVK("apps", "v1", "Deployment"), SyncCode.UNKNOWN, unread, message=said)
    served.daemon.add("shop", resources=(secret,))
    assert cli("app", "get", "shop").out.count(said) == 1


@pytest.mark.parametrize("command", [("app", "get", "api"), ("app", "list")])
def test_json_and_yaml_say_the_same(cli: Cli, served: Served, command: tuple[str, ...]) -> None:
    broken(served, "api")
    assert yaml.safe_load(cli(*command, "-o", "yaml").out) == json.loads(cli(*command, "-o", "json").out)


def test_an_application_that_is_not_there(cli: Cli, served: Served) -> None:
    for command in (("get", "no such app?ü"), ("refresh", "no-such"), ("refresh", "no-such", "-o", "json")):
        ran = cli("app", *command)
        assert (ran.code, ran.out) == (1, "")
        assert (
            ran.err
            == f"Error: {command[1]}: there is no such application\n  Try: `gitopsd app list` shows their names\n"
        )


def test_X7_foreign_text_is_escaped_in_tables_and_raw_in_json(cli: Cli, served: Served) -> None:
    broken(served, "api", why=EVIL)
    shown = cli("app", "get", "api").out + cli("app", "get", "api", "-o", "yaml").out
    assert all(char.isprintable() or char == "\n" for char in shown)
    assert "\\u001b]0;owned" in shown
    raw = json.loads(cli("app", "get", "api", "-o", "json").out)
    assert raw["resources"][0]["health"]["message"] == EVIL


def test_refresh_does_not_wait(cli: Cli, served: Served) -> None:
    synced(served, "shop")
    assert cli("app", "refresh", "shop").out == "shop: refresh requested\n"
    assert cli("app", "refresh", "--hard", "shop").code == 0
    assert served.daemon.refreshed == [("shop", False), ("shop", True)]


def test_refresh_goes_the_same_way_past_typer_and_through_it(cli: Cli, served: Served) -> None:
    synced(served, "shop")
    plain = cli("app", "refresh", "shop", "--socket", str(served.socket))
    typed = cli("app", "refresh", "shop", "--timeout", "60s", f"--socket={served.socket}")
    assert plain == typed
    assert served.daemon.refreshed == [("shop", False)] * 2


def test_refresh_that_waits_in_vain_ends_with_its_own_code(cli: Cli, served: Served) -> None:
    synced(served, "shop")
    ran = cli("app", "refresh", "shop", "--wait", "--timeout", "50ms")
    assert ran.code == 3
    assert "not reconciled within 0.05 s" in ran.err


def test_refresh_that_waited_says_how_it_is(cli: Cli, served: Served) -> None:
    served.reconciles = True
    synced(served, "shop")
    ran = cli("app", "refresh", "shop", "--wait")
    assert (ran.code, ran.out) == (0, "shop: Synced to 1a2b3c4, Healthy\n")
    assert json.loads(cli("app", "refresh", "shop", "--wait", "-o", "json").out)["finished"] is True


@pytest.mark.parametrize("text", ["soon", "10 minutes", "-5s", "6m", ""])
def test_a_timeout_that_cannot_be_is_wrong_usage(cli: Cli, served: Served, text: str) -> None:
    ran = cli("app", "refresh", "shop", "--wait", f"--timeout={text}")
    assert ran.code == 2
    assert "'--timeout'" in ran.err or "--timeout is" in ran.err
    assert served.daemon.refreshed == []


def test_shells_complete_names(cli: Cli, served: Served) -> None:
    # `cli` is what changed into the folder where the socket is.
    synced(served, "shop")
    synced(served, "api")
    assert application_names("sh") == ["shop"]
    assert sorted(application_names("")) == ["api", "shop"]
