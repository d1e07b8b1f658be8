"""`gitopsd cluster list` and `get`."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import yaml

from gitopsd.ports.cluster import Connection
from gitopsd.ports.clusterstatus import ClusterStatus, WatchedKind
from tests.cli.conftest import Cli, Served

MOMENT = datetime(2026, 3, 1, 12, 3, 11, tzinfo=UTC)


@pytest.fixture
def clusters(served: Served) -> Served:
    served.daemon.clusters = (
        ClusterStatus(
            "local",
            "https://10.0.0.1:6443",
            Connection(up=True, version="v1.36.3", at=MOMENT),
            "gitopsd.yaml:3:5",
            namespaces=("shop",),
            cluster_resources=False,
            api_resources=60,
            kinds=(WatchedKind("apps", "v1", "Deployment", 2, 5), WatchedKind("", "v1", "ConfigMap", 1, 9)),
            applications=3,
        ),
        ClusterStatus("far", "https://far:6443", Connection(False, "", "connection refused", at=MOMENT)),
    )
    return served


def test_clusters_are_listed_with_their_connection(cli: Cli, clusters: Served) -> None:
    ran = cli("cluster", "list", "--socket", str(clusters.socket))
    assert (ran.code, ran.err) == (0, "")
    assert [line.split() for line in ran.out.splitlines()] == [
        ["NAME", "SERVER", "VERSION", "STATUS", "APPS", "OBJECTS", "MESSAGE"],
        ["local", "https://10.0.0.1:6443", "v1.36.3", "Successful", "3", "3"],
        ["far", "https://far:6443", "-", "Failed", "0", "0", "connection", "refused"],
    ]
    wide = cli("cluster", "list", "-o", "wide", "--socket", str(clusters.socket)).out
    assert "2026-03-01T12:03:11Z" in wide
    assert "shop (and nothing outside of them)" in wide
    for form, parse in (("json", json.loads), ("yaml", yaml.safe_load)):
        items = parse(cli("cluster", "list", "-o", form, "--socket", str(clusters.socket)).out)
        assert [item["name"] for item in items] == ["local", "far"]


def test_one_cluster_is_shown_with_its_kinds(cli: Cli, clusters: Served) -> None:
    ran = cli("cluster", "get", "local", "--socket", str(clusters.socket))
    assert ran.code == 0
    assert ran.out == (
        "Name:         local\n"
        "Server:       https://10.0.0.1:6443\n"
        "Version:      v1.36.3\n"
        "Status:       Successful since 2026-03-01T12:03:11Z\n"
        "Applications: 3\n"
        "Objects:      3 of 2 kinds\n"
        "API kinds:    60\n"
        "Namespaces:   shop (and nothing outside of them)\n"
        "Defined in:   gitopsd.yaml:3:5\n"
        "\n"
        "KIND             VERSION  KEPT  SEEN\n"
        "apps/Deployment  v1       2     5\n"
        "ConfigMap        v1       1     9\n"
    )
    found = json.loads(cli("cluster", "get", "local", "-o", "json", "--socket", str(clusters.socket)).out)
    by_url = cli("cluster", "get", "https://far:6443", "-o", "json", "--socket", str(clusters.socket))
    assert json.loads(by_url.out)["name"] == "far"
    assert [kind["kind"] for kind in found["kinds"]] == ["Deployment", "ConfigMap"]


def test_a_cluster_that_is_not_there_is_an_error(cli: Cli, clusters: Served) -> None:
    ran = cli("cluster", "get", "locale", "--socket", str(clusters.socket))
    assert ran.code == 1
    assert "no cluster is named 'locale'" in ran.err


def test_no_clusters_are_said_beside_the_answer(cli: Cli, served: Served) -> None:
    ran = cli("cluster", "list", "--socket", str(served.socket))
    assert (ran.code, ran.out, ran.err) == (0, "", "no clusters\n")


def test_kinds_that_cannot_be_read_are_named_with_the_reason(cli: Cli, clusters: Served) -> None:
    local, far = clusters.daemon.clusters
    barred = WatchedKind("", "v1", "Secret", 0, 0, errors=("it may not list secrets in web", "nor in shop"))
    clusters.daemon.clusters = (replace(local, kinds=(*local.kinds, barred)), far)
    listed = cli("cluster", "list", "--socket", str(clusters.socket)).out
    assert "Secret cannot be read: gitopsd cluster get local says why" in listed
    shown = cli("cluster", "get", "local", "--socket", str(clusters.socket)).out
    assert shown.endswith("\n\nCannot be read now:\n  it may not list secrets in web\n  nor in shop\n")


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ([("b",)], "Kind0 cannot be read in b"),
        ([("a", "b", "c", "d")], "Kind0 cannot be read in a, b, c, d"),
        ([("a", "b", "c", "d", "e")], "Kind0 cannot be read in a, b, c and 2 more namespaces"),
        ([(), ()], "2 kinds cannot be read"),
        ([("b",), ("b",)], "2 kinds cannot be read in some namespaces"),
        ([("b",), ()], "2 kinds cannot be read, 1 of them only in some namespaces"),
    ],
)
def test_a_list_says_whether_kinds_cannot_be_read_in_some_namespaces_only(
    cli: Cli, clusters: Served, places: list[tuple[str, ...]], said: str
) -> None:
    local, far = clusters.daemon.clusters
    kinds = tuple(
        WatchedKind("", "v1", f"Kind{number}", 0, 0, errors=("why",), failing_in=each)
        for number, each in enumerate(places)
    )
    clusters.daemon.clusters = (replace(local, kinds=(*local.kinds, *kinds)), far)
    listed = cli("cluster", "list", "--socket", str(clusters.socket)).out
    assert f"  {said}: gitopsd cluster get local says why" in listed
