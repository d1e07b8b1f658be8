"""What the API says of clusters."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from gitopsd.ports.cluster import Connection
from gitopsd.ports.clusterstatus import ClusterStatus, WatchedKind
from tests.web.conftest import Daemon

MOMENT = datetime(2026, 3, 1, 12, 3, 11, tzinfo=UTC)


@pytest.fixture
def clusters(daemon: Daemon) -> Daemon:
    kinds = (
        WatchedKind("apps", "v1", "Deployment", 2, 5),
        WatchedKind("", "v1", "ConfigMap", 1, 9, errors=("it may not be listed in web",)),
    )
    daemon.clusters = (
        ClusterStatus(
            "local",
            "https://10.0.0.1:6443",
            Connection(up=True, version="v1.36.3", at=MOMENT),
            "gitopsd.yaml:3:5",
            "payments",
            {"environment": "x"},
            ("shop",),
            cluster_resources=False,
            api_resources=60,
            kinds=kinds,
            applications=3,
        ),
        ClusterStatus(
            "https://far/x", "https://u:CANARY@far/x?sig=CANARY", Connection(False, "", "refused", at=MOMENT)
        ),
        ClusterStatus("new", "", Connection(up=False, error="not connected yet")),
    )
    return daemon


@pytest.mark.usefixtures("clusters")
async def test_clusters_are_told_with_their_connection(local: httpx.AsyncClient) -> None:
    told = await local.get("/api/v1/clusters")
    assert told.status_code == 200
    first, second, third = told.json()["items"]
    assert first == {
        "name": "local",
        "server": "https://10.0.0.1:6443",
        "serverVersion": "v1.36.3",
        "connectionState": {"status": "Successful", "since": "2026-03-01T12:03:11Z", "message": ""},
        "applications": 3,
        "objects": 3,
        "apiResources": 60,
        "kindsFailing": 1,
        "unreadable": "ConfigMap cannot be read",
        "namespaces": ["shop"],
        "clusterResources": False,
        "labels": {"environment": "x"},
        "project": "payments",
        "writtenAt": "gitopsd.yaml:3:5",
    }
    assert second["connectionState"] == {"status": "Failed", "since": "2026-03-01T12:03:11Z", "message": "refused"}
    assert third["connectionState"] == {"status": "Unknown", "since": None, "message": "not connected yet"}


@pytest.mark.usefixtures("clusters")
async def test_one_cluster_has_the_kinds_that_are_watched(local: httpx.AsyncClient) -> None:
    told = (await local.get("/api/v1/clusters/local")).json()
    assert told["kinds"] == [
        {"group": "apps", "version": "v1", "kind": "Deployment", "kept": 2, "seen": 5, "errors": []},
        {
            "group": "",
            "version": "v1",
            "kind": "ConfigMap",
            "kept": 1,
            "seen": 9,
            "errors": ["it may not be listed in web"],
        },
    ]
    by_url = (await local.get("/api/v1/clusters/https%253A%252F%252Ffar%252Fx")).json()
    assert by_url["name"] == "https://far/x"


@pytest.mark.usefixtures("clusters")
async def test_S6_a_clusters_url_shows_no_credentials(local: httpx.AsyncClient) -> None:
    for path in ("/api/v1/clusters", "/api/v1/clusters/https%253A%252F%252Ffar%252Fx"):
        assert "CANARY" not in (await local.get(path)).text


@pytest.mark.usefixtures("clusters")
async def test_a_cluster_that_is_not_there_is_answered_with_those_that_are(local: httpx.AsyncClient) -> None:
    told = await local.get("/api/v1/clusters/locale")
    assert told.status_code == 404
    assert told.json()["error"]["hint"] == "one of https://far/x, local, new"
