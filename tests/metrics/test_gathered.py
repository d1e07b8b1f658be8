"""What is asked for at each scrape is as of then; what is gone is gone, and a lookup costs nobody between scrapes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gitopsd.core.app import Source
from gitopsd.core.errors import shown_url
from gitopsd.core.events import AppRemoved, Reconciled
from gitopsd.core.ids import AppName
from gitopsd.metrics import Recorder
from gitopsd.ports.cluster import Connection
from gitopsd.ports.clusterstatus import ClusterStatus, WatchedKind
from tests.metrics.conftest import Samples, Scrape
from tests.metrics.test_recorder import CANARY, CLOCK, SERVER, a_cluster, a_spec, a_status, changed, of

REPO = "https://git.example.org/team/app.git"


def value(samples: Samples, metric: str, /, **labels: str) -> float:
    return samples[metric, frozenset(labels.items())]


async def test_objects_kinds_and_events_of_a_cluster_are_shown(recorder: Recorder, scrape: Scrape) -> None:
    recorder.ask_clusters(lambda: [a_cluster()], CLOCK)
    samples = await scrape(recorder)
    place = {"server": SERVER, "name": "local"}
    assert value(samples, "gitopsd_cluster_kinds_served", **place) == 60
    assert value(samples, "gitopsd_cluster_kinds_watched", **place) == 2
    assert value(samples, "gitopsd_cluster_kinds_failing", **place) == 1
    assert value(samples, "gitopsd_cluster_objects", **place) == 14
    kind = {**place, "group": "apps", "kind": "Deployment"}
    assert value(samples, "gitopsd_cluster_kind_objects", **kind) == 5
    assert value(samples, "gitopsd_cluster_kind_objects_kept", **kind) == 2
    assert value(samples, "gitopsd_cluster_events_total", **kind) == 7
    assert not of(samples, "gitopsd_cluster_labels")


async def test_argo_cd_s_names_of_the_same(argocd: Recorder, scrape: Scrape) -> None:
    argocd.ask_clusters(lambda: [a_cluster()], CLOCK, ["environment"])
    samples = await scrape(argocd)
    assert value(samples, "argocd_cluster_api_resources", server=SERVER) == 2
    assert value(samples, "argocd_cluster_api_resource_objects", server=SERVER) == 14
    assert value(samples, "argocd_cluster_events_total", server=SERVER, group="apps", kind="Deployment") == 7
    assert value(samples, "argocd_cluster_cache_age_seconds", server=SERVER) == 0
    assert value(samples, "argocd_cluster_labels", server=SERVER, name="local", label_environment="test") == 1


async def test_what_is_known_of_a_cluster_that_is_down_grows_old(recorder: Recorder, scrape: Scrape) -> None:
    down = replace(a_cluster(), connection=Connection(up=False, since=CLOCK.monotonic() - 30))
    recorder.ask_clusters(lambda: [down], CLOCK)
    age = value(await scrape(recorder), "gitopsd_cluster_cache_age_seconds", server=SERVER, name="local")
    assert 30 <= age < 90


async def test_clusters_and_kinds_that_are_gone_are_shown_no_more(recorder: Recorder, scrape: Scrape) -> None:
    clusters = [a_cluster(), a_cluster(name="other")]
    recorder.ask_clusters(lambda: clusters, CLOCK)
    await scrape(recorder)
    clusters[:] = [a_cluster(WatchedKind("", "v1", "Pod", kept=0, seen=1))]
    samples = await scrape(recorder)
    assert of(samples, "gitopsd_cluster_kind_objects") == [
        {"server": SERVER, "name": "local", "group": "", "kind": "Pod"}
    ]


async def test_two_clusters_that_look_the_same_do_not_spoil_the_scrape(argocd: Recorder, scrape: Scrape) -> None:
    """Argo CD's labels hold no name, and Prometheus refuses a scrape with two series of the same labels."""
    argocd.ask_clusters(lambda: [a_cluster(), a_cluster(name="again")], CLOCK)
    assert len(list(of(await scrape(argocd), "argocd_cluster_api_resources"))) == 1


async def test_series_of_a_server_go_with_the_last_cluster_that_is_there(recorder: Recorder, scrape: Scrape) -> None:
    for name in ("local", "second"):
        recorder.cluster_up(SERVER, name, up=True)
    recorder.kube_request(SERVER, "get", "Pod", 200, 0.1, waited=0.1)
    recorder.watch_batch(SERVER, 2, 0.1)
    recorder.on_event(Reconciled(a_spec(), SERVER, 0.0, 0.1, failed=True))
    recorder.cluster_removed("local")
    assert of(await scrape(recorder), "gitopsd_kube_request_total")
    recorder.cluster_removed("second")
    left = {name for name, labels in await scrape(recorder) if SERVER in dict(labels).values()}
    assert left == set()


async def test_a_cluster_that_moved_leaves_nothing_behind(recorder: Recorder, scrape: Scrape) -> None:
    recorder.cluster_up(SERVER, "local", up=True)
    recorder.kube_request(SERVER, "get", "Pod", 200, 0.1)
    recorder.cluster_up("https://10.0.0.2:6443", "local", up=True)
    left = {name for name, labels in await scrape(recorder) if SERVER in dict(labels).values()}
    assert left == set()


async def test_series_of_a_repository_go_with_its_last_application(recorder: Recorder, scrape: Scrape) -> None:
    first, second = a_spec("first"), a_spec("second")
    for spec in (first, second):
        recorder.on_event(changed(spec, a_status(spec)))
    recorder.git_request(f"https://user:{CANARY}@git.example.org/team/app", "fetch", 0.1, ok=False, waited=0.2)
    recorder.ask_sources(lambda: {REPO: 1})
    recorder.on_event(AppRemoved(first.name))
    samples = await scrape(recorder)
    assert value(samples, "gitopsd_repo_pending_requests", repo=REPO) == 1
    assert of(samples, "gitopsd_git_fetch_fail_total")
    elsewhere = replace(second, sources=(Source("https://git.example.org/team/other.git"),))
    recorder.on_event(changed(elsewhere, a_status(elsewhere)))
    assert {row["repo"] for _, row in shown(await scrape(recorder)) if "repo" in row} == {
        "https://git.example.org/team/other.git"
    }


def shown(samples: Samples) -> Sequence[tuple[str, dict[str, str]]]:
    return [(name, dict(labels)) for name, labels in samples]


async def test_a_chart_s_series_are_its_repository_s(recorder: Recorder, scrape: Scrape) -> None:
    spec = replace(a_spec(), sources=(Source("https://charts.example.org", chart="web"),))
    recorder.on_event(changed(spec, a_status(spec)))
    recorder.artifact_request("https://charts.example.org", "index", 0.1, ok=False)
    recorder.artifact_request("https://charts.example.org", "pull", 0.1, ok=False)
    samples = await scrape(recorder)
    assert value(samples, "gitopsd_artifact_lookup_fail_total", repo="https://charts.example.org") == 1
    assert value(samples, "gitopsd_artifact_pull_fail_total", repo="https://charts.example.org") == 1
    recorder.on_event(AppRemoved(spec.name))
    assert not [row for _, row in shown(await scrape(recorder)) if "repo" in row]


async def test_orphans_are_counted_where_they_are_looked_for(recorder: Recorder, scrape: Scrape) -> None:
    spec, counts = a_spec(), {AppName("guestbook"): 0, AppName("never-there"): 3}
    recorder.on_event(changed(spec, a_status(spec)))
    recorder.ask_orphans(lambda: counts)
    samples = await scrape(recorder)
    assert of(samples, "gitopsd_app_orphaned_resources") == [{"name": "guestbook", "project": "default"}]
    counts.clear()
    assert not of(await scrape(recorder), "gitopsd_app_orphaned_resources")


async def test_labels_of_applications_are_shown_where_they_are_asked_for(scrape: Scrape) -> None:
    recorder = Recorder(version="1", labels=("example.org/unit", "team"))
    spec = replace(a_spec(), labels={"team": "web", "other": CANARY})
    recorder.on_event(changed(spec, a_status(spec)))
    labels = {"name": "guestbook", "project": "default", "label_example_org_unit": "", "label_team": "web"}
    assert of(await scrape(recorder), "gitopsd_app_labels") == [labels]
    other = replace(spec, labels={"team": "shop"})
    recorder.on_event(changed(other, a_status(other)))
    assert of(await scrape(recorder), "gitopsd_app_labels") == [{**labels, "label_team": "shop"}]
    recorder.on_event(AppRemoved(spec.name))
    assert not of(await scrape(recorder), "gitopsd_app_labels")


async def test_without_such_a_setting_no_label_of_an_application_is_shown(scrape: Scrape) -> None:
    recorder = Recorder(version="1")
    recorder.on_event(changed(a_spec(), a_status(a_spec())))
    assert not of(await scrape(recorder), "gitopsd_app_labels")


async def test_room_on_disk_and_the_state_s_own_files(recorder: Recorder, scrape: Scrape, tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"x" * 1000)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "large").write_bytes(b"x" * 5000)
    recorder.ask_disk(tmp_path, tmp_path / "cache")
    samples = await scrape(recorder)
    assert value(samples, "gitopsd_state_bytes") == 1000
    assert (
        0
        < value(samples, "gitopsd_disk_free_bytes", folder="cache")
        <= value(samples, "gitopsd_disk_size_bytes", folder="cache")
    )


async def test_a_folder_that_is_gone_spoils_no_scrape(recorder: Recorder, scrape: Scrape, tmp_path: Path) -> None:
    recorder.ask_disk(tmp_path / "none", tmp_path)
    samples = await scrape(recorder)
    assert [row["folder"] for row in of(samples, "gitopsd_disk_free_bytes")] == ["cache"]


@pytest.mark.usefixtures("nothing_blocks")
async def test_a_scrape_of_ten_clusters_with_a_hundred_kinds_each_does_not_block(recorder: Recorder) -> None:
    kinds = tuple(WatchedKind("example.org", "v1", f"Kind{number}", kept=1, seen=2) for number in range(100))
    clusters = [
        ClusterStatus(f"cluster-{number}", f"https://10.0.0.{number}", Connection(up=True), kinds=kinds)
        for number in range(10)
    ]
    recorder.ask_clusters(lambda: clusters, CLOCK)
    recorder.ask_disk(Path("/"), Path("/"))
    _, body = await recorder.exposition("")
    assert body.count(b"\ngitopsd_cluster_kind_objects{") == 1000


async def test_S8_no_gathered_label_holds_a_credential(recorder: Recorder) -> None:
    url = f"https://user:{CANARY}@10.0.0.1:6443?token={CANARY}"
    spec = replace(a_spec(), sources=(Source(url),))
    recorder.on_event(changed(spec, a_status(spec)))
    recorder.ask_clusters(lambda: [replace(a_cluster(), server=url)], CLOCK)
    recorder.ask_sources(lambda: {url: 1})
    recorder.artifact_request(url, "pull", 0.1, ok=False)
    _, body = await recorder.exposition("")
    assert CANARY not in body.decode()
    assert shown_url(url) in body.decode()
