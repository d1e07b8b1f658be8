"""Every alert fires when it should, stays quiet when it should, and says what to do; by Prometheus' own tool."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from typer.testing import CliRunner

from gitopsd.cli.tree import build
from tests.deploy.promtool import PROMETHEUS, ROOT, RULES, promtool, series, unknown_names

_TARGET: Final = 'job="gitopsd", instance="one"'
_APP: Final = f'{_TARGET}, name="shop", project="default", dest_server="https://c"'
_APP_LABELS: Final = {"name": "shop", "project": "default", "dest_server": "https://c"}


@dataclass(frozen=True)
class Case:
    """`alert` after `at` of these series (a value for each minute): firing with these labels, or (None) quiet."""

    alert: str
    what: str
    at: str
    given: Mapping[str, str]
    fires: Mapping[str, str] | None = field(default=None)


def info(**labels: str) -> str:
    """The series app_info of the application `shop`."""
    more = "".join(f', {name}="{value}"' for name, value in labels.items())
    return f"gitopsd_app_info{{{_APP}{more}}}"


def syncs(phase: str) -> str:
    """The series of its syncs that ended so."""
    return f'gitopsd_app_sync_total{{{_APP}, phase="{phase}"}}'


def counter(name: str, more: str = "") -> str:
    """A series of the one target."""
    return f"gitopsd_{name}{{{_TARGET}{', ' if more else ''}{more}}}"


_REPO: Final = 'repo="https://git/a"'
# The process that answers has begun in minute 47.
_RESTARTED: Final = {f"process_start_time_seconds{{{_TARGET}}}": f"0x46 {47 * 60}x100"}


def lag(share: Mapping[str, int]) -> Mapping[str, str]:
    """60 samples a minute, of which so many in buckets."""
    return {counter("loop_lag_seconds_bucket", f'le="{le}"'): f"0+{60 * part}x60" for le, part in share.items()}


CASES: Final = [
    Case("GitopsdDown", "the target does not answer", "6m", {f"up{{{_TARGET}}}": "0x60"}, {}),
    Case("GitopsdDown", "there is no target", "6m", {"other": "1x60"}, {"instance": ""}),
    Case("GitopsdDown", "a restart", "4m", {f"up{{{_TARGET}}}": "1 0x2 1x60"}),
    Case("GitopsdConfigurationNotLoaded", "broken", "15m", {counter("config_last_reload_successful"): "0x60"}, {}),
    Case("GitopsdConfigurationNotLoaded", "mended", "15m", {counter("config_last_reload_successful"): "0x5 1x60"}),
    Case("GitopsdApplicationUnknown", "for long", "16m", {info(sync_status="Unknown"): "1x60"}, _APP_LABELS),
    Case(
        "GitopsdApplicationUnknown",
        "whatever else of it changes",
        "20m",
        {
            info(sync_status="Unknown", operation=""): "1x8 stale",
            info(sync_status="Unknown", operation="sync"): "_x9 1x60",
        },
        _APP_LABELS,
    ),
    Case("GitopsdApplicationUnknown", "Synced", "16m", {info(sync_status="Synced"): "1x60"}),
    Case(
        "GitopsdApplicationOutOfSync",
        "automated",
        "31m",
        {info(sync_status="OutOfSync", autosync_enabled="true"): "1x60"},
        _APP_LABELS,
    ),
    Case(
        "GitopsdApplicationOutOfSync",
        "synced by hand",
        "60m",
        {info(sync_status="OutOfSync", autosync_enabled="false"): "1x60"},
    ),
    Case("GitopsdApplicationDegraded", "for long", "16m", {info(health_status="Degraded"): "1x60"}, _APP_LABELS),
    Case(
        "GitopsdApplicationDegraded",
        "for a moment",
        "30m",
        {info(health_status="Degraded"): "1x5 stale", info(health_status="Healthy"): "_x6 1x60"},
    ),
    Case(
        "GitopsdApplicationProgressing", "for hours", "121m", {info(health_status="Progressing"): "1x200"}, _APP_LABELS
    ),
    Case("GitopsdApplicationProgressing", "a slow rollout", "60m", {info(health_status="Progressing"): "1x200"}),
    Case("GitopsdSyncFailing", "again and again", "60m", {info(): "1x60", syncs("Failed"): "0+1x60"}, _APP_LABELS),
    Case(
        "GitopsdSyncFailing",
        "the first three of all",
        "20m",
        {info(): "1x60", syncs("Failed"): "_x10 1 2 3x60"},
        _APP_LABELS,
    ),
    Case(
        "GitopsdSyncFailing",
        "until one succeeds",
        "60m",
        {info(): "1x60", syncs("Failed"): "0+1x60", syncs("Succeeded"): "0x40 1x60"},
    ),
    Case(
        "GitopsdSyncFailing",
        "until the first of all succeeds",
        "60m",
        {info(): "1x60", syncs("Failed"): "0+1x60", syncs("Succeeded"): "_x40 1x60"},
    ),
    Case(
        "GitopsdSyncFailing",
        "a success of hours ago",
        "120m",
        {info(): "1x120", syncs("Failed"): "0+1x120", syncs("Succeeded"): "1x120"},
        _APP_LABELS,
    ),
    Case("GitopsdSyncFailing", "once", "60m", {info(): "1x60", syncs("Failed"): "0x10 1x60"}),
    Case("GitopsdSyncFailing", "three, hours ago", "90m", {info(): "1x100", syncs("Failed"): "_x10 1 2 3x90"}),
    Case(
        "GitopsdSyncFailing",
        "of an application that is gone",
        "20m",
        {info(): "1x10 stale", syncs("Failed"): "0 1 2 3 4 4x6 stale"},
    ),
    Case("GitopsdSyncStuck", "for hours", "121m", {info(operation="sync"): "1x200"}, _APP_LABELS),
    Case("GitopsdSyncStuck", "a long hook", "60m", {info(operation="sync"): "1x200"}),
    Case("GitopsdDeletionWaits", "held", "61m", {counter("deletions", 'phase="Held"'): "2x100"}, {"phase": "Held"}),
    Case("GitopsdDeletionWaits", "at work", "61m", {counter("deletions", 'phase="Deleting"'): "2x100"}),
    Case(
        "GitopsdCircuitBreakerOpen",
        "open",
        "2m",
        {counter("circuit_breaker_open", 'cluster="a"'): "1x60"},
        {"cluster": "a"},
    ),
    Case("GitopsdCircuitBreakerOpen", "closed", "10m", {counter("circuit_breaker_open", 'cluster="a"'): "0x60"}),
    Case(
        "GitopsdClusterDown",
        "down",
        "6m",
        {counter("cluster_up", 'server="https://c", name="a"'): "1 0x60"},
        {"server": "https://c", "name": "a"},
    ),
    Case("GitopsdClusterDown", "back soon", "10m", {counter("cluster_up", 'server="https://c", name="a"'): "0x3 1x60"}),
    Case(
        "GitopsdClusterKindsFailing",
        "no permission",
        "16m",
        {counter("cluster_kinds_failing", 'server="https://c", name="a"'): "2x60"},
        {"server": "https://c", "name": "a"},
    ),
    Case(
        "GitopsdClusterKindsFailing",
        "none",
        "60m",
        {counter("cluster_kinds_failing", 'server="https://c", name="a"'): "0x60"},
    ),
    Case(
        "GitopsdApiServerErrors",
        "half of them",
        "40m",
        {
            counter("kube_request_total", 'server="https://c", code="200"'): "0+60x60",
            counter("kube_request_total", 'server="https://c", code="503"'): "0+60x60",
        },
        {"server": "https://c"},
    ),
    Case(
        "GitopsdApiServerErrors",
        "now and then",
        "40m",
        {
            counter("kube_request_total", 'server="https://c", code="200"'): "0+60x60",
            counter("kube_request_total", 'server="https://c", code="429"'): "0+6x60",
        },
    ),
    Case(
        "GitopsdRepositoryFailing",
        "look-ups",
        "60m",
        {
            counter("git_request_total", f'{_REPO}, request_type="ls-remote"'): "0+1x60",
            counter("git_lsremote_fail_total", _REPO): "0+1x60",
        },
        {"repo": "https://git/a"},
    ),
    Case(
        "GitopsdRepositoryFailing",
        "fetches, while look-ups go well",
        "60m",
        {
            counter("git_request_total", f'{_REPO}, request_type="ls-remote"'): "0+1x60",
            counter("git_request_total", f'{_REPO}, request_type="fetch"'): "0+1x60",
            counter("git_fetch_fail_total", _REPO): "0+1x60",
        },
        {"repo": "https://git/a"},
    ),
    Case(
        "GitopsdRepositoryFailing",
        "one of four",
        "60m",
        {
            counter("git_request_total", f'{_REPO}, request_type="ls-remote"'): "0+4x60",
            counter("git_lsremote_fail_total", _REPO): "0+1x60",
        },
    ),
    Case(
        "GitopsdRepositoryFailing",
        "one that no application has any more",
        "40m",
        {
            counter("git_request_total", f'{_REPO}, request_type="ls-remote"'): "0+1x30 stale",
            counter("git_lsremote_fail_total", _REPO): "0+1x30 stale",
        },
    ),
    Case(
        "GitopsdArtifactsFailing",
        "one that no application has any more",
        "40m",
        {
            counter("artifact_request_total", f'{_REPO}, request_type="pull"'): "0+1x30 stale",
            counter("artifact_pull_fail_total", _REPO): "0+1x30 stale",
        },
    ),
    Case(
        "GitopsdArtifactsFailing",
        "downloads",
        "60m",
        {
            counter("artifact_request_total", f'{_REPO}, request_type="pull"'): "0+1x60",
            counter("artifact_pull_fail_total", _REPO): "0+1x60",
        },
        {"repo": "https://git/a"},
    ),
    Case(
        "GitopsdArtifactsFailing",
        "one of four",
        "60m",
        {
            counter("artifact_request_total", f'{_REPO}, request_type="index"'): "0+4x60",
            counter("artifact_lookup_fail_total", _REPO): "0+1x60",
        },
    ),
    Case("GitopsdRenderEngineRestarts", "again and again", "40m", {counter("engine_restart_total"): "0+1x60"}, {}),
    Case("GitopsdRenderEngineRestarts", "once", "40m", {counter("engine_restart_total"): "0x20 1x60"}),
    Case("GitopsdStateNotSaved", "status", "10m", {counter("store_fail_total"): "0+30x60"}, {}),
    Case("GitopsdStateNotSaved", "journal", "10m", {counter("journal_fail_total"): "0+30x60"}, {}),
    Case("GitopsdStateNotSaved", "once, long ago", "60m", {counter("store_fail_total"): "0x5 1x60"}),
    Case(
        "GitopsdDiskNearlyFull",
        "little",
        "15m",
        {
            counter("disk_free_bytes", 'folder="state"'): "1000000x60",
            counter("disk_size_bytes", 'folder="state"'): "10000000000x60",
        },
        {"folder": "state"},
    ),
    Case(
        "GitopsdDiskNearlyFull",
        "a small share of a huge disk",
        "15m",
        {
            counter("disk_free_bytes", 'folder="state"'): "100000000000x60",
            counter("disk_size_bytes", 'folder="state"'): "10000000000000x60",
        },
    ),
    Case("GitopsdQueueLong", "never empty", "40m", {counter("reconcile_queue_depth"): "300x60"}, {}),
    Case("GitopsdQueueLong", "at the start", "40m", {counter("reconcile_queue_depth"): "5000 2000 0x60"}),
    Case("GitopsdLoopLate", "late", "40m", lag({"0.1": 0, "1.0": 1, "+Inf": 1}), {}),
    Case("GitopsdLoopLate", "in time", "40m", lag({"0.1": 1, "1.0": 1, "+Inf": 1})),
    Case(
        "GitopsdInternalErrors",
        "the first of its place",
        "12m",
        {counter("internal_error_total", 'where="web"'): "_x10 1x100"},
        {"where": "web"},
    ),
    Case(
        "GitopsdInternalErrors",
        "hours ago",
        "90m",
        {counter("internal_error_total", 'where="web"'): "_x10 1x100"},
    ),
    Case(
        "GitopsdInternalErrors",
        "another hours after the first",
        "100m",
        {counter("internal_error_total", 'where="web"'): "_x10 1x60 2x60"},
        {"where": "web"},
    ),
    Case(
        "GitopsdInternalErrors",
        "fewer than before the restart",
        "80m",
        {counter("internal_error_total", 'where="web"'): "0x5 5x30 0x10 3x100"},
        {"where": "web"},
    ),
    Case(
        "GitopsdInternalErrors",
        "fewer than before the restart, an hour later",
        "120m",
        {counter("internal_error_total", 'where="web"'): "0x5 5x30 0x10 3x100"},
    ),
    Case(
        "GitopsdInternalErrors",
        "as many as before the restart",
        "80m",
        {counter("internal_error_total", 'where="web"'): "_x10 1x35 stale _x13 1x100", **_RESTARTED},
        {"where": "web"},
    ),
    Case(
        "GitopsdInternalErrors",
        "as many as before the restart, an hour later",
        "125m",
        {counter("internal_error_total", 'where="web"'): "_x10 1x35 stale _x13 1x100", **_RESTARTED},
    ),
    Case(
        "GitopsdInternalErrors",
        "a restart and none since",
        "60m",
        {counter("internal_error_total", 'where="web"'): "_x10 1x35 stale", **_RESTARTED},
    ),
    Case(
        "GitopsdOpenFilesNearlyAll",
        "nearly",
        "15m",
        {f"process_open_fds{{{_TARGET}}}": "900x60", f"process_max_fds{{{_TARGET}}}": "1024x60"},
        {},
    ),
    Case(
        "GitopsdOpenFilesNearlyAll",
        "few",
        "15m",
        {f"process_open_fds{{{_TARGET}}}": "90x60", f"process_max_fds{{{_TARGET}}}": "1024x60"},
    ),
]


def alerts() -> list[dict[str, Any]]:
    """Every alert rule as it is written."""
    (group,) = yaml.safe_load((PROMETHEUS / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


ALERTS: Final = alerts()
_SEVERITY: Final = {rule["alert"]: rule["labels"]["severity"] for rule in ALERTS}


def as_promtool_has_it(case: Case) -> dict[str, object]:
    """A unit test as `promtool test rules` reads it."""
    samples = []
    if case.fires is not None:
        labels = {"job": "gitopsd", "instance": "one", **case.fires}
        labels = {name: value for name, value in labels.items() if value}
        labels |= {"alertname": case.alert, "alertstate": "firing", "severity": _SEVERITY[case.alert]}
        shown = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
        samples.append({"labels": f"ALERTS{{{shown}}}", "value": 1})
    return {
        "name": f"{case.alert}: {case.what}",
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in case.given.items()],
        "promql_expr_test": [
            {
                "expr": f'ALERTS{{alertname="{case.alert}", alertstate="firing"}}',
                "eval_time": case.at,
                "exp_samples": samples,
            }
        ],
    }


def test_every_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    written = tmp_path / "tests.yaml"
    tests = [as_promtool_has_it(case) for case in CASES]
    written.write_text(yaml.safe_dump({"rule_files": [str(path) for path in RULES], "tests": tests}, sort_keys=False))
    done = promtool("test", "rules", written)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_has_a_case_of_each_kind_and_says_what_to_do(rule: Mapping[str, Any]) -> None:
    fires = [case.fires is not None for case in CASES if case.alert == rule["alert"]]
    assert {True, False} == set(fires)
    assert rule["labels"]["severity"] in {"critical", "warning"}
    notes = rule["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert notes["runbook_url"] == f"docs/troubleshooting.md#{rule['alert'].lower()}"
    assert len(notes["summary"]) < 100 < len(notes["description"])
    used = set(re.findall(r"\$labels\.([a-z_]+)", notes["summary"] + notes["description"]))
    (fired, *_) = [case.fires for case in CASES if case.alert == rule["alert"] and case.fires is not None]
    assert used <= {"job", "instance", *fired}


def test_the_commands_that_alerts_name_exist() -> None:
    told = " ".join(rule["annotations"]["description"] for rule in ALERTS)
    named = set(re.findall(r"\bgitopsd ((?:app|cluster|repo|config) [a-z-]+|diff\b|tree\b)", told))
    assert {"app get", "cluster get", "diff"} <= named
    runner = CliRunner()
    unknown = [words for words in named if runner.invoke(build(rich=False), [*words.split(), "--help"]).exit_code]
    assert unknown == []


def test_prometheus_reads_the_rules_and_the_example(tmp_path: Path) -> None:
    checked = promtool("check", "rules", *RULES)
    assert checked.returncode == 0, checked.stderr
    example = (PROMETHEUS / "prometheus.yaml").read_text(encoding="utf-8")
    config = tmp_path / "prometheus.yaml"
    config.write_text(example.replace("/etc/prometheus/gitopsd", str(PROMETHEUS)), encoding="utf-8")
    checked = promtool("check", "config", config)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_every_name_in_a_rule_is_one_of_ours(path: Path) -> None:
    known = series()
    (group,) = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    wrong = {rule.get("alert") or rule["record"]: unknown_names(rule["expr"], known) for rule in group["rules"]}
    assert {name: names for name, names in wrong.items() if names} == {}


def test_the_runbooks_are_written() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8").lower()
    anchors = {
        re.sub(r"[^a-z0-9 _-]", "", line.strip("# ")).replace(" ", "-") for line in text.splitlines() if "#" in line
    }
    anchors |= set(re.findall(r'<a (?:id|name)="([^"]+)"', text))
    assert {rule["alert"].lower() for rule in ALERTS} - anchors == set()
