"""The daemon as systemd, Prometheus and a person's shell see it."""

from __future__ import annotations

import signal
import stat
from pathlib import Path

from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.child import Systemd, child
from tests.e2e.conditions import healthy, synced
from tests.e2e.manifests import config_map, deployment
from tests.e2e.world import World

# The names that the documentation promises.
PROMISED = {
    "gitopsd_app_info": {
        "name",
        "project",
        "repo",
        "dest_server",
        "dest_namespace",
        "sync_status",
        "health_status",
        "autosync_enabled",
        "operation",
    },
    "gitopsd_app_sync_total": {"name", "phase"},
    "gitopsd_app_reconcile_seconds_bucket": {"le"},
    "gitopsd_git_request_total": {"repo"},
    "gitopsd_git_request_seconds_bucket": {"le"},
    "gitopsd_render_seconds_bucket": {"renderer"},
    "gitopsd_kube_request_total": {"server", "verb", "kind", "code"},
    "gitopsd_cluster_up": {"server"},
    "gitopsd_config_last_reload_successful": set(),
    "gitopsd_build_info": {"version"},
    "gitopsd_loop_lag_seconds_bucket": {"le"},
    "process_cpu_seconds_total": set(),
    "process_resident_memory_bytes": set(),
    "process_open_fds": set(),
}


def families(text: str) -> list[Metric]:
    """What the official parser reads."""
    return list(text_string_to_metric_families(text))


async def test_it_is_ready_answers_probes_and_scrapes_and_ends_on_sigterm_with_exit_0(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app")
    async with child(world) as daemon:
        await daemon.until_synced("app")
        await daemon.until_line('"ready"')
        alive = await daemon.get("/healthz", public=True)
        ready = await daemon.get("/readyz", public=True)
        assert (alive.status_code, ready.status_code, ready.json()["ready"]) == (200, 200, True)
        scrape = await daemon.get("/metrics", public=True)
        samples = [sample for family in families(scrape.text) for sample in family.samples]
        labels: dict[str, set[str]] = {}
        for sample in samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
        assert {name: wanted - labels.get(name, {"absent"}) for name, wanted in PROMISED.items()} == {
            name: set() for name in PROMISED
        }
        assert set(PROMISED) <= labels.keys()
        info = {sample.labels["name"]: sample.labels for sample in samples if sample.name == "gitopsd_app_info"}
        shown = info[world.full("app")]
        assert (shown["sync_status"], shown["health_status"], shown["autosync_enabled"]) == (
            "Synced",
            "Healthy",
            "true",
        )
        modern = await daemon.get("/metrics", public=True, accept="application/openmetrics-text; version=1.0.0")
        assert list(open_metrics(modern.text))  # type: ignore[no-untyped-call]  # the library types one of its two parsers
        refused = await daemon.get("/api/v1/applications", public=True)
        assert refused.status_code == 404
        listed = await daemon.get("/api/v1/applications")
        assert [item["name"] for item in listed.json()["items"]] == [world.full("app")]
        assert stat.S_IMODE(daemon.socket.stat().st_mode) == 0o600
        daemon.signal(signal.SIGTERM)
        assert await daemon.ended(30) == 0
        assert daemon.has_line("stopped")
        assert not daemon.socket.exists()


async def test_the_prefix_setting_gives_argo_cd_s_names(world: World) -> None:
    world.config["server"]["metricsPrefix"] = "argocd"
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced, healthy)
        shown = {family.name: family for family in families(await daemon.metrics())}
        (info,) = shown["argocd_app_info"].samples
        assert info.labels["name"] == world.full("app")
        assert info.labels["namespace"] == "argocd"
        assert info.labels["sync_status"] == "Synced"


async def test_sigterm_in_the_middle_of_a_sync_that_waits_ends_within_ten_seconds_and_the_next_start_goes_on(
    world: World,
) -> None:
    files = {f"app/{number}.yaml": config_map(f"map-{number}") for number in range(300)}
    world.commit({**files, "app/first.yaml": deployment("first", wave="-1")})
    world.application("app")
    async with child(world) as daemon:
        await world.cluster.until("", "/api/v1/namespaces", lambda here: world.full("app") in here)
        await world.cluster.until(world.full("app"), "deployments", lambda here: here)
        daemon.signal(signal.SIGTERM)
        assert await daemon.ended(30) == 0
        assert not daemon.has_line("Traceback")
    assert await world.cluster.names(world.full("app"), "configmaps") == set()
    world.commit({"app/first.yaml": None})
    async with child(world) as daemon:
        await daemon.until(lambda child: any(line.get("event") == "synced" for line in child.lines))
    assert len(await world.cluster.names(world.full("app"), "configmaps")) == 300


async def test_sigterm_while_many_objects_are_being_applied_leaves_none_half_done(world: World) -> None:
    world.commit({f"app/{number}.yaml": config_map(f"map-{number}") for number in range(400)})
    world.application("app")
    async with child(world) as daemon:
        await world.cluster.until("", "/api/v1/namespaces", lambda here: world.full("app") in here)
        await world.cluster.until(world.full("app"), "configmaps", lambda here: len(here) > 10)
        daemon.signal(signal.SIGTERM)
        assert await daemon.ended(30) == 0
        assert not daemon.has_line("Traceback")
    done = await world.cluster.names(world.full("app"), "configmaps")
    async with child(world) as daemon:
        await daemon.until_synced("app")
    created = [text for text in await world.cluster.writes(world.user) if "configmaps/" in text]
    assert len(await world.cluster.names(world.full("app"), "configmaps")) == 400
    assert len(created) == len(set(created)), f"{len(done)} were there before"


async def test_systemd_is_told_of_ready_reloading_and_stopping(world: World, tmp_path: Path) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app")
    systemd = Systemd(tmp_path / "notify")
    try:
        async with child(world, environ={"NOTIFY_SOCKET": str(systemd.path)}) as daemon:
            assert "STATUS=1 application" in (await systemd.until("READY=1")).splitlines()
            await daemon.until_synced("app")
            daemon.signal(signal.SIGHUP)
            reloading = await systemd.until("RELOADING=1")
            assert "MONOTONIC_USEC=" in reloading
            await systemd.until("READY=1")
            daemon.signal(signal.SIGTERM)
            await systemd.until("STOPPING=1")
            assert await daemon.ended(30) == 0
    finally:
        systemd.close()


async def test_a_second_daemon_on_the_same_state_is_refused_and_told_why(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app")
    async with child(world) as first:
        await first.until_synced("app")
        async with child(world) as second:
            assert await second.ended(30) != 0
        await first.refresh("app")


async def test_log_lines_name_application_and_revision(world: World) -> None:
    commit = world.commit({"app/one.yaml": config_map("one")})
    world.application("app")
    async with child(world) as daemon:
        await daemon.until_synced("app")
        about = [line for line in daemon.lines if line.get("application") == world.full("app") and "revision" in line]
        assert about[-1]["revision"] == commit[:7]
        assert all({"event", "level", "timestamp"} <= line.keys() for line in daemon.lines)
        assert len(daemon.lines) == len(daemon.raw)
