"""`gitopsd tree`."""

from __future__ import annotations

import json

import pytest
import yaml

from gitopsd.control.trees import Sight
from gitopsd.core.appstatus import ResourceStatus, SyncCode
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.ids import GVK, AppName, GroupKind, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, JsonValue
from gitopsd.core.live import LiveObject
from gitopsd.core.tree.node import node_of
from tests.cli.conftest import Cli, Served
from tests.core.tree.objects import live, managed

CRASHING: JsonObject = {
    "phase": "Running",
    "containerStatuses": [{"name": "main", "restartCount": 7, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}],
}
RUNNING: JsonObject = {
    "phase": "Running",
    "containerStatuses": [{"name": "main", "ready": True, "state": {"running": {"startedAt": "2026-03-01T12:00:00Z"}}}],
}
BACK_OFF = Health(HealthStatus.DEGRADED, "back-off 5m0s restarting failed container")


def a_pod(name: str, status: JsonValue) -> LiveObject:
    spec: JsonObject = {"nodeName": "n1", "containers": [{"name": "main", "image": "registry.example.org/web:1"}]}
    return live("Pod", name, owners=("rs",), labels={"app": "web"}, spec=spec, status=status)


def the_shop() -> Sight:
    """A Deployment with two pods, a Service before them and an Ingress before that, and a ConfigMap that is missing."""
    rules: JsonValue = [{"host": "shop.example.org", "http": {"paths": [{"backend": {"service": {"name": "web"}}}]}}]
    ingress = live("Ingress", "front", api_version="networking.k8s.io/v1", spec={"rules": rules})
    service = live("Service", "web", spec={"selector": {"app": "web"}})
    deployment = live("Deployment", "web", api_version="apps/v1", uid="d", spec={"replicas": 2}, status={})
    replica_set = live(
        "ReplicaSet",
        "web-6d4",
        api_version="apps/v1",
        uid="rs",
        owners=("d",),
        annotations={"deployment.kubernetes.io/revision": "3"},
        spec={"replicas": 2},
        status={"readyReplicas": 1},
    )
    fine, broken = a_pod("web-6d4-a", RUNNING), a_pod("web-6d4-b", CRASHING)
    healthy = Health(HealthStatus.HEALTHY)
    verdicts = {replica_set: Health(HealthStatus.PROGRESSING), fine: healthy, broken: BACK_OFF}
    every = (ingress, service, deployment, replica_set, fine, broken)
    nodes = {one.key: node_of(one, verdicts.get(one)) for one in every}
    key = ObjectKey("", "ConfigMap", "shop", "settings")
    missing = ResourceStatus(key, GVK("", "v1", "ConfigMap"), SyncCode.OUT_OF_SYNC, Health(HealthStatus.MISSING))
    return Sight(nodes, (managed(ingress), managed(service), managed(deployment), missing))


@pytest.fixture
def shop(served: Served) -> Served:
    served.daemon.trees[AppName("shop")] = the_shop()
    return served


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


def test_a_tree_is_drawn_with_sync_health_and_what_there_is_to_know(cli: Cli, shop: Served) -> None:
    ran = cli("tree", "shop", "--socket", str(shop.socket))
    assert (ran.code, ran.err) == (0, "")
    broken = "back-off 5m0s restarting failed container; CrashLoopBackOff, on n1, 0/1 ready, restarts: 7"
    assert lines(ran.out) == [
        "NAME                      SYNC       HEALTH       INFO",
        "shop",
        "├─ Ingress/front          Synced     Healthy",
        "├─ Service/web            Synced     Healthy      ClusterIP",
        "├─ Deployment/web         Synced     Healthy      0/2 ready",
        "│  └─ ReplicaSet/web-6d4  -          Progressing  Rev:3, 1/2 ready",
        "│     ├─ Pod/web-6d4-a    -          Healthy      Running, on n1, 1/1 ready",
        f"│     └─ Pod/web-6d4-b    -          Degraded     {broken}",
        "└─ ConfigMap/settings     OutOfSync  Missing",
    ]


def test_the_wide_drawing_shows_images_traffic_and_urls(cli: Cli, shop: Served) -> None:
    out = cli("tree", "shop", "-o", "wide", "--socket", str(shop.socket)).out
    assert out.splitlines()[0].split() == [
        "NAME", "NAMESPACE", "SYNC", "HEALTH", "CREATED", "IMAGES", "TRAFFIC", "TO", "URLS", "INFO"
    ]  # fmt: skip
    ingress, service = out.splitlines()[2:4]
    assert "Service/web" in ingress
    assert "http://shop.example.org" in ingress
    assert "Pod/web-6d4-a,Pod/web-6d4-b" in service
    assert "registry.example.org/web:1" in out


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--kind", "pod"], ["shop", "Deployment/web", "ReplicaSet/web-6d4", "Pod/web-6d4-a", "Pod/web-6d4-b"]),
        (["--kind", "Service", "--kind", "Ingress"], ["shop", "Ingress/front", "Service/web"]),
        (["--health", "degraded"], ["shop", "Deployment/web", "ReplicaSet/web-6d4", "Pod/web-6d4-b"]),
        (["--health", "Missing"], ["shop", "ConfigMap/settings"]),
        (["--kind", "Pod", "--health", "Missing"], []),
    ],
)
def test_filters_keep_what_is_above(cli: Cli, shop: Served, options: list[str], names: list[str]) -> None:
    ran = cli("tree", "shop", *options, "--socket", str(shop.socket))
    assert ran.code == 0
    assert [
        line.replace("│", " ").replace("├─", "").replace("└─", "").split()[0] for line in lines(ran.out)[1:]
    ] == names
    assert ran.err == ("" if names else "nothing matches\n")


@pytest.mark.parametrize(("form", "parse"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_programs_get_what_the_api_answers(cli: Cli, shop: Served, form: str, parse: object) -> None:
    assert callable(parse)
    found = parse(cli("tree", "shop", "-o", form, "--socket", str(shop.socket)).out)
    assert " ".join(node["name"] for node in found["nodes"]) == "front web web web-6d4 web-6d4-a web-6d4-b settings"
    some = parse(cli("tree", "shop", "-o", form, "--kind", "Ingress", "--socket", str(shop.socket)).out)
    assert [node["name"] for node in some["nodes"]] == ["front"]
    assert some["orphanedNodes"] == []


def test_what_is_in_several_namespaces_says_in_which(cli: Cli, served: Served) -> None:
    here, there = live("ConfigMap", "c"), live("ConfigMap", "c", namespace="bank", uid="other")
    role = live("ClusterRole", "r", namespace="")
    nodes = {one.key: node_of(one, None) for one in (here, there, role)}
    served.daemon.trees[AppName("shop")] = Sight(nodes, (managed(here), managed(there), managed(role)))
    rows = [line.split() for line in lines(cli("tree", "shop", "--socket", str(served.socket)).out)]
    assert [row[2] for row in rows[2:]] == ["shop", "bank", "-"]


def test_orphaned_objects_and_kinds_that_cannot_be_read_are_shown(cli: Cli, served: Served) -> None:
    orphan = node_of(live("ConfigMap", "lost"), None)
    unreadable = {GroupKind("batch", "Job"): "may not be listed", GroupKind("", "Pod"): "no answer"}
    served.daemon.trees[AppName("shop")] = Sight({}, (), (orphan,), unreadable)
    ran = cli("tree", "shop", "--socket", str(served.socket))
    assert "orphaned (nobody manages them)" in ran.out
    assert "└─ ConfigMap/lost" in ran.out
    assert "batch/Job is missing from the tree: may not be listed" in ran.err
    assert "Pod is missing from the tree: no answer" in ran.err


def test_an_application_without_objects_says_so(cli: Cli, served: Served) -> None:
    served.daemon.trees[AppName("shop")] = Sight({}, ())
    ran = cli("tree", "shop", "--socket", str(served.socket))
    assert (ran.code, ran.out, ran.err) == (0, "", "no objects\n")


def test_an_application_that_is_not_there_is_named(cli: Cli, served: Served) -> None:
    ran = cli("tree", "ghost", "--socket", str(served.socket))
    assert ran.code == 1
    assert "ghost" in ran.err
    assert "gitopsd app list" in ran.err


def test_X7_names_from_the_cluster_move_no_cursor(cli: Cli, served: Served) -> None:
    odd = live("ConfigMap", "a\x1b]0;title\x07b\u202e")
    served.daemon.trees[AppName("shop")] = Sight({odd.key: node_of(odd, None)}, (managed(odd),))
    out = cli("tree", "shop", "--socket", str(served.socket)).out
    assert "\x1b" not in out
    assert "\\u001b]0;title\\u0007b\\u202e" in out


def test_without_a_daemon_it_says_so(cli: Cli) -> None:
    ran = cli("tree", "shop")
    assert ran.code == 1
    assert "no daemon" in ran.err
