"""Orphaned resources in the API."""

import httpx

from gitopsd.core.document import Document, canonical
from gitopsd.core.ids import GVK, AppName, GroupKind, ObjectKey
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.live import LiveObject
from gitopsd.core.orphans import NOT_ASKED, Orphaned
from tests.web.conftest import Daemon


def left() -> LiveObject:
    """A Secret of which the metadata is known."""
    metadata = {"name": "left", "namespace": "shop", "creationTimestamp": "2026-03-01T00:00:00Z"}
    body: JsonObject = {"metadata": {**metadata, "annotations": {"note": "hunter2"}}}
    key = ObjectKey("", "Secret", "shop", "left")
    return LiveObject(key, GVK("", "v1", "Secret"), "uid-left", "1", Document(canonical(body)))


async def test_each_is_told_by_its_names_and_its_age(daemon: Daemon, local: httpx.AsyncClient) -> None:
    daemon.add("shop")
    unreadable = {GroupKind("apps", "Deployment"): "may not be listed"}
    daemon.orphans[AppName("shop")] = Orphaned(asked=True, objects=(left(),), unreadable=unreadable)
    answer = await local.get("/api/v1/applications/shop/orphaned-resources")
    assert answer.status_code == 200
    assert answer.json() == {
        "asked": True,
        "complete": True,
        "error": "",
        "items": [
            {
                "group": "",
                "version": "v1",
                "kind": "Secret",
                "namespace": "shop",
                "name": "left",
                "uid": "uid-left",
                "createdAt": "2026-03-01T00:00:00Z",
            }
        ],
        "unreadable": [{"group": "apps", "kind": "Deployment", "reason": "may not be listed"}],
    }


async def test_where_no_project_asks_the_answer_says_so(daemon: Daemon, local: httpx.AsyncClient) -> None:
    daemon.add("shop")
    daemon.orphans[AppName("shop")] = NOT_ASKED
    answer = await local.get("/api/v1/applications/shop/orphaned-resources")
    assert (answer.json()["asked"], answer.json()["items"]) == (False, [])


async def test_an_application_that_is_not_there_is_not_found(local: httpx.AsyncClient) -> None:
    answer = await local.get("/api/v1/applications/nobody/orphaned-resources")
    assert answer.status_code == 404
