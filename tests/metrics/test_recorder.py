"""What happens becomes what a scrape shows."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gitopsd.core.app import AppSpec, Automated, Destination, Source, SyncPolicy
from gitopsd.core.appstatus import AppStatus, SyncCode, unknown_status
from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.events import AppRemoved, ConfigReloaded, OperationEnded, Reconciled, StatusChanged
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.hook import HookOutcome, SyncPhase
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.operation import HookId, HookRun, Operation, Phase, ResultCode, StepResult
from gitopsd.core.syncrequest import AUTOMATED
from gitopsd.metrics import Recorder
from gitopsd.metrics.metric import shown_name
from gitopsd.metrics.names import METRICS
from gitopsd.ports.cluster import Connection
from gitopsd.ports.clusterstatus import ClusterStatus, WatchedKind
from gitopsd.testing.clock import FakeClock
from tests.metrics.conftest import Samples, Scrape

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SERVER = "https://10.0.0.1:6443"
CANARY = "c4n4ry"
CLOCK = FakeClock()
# What the configuration adds to the labels of these.
MORE = {"app_labels": {"label_team"}, "cluster_labels": {"label_environment"}}


def a_spec(name: str = "guestbook") -> AppSpec:
    return AppSpec(
        AppName(name),
        (Source("https://git.example.org/team/app.git"),),
        Destination(name="local", namespace="shop"),
        labels={"team": "web"},
        sync_policy=SyncPolicy(Automated()),
    )


def a_status(spec: AppSpec, *conditions: ConditionType) -> AppStatus:
    return replace(
        unknown_status(spec.name),
        sync=SyncCode.SYNCED,
        health=Health(HealthStatus.HEALTHY),
        conditions=tuple(Condition(kind, "wrong") for kind in conditions),
    )


def an_operation(phase: Phase) -> Operation:
    return Operation("d1", ("a" * 40,), NOW, phase, finished_at=None if phase is Phase.RUNNING else NOW)


def an_eventful_operation() -> Operation:
    keys = [ObjectKey("", "ConfigMap", "shop", name) for name in "abcd"]
    codes = (ResultCode.SYNCED, ResultCode.SYNCED, ResultCode.PRUNED, ResultCode.SYNC_FAILED)
    return replace(
        an_operation(Phase.FAILED),
        results={key: StepResult(code) for key, code in zip(keys, codes, strict=True)},
        hooks={
            HookId(SyncPhase.PRE_SYNC, keys[0]): HookRun(NOW, outcome=HookOutcome.SUCCEEDED),
            HookId(SyncPhase.POST_SYNC, keys[0]): HookRun(NOW, outcome=HookOutcome.FAILED),
        },
    )


def changed(spec: AppSpec, status: AppStatus, server: str = SERVER) -> StatusChanged:
    return StatusChanged(spec, status, None, server)


def of(samples: Samples, name: str) -> Iterable[dict[str, str]]:
    """Return the labels of each series of `name`."""
    return [dict(labels) for found, labels in samples if found == name]


def feed(recorder: Recorder) -> None:
    """Make something of everything happen."""
    spec = a_spec()
    recorder.on_event(changed(spec, a_status(spec, ConditionType.SYNC_ERROR)))
    recorder.on_event(Reconciled(spec, SERVER, 0.0, 0.3, failed=True))
    recorder.on_event(OperationEnded(spec, SERVER, an_operation(Phase.SUCCEEDED), 2.5))
    rollback = replace(AUTOMATED, history=3)
    recorder.on_event(
        OperationEnded(spec, SERVER, replace(an_eventful_operation(), phase=Phase.SUCCEEDED, request=rollback), 2.5)
    )
    recorder.on_event(ConfigReloaded())
    recorder.circuit_breaker("local", opened=True)
    recorder.journal_failed()
    recorder.git_request("https://git.example.org/team/app.git", "ls-remote", 0.1, ok=False)
    recorder.git_request("https://git.example.org/team/app.git", "fetch", 0.1, ok=False)
    for kind in ("oci", "pull"):
        recorder.artifact_request("oci://registry.example.org/charts/web", kind, 0.1, ok=False)
    recorder.render("helm", 0.02, cached=False, failed=False)
    recorder.render_wait(0.001)
    recorder.kube_request(SERVER, "patch", "Deployment", 200, 0.01, waited=0.002)
    recorder.watch_batch(SERVER, 3, 0.001)
    recorder.cluster_up(SERVER, "local", up=True, version="v1.36.3")
    recorder.reload(ok=True, when=NOW)
    recorder.loop_lag(0.001)
    recorder.engine_restart("ended by signal 9")
    recorder.store_failed()
    recorder.internal_error("bus")
    recorder.ask_clusters(lambda: [a_cluster()], CLOCK, ["environment"])
    recorder.ask_sources(lambda: {"https://git.example.org/team/app.git": 2})
    recorder.ask_queue(lambda: 3, lambda: 1)
    recorder.ask_orphans(lambda: {AppName("guestbook"): 4})
    recorder.ask_log(lambda: 5)
    recorder.ask_traces(lambda: (2, 1))
    recorder.ask_disk(Path("/"), Path("/"))


def a_cluster(*kinds: WatchedKind, up: bool = True, name: str = "local") -> ClusterStatus:
    deployments = WatchedKind("apps", "v1", "Deployment", kept=2, seen=5, events=7)
    config_maps = WatchedKind("", "v1", "ConfigMap", kept=1, seen=9, events=0, errors=("it may not be listed",))
    return ClusterStatus(
        name,
        SERVER,
        Connection(up=up, since=CLOCK.monotonic()),
        labels={"environment": "test"},
        api_resources=60,
        kinds=kinds or (deployments, config_maps),
    )


async def test_every_metric_of_the_table_is_shown_under_its_labels(recorder: Recorder, scrape: Scrape) -> None:
    feed(recorder)
    samples = await scrape(recorder)
    for metric in METRICS:
        name = f"gitopsd_{metric.name}"
        shown = [*of(samples, name), *of(samples, f"{name}_count")]
        assert shown, name
        assert all(set(labels) == set(metric.labels) | MORE.get(metric.name, set()) for labels in shown), name


async def test_every_metric_keeps_its_place_under_argo_cd_s_prefix(argocd: Recorder, scrape: Scrape) -> None:
    feed(argocd)
    samples = await scrape(argocd)
    for metric in METRICS:
        name = shown_name(metric, "argocd")
        shown = [*of(samples, name), *of(samples, f"{name}_count")]
        assert shown, name
        assert name.startswith("argocd_")
        wanted = set(metric.argocd.labels if metric.argocd else metric.labels) | MORE.get(metric.name, set())
        assert all(set(labels) == wanted for labels in shown), name
    assert not any(name.startswith("gitopsd") for name, _ in samples)


async def test_argo_cd_s_dashboards_find_their_names_and_labels(argocd: Recorder, scrape: Scrape) -> None:
    feed(argocd)
    samples = await scrape(argocd)
    assert of(samples, "argocd_app_info") == [
        {
            "namespace": "argocd",
            "name": "guestbook",
            "project": "default",
            "autosync_enabled": "true",
            "repo": "https://git.example.org/team/app.git",
            "dest_server": SERVER,
            "dest_namespace": "shop",
            "sync_status": "Synced",
            "health_status": "Healthy",
            "operation": "",
        }
    ]
    assert of(samples, "argocd_app_sync_total") == [
        {
            "namespace": "argocd",
            "name": "guestbook",
            "project": "default",
            "dest_server": SERVER,
            "phase": "Succeeded",
            "dry_run": "false",
        }
    ]
    assert of(samples, "argocd_app_reconcile_count") == [{"namespace": "argocd", "dest_server": SERVER}]
    buckets = [labels["le"] for labels in of(samples, "argocd_app_reconcile_bucket")]
    assert buckets == ["0.25", "0.5", "1.0", "2.0", "4.0", "8.0", "16.0", "+Inf"]
    assert of(samples, "argocd_cluster_connection_status") == [{"server": SERVER, "k8s_version": "v1.36.3"}]
    assert {labels["request_type"] for labels in of(samples, "argocd_git_request_total")} == {"ls-remote", "fetch"}
    assert of(samples, "argocd_info") == [{"version": "1.2.3"}]


async def test_the_names_that_are_promised_are_there_before_anything_happens(
    recorder: Recorder, scrape: Scrape
) -> None:
    samples = {name for name, _ in await scrape(recorder)}
    assert {
        "gitopsd_build_info",
        "gitopsd_loop_lag_seconds_count",
        "gitopsd_config_last_reload_successful",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "python_gc_collections_total",
    } <= samples


async def test_a_change_replaces_the_application_s_series(recorder: Recorder, scrape: Scrape) -> None:
    spec = a_spec()
    running = replace(
        a_status(spec),
        sync=SyncCode.OUT_OF_SYNC,
        operation=an_operation(Phase.RUNNING),
        health=Health(HealthStatus.MISSING),
    )
    recorder.on_event(changed(spec, running))
    (before,) = of(await scrape(recorder), "gitopsd_app_info")
    recorder.on_event(changed(spec, replace(a_status(spec), operation=an_operation(Phase.SUCCEEDED))))
    (after,) = of(await scrape(recorder), "gitopsd_app_info")
    assert (before["sync_status"], before["health_status"], before["operation"]) == ("OutOfSync", "Missing", "sync")
    assert (after["sync_status"], after["health_status"], after["operation"]) == ("Synced", "Healthy", "")


async def test_a_failure_before_the_cluster_is_known_keeps_the_server(recorder: Recorder, scrape: Scrape) -> None:
    spec = a_spec()
    recorder.on_event(changed(spec, a_status(spec)))
    recorder.on_event(changed(spec, unknown_status(spec.name), server=""))
    (labels,) = of(await scrape(recorder), "gitopsd_app_info")
    assert labels["dest_server"] == SERVER
    moved = replace(spec, destination=Destination(server="https://10.0.0.2"))
    recorder.on_event(changed(moved, unknown_status(spec.name), server=""))
    (labels,) = of(await scrape(recorder), "gitopsd_app_info")
    assert labels["dest_server"] == "https://10.0.0.2"


async def test_conditions_come_and_go(recorder: Recorder, scrape: Scrape) -> None:
    spec = a_spec()
    twice = ConditionType.REPEATED_RESOURCE_WARNING
    recorder.on_event(changed(spec, a_status(spec, ConditionType.SYNC_ERROR, twice, twice)))
    counts = {
        dict(labels)["condition"]: value
        for (name, labels), value in (await scrape(recorder)).items()
        if name == "gitopsd_app_condition"
    }
    assert counts == {"SyncError": 1, "RepeatedResourceWarning": 2}
    recorder.on_event(changed(spec, a_status(spec, twice)))
    assert [row["condition"] for row in of(await scrape(recorder), "gitopsd_app_condition")] == [twice.value]


async def test_nothing_is_left_of_a_removed_application(recorder: Recorder, scrape: Scrape) -> None:
    gone, stays = a_spec("gone"), a_spec("stays")
    for spec in (gone, stays):
        recorder.on_event(changed(spec, a_status(spec, ConditionType.SYNC_ERROR)))
        for phase in (Phase.SUCCEEDED, Phase.FAILED):
            recorder.on_event(OperationEnded(spec, SERVER, an_operation(phase), 1.0))
    recorder.on_event(AppRemoved(gone.name))
    recorder.on_event(AppRemoved(AppName("never-there")))
    names = {dict(labels).get("name") for _, labels in await scrape(recorder)} - {None}
    assert names == {"stays"}


async def test_a_cluster_that_goes_down_is_down_and_keeps_its_version(argocd: Recorder, scrape: Scrape) -> None:
    argocd.cluster_up(SERVER, "local", up=True, version="v1.36.3")
    argocd.cluster_up(SERVER, "local", up=False)
    samples = await scrape(argocd)
    assert samples["argocd_cluster_connection_status", frozenset({("server", SERVER), ("k8s_version", "v1.36.3")})] == 0
    argocd.cluster_removed("local")
    assert not of(await scrape(argocd), "argocd_cluster_connection_status")


async def test_a_failed_reload_keeps_the_time_of_the_good_one(recorder: Recorder, scrape: Scrape) -> None:
    recorder.reload(ok=True, when=NOW)
    recorder.reload(ok=False, when=NOW.replace(year=2027))
    samples = await scrape(recorder)
    assert samples["gitopsd_config_last_reload_successful", frozenset()] == 0
    assert samples["gitopsd_config_last_reload_success_timestamp_seconds", frozenset()] == NOW.timestamp()


async def test_a_request_without_an_answer_has_a_code_of_its_own_and_watches_have_no_duration(
    recorder: Recorder, scrape: Scrape
) -> None:
    recorder.kube_request(SERVER, "list", "Pod", 0, 1.0)
    recorder.kube_request(SERVER, "watch", "Pod", 200, 600.0)
    samples = await scrape(recorder)
    assert {row["code"] for row in of(samples, "gitopsd_kube_request_total")} == {"<error>", "200"}
    assert {row["verb"] for row in of(samples, "gitopsd_kube_request_seconds_count")} == {"list"}


async def test_cached_renders_count_and_have_no_duration(recorder: Recorder, scrape: Scrape) -> None:
    recorder.render("helm", 0.0, cached=True, failed=False)
    recorder.render("kustomize", 0.1, cached=False, failed=True)
    samples = await scrape(recorder)
    assert {row["renderer"]: row["result"] for row in of(samples, "gitopsd_render_total")} == {
        "helm": "cached",
        "kustomize": "failed",
    }
    assert [row["renderer"] for row in of(samples, "gitopsd_render_seconds_count")] == ["kustomize"]


async def test_S8_no_url_in_a_label_holds_a_credential(recorder: Recorder) -> None:
    url = f"https://user:{CANARY}@git.example.org/team/app.git?token={CANARY}#{CANARY}"
    spec = replace(a_spec(), sources=(Source(url),), destination=Destination(server=url))
    recorder.on_event(changed(spec, a_status(spec), server=url))
    recorder.on_event(changed(spec, a_status(spec), server=""))
    recorder.on_event(Reconciled(spec, "", 0.0, 1.0, failed=True))
    recorder.on_event(OperationEnded(spec, url, an_operation(Phase.ERROR), 1.0))
    recorder.git_request(url, "fetch", 1.0, ok=False)
    recorder.git_request(f"{CANARY}@git.example.org:team/app.git", "ls-remote", 1.0, ok=True)
    recorder.kube_request(url, "get", "Pod", 200, 1.0)
    recorder.cluster_up(url, "local", up=True)
    _, text = await recorder.exposition("")
    assert CANARY not in text.decode()
    assert "git.example.org/team/app.git" in text.decode()


@pytest.mark.parametrize("odd", ['a"b', "a\nb", "a\\", "\ud800", "x" * 100_000, "Ünï", "{}", "\x00"])
async def test_odd_text_in_a_label_spoils_no_scrape(recorder: Recorder, scrape: Scrape, odd: str) -> None:
    spec = replace(a_spec(), project=odd)
    recorder.on_event(changed(spec, a_status(spec)))
    recorder.on_event(changed(a_spec("fine"), a_status(a_spec("fine"))))
    samples = await scrape(recorder)
    assert {row["name"] for row in of(samples, "gitopsd_app_info")} == {"guestbook", "fine"}
    assert max(len(row["project"]) for row in of(samples, "gitopsd_app_info")) <= 512


async def test_two_daemons_in_one_process_do_not_share_metrics(scrape: Scrape) -> None:
    first, second = Recorder(version="1"), Recorder(version="2")
    first.git_request("https://git.example.org/a.git", "fetch", 1.0, ok=True)
    assert not of(await scrape(second), "gitopsd_git_request_total")
