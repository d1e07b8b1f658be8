"""What the API says differs between git and the cluster."""

from __future__ import annotations

import base64
from typing import Any, Final

import httpx
import pytest

from gitopsd.core.appstatus import SyncCode
from gitopsd.core.compare import NOTHING_COMPARED, Comparison, ObjectComparison, Verdict, compare
from gitopsd.core.difference import as_json, object_differences
from gitopsd.core.document import Document, canonical
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.live import LiveObject, Prediction
from gitopsd.core.manifest import DesiredObject
from gitopsd.testing.builders import a_config_map, a_deployment, an_object
from gitopsd.testing.objects import Objects
from gitopsd.web.routes import differences as routes
from tests.core.making import live, live_body, live_of, want
from tests.web.conftest import Daemon

CANARY: Final = "CANARY-7f3a"
ENCODED: Final = base64.b64encode(CANARY.encode()).decode()
APP: Final = AppName("shop")
URL: Final = "/api/v1/applications/shop/differences"


def drifted(manifest: Any, there: Any) -> Comparison:
    """`manifest` against what somebody made of it."""
    wanted = want(manifest)
    (one,) = wanted.objects
    found = live_body(one, _applied(there))
    server = Objects()
    server.bodies[one.key] = _applied(there)
    predicted = server.applied(one.key, one.document.body(), one.gvk)
    return compare(wanted, live(found), {one.key: _prediction(one, found, predicted)})


def _prediction(one: DesiredObject, found: LiveObject, predicted: Any) -> Prediction:
    return Prediction(one.digest, found.resource_version, Document(canonical(predicted)))


def _applied(manifest: Any) -> Any:
    (one,) = want(manifest).objects
    return live_of(one).document.body()


def together(*comparisons: Comparison) -> Comparison:
    """One comparison of all their objects."""
    return Comparison({key: item for each in comparisons for key, item in each.objects.items()})


def out_of_sync(daemon: Daemon, comparison: Comparison) -> None:
    """The application `shop` with this comparison."""
    daemon.add("shop", sync=SyncCode.OUT_OF_SYNC)
    daemon.comparisons[APP] = comparison


async def test_each_object_is_told_field_by_field(daemon: Daemon, local: httpx.AsyncClient) -> None:
    out_of_sync(daemon, drifted(a_deployment("web", replicas=5), a_deployment("web", replicas=3)))
    told = await local.get(URL)
    assert told.status_code == 200
    assert told.json() == {
        "application": "shop",
        "sync": "OutOfSync",
        "items": [
            {
                "group": "apps",
                "version": "v1",
                "kind": "Deployment",
                "namespace": "default",
                "name": "web",
                "sync": "OutOfSync",
                "difference": "changed",
                "message": "",
                "fields": [
                    {
                        "path": "spec.replicas",
                        "desired": {"present": True, "value": 5, "size": None},
                        "live": {"present": True, "value": 3, "size": None},
                        "owner": {
                            "manager": "gitopsd",
                            "operation": "Apply",
                            "time": "2030-01-01T00:00:00Z",
                            "subresource": "",
                        },
                    }
                ],
                "truncated": False,
            }
        ],
    }


async def test_one_object_can_be_asked_for(daemon: Daemon, local: httpx.AsyncClient) -> None:
    deployment = drifted(a_deployment("web", replicas=5), a_deployment("web", replicas=3))
    missing = compare(want(a_config_map("settings")), live())
    both = together(deployment, missing)
    out_of_sync(daemon, both)
    every = (await local.get(URL)).json()["items"]
    assert every == [as_json(object_differences(item, both.rules)) for item in both.objects.values()], "one shape"
    assert [(item["kind"], item["difference"]) for item in every] == [
        ("Deployment", "changed"),
        ("ConfigMap", "missing"),
    ]
    for query in ("?kind=ConfigMap", "?group=", "?name=settings&namespace=default", "?group=&kind=ConfigMap"):
        (item,) = (await local.get(URL + query)).json()["items"]
        assert (item["kind"], item["fields"][0]["path"]) == ("ConfigMap", "")
    assert (await local.get(URL + "?kind=Service")).json()["items"] == []


async def test_objects_that_could_not_be_compared_say_why(daemon: Daemon, local: httpx.AsyncClient) -> None:
    key = ObjectKey("apps", "Deployment", "default", "web")
    (one,) = want(a_deployment("web")).objects
    for verdict, code, difference in (
        (Verdict.REFUSED, "OutOfSync", "refused"),
        (Verdict.UNKNOWN, "Unknown", "unknown"),
        (Verdict.UNDECIDED, "Unknown", "unknown"),
    ):
        item = ObjectComparison(key, one, None, verdict, error="the webhook is down")
        out_of_sync(daemon, Comparison({key: item}))
        (told,) = (await local.get(URL)).json()["items"]
        assert (told["sync"], told["difference"], told["message"]) == (code, difference, "the webhook is down")
        assert told["fields"] == []


async def test_a_synced_application_has_no_differences(daemon: Daemon, local: httpx.AsyncClient) -> None:
    daemon.add("shop", sync=SyncCode.SYNCED)
    daemon.comparisons[APP] = NOTHING_COMPARED
    assert (await local.get(URL)).json() == {"application": "shop", "sync": "Synced", "items": []}


async def test_an_application_that_is_not_there_is_not_found(local: httpx.AsyncClient) -> None:
    assert (await local.get("/api/v1/applications/nothing/differences")).status_code == 404


@pytest.mark.parametrize("query", ["?colour=blue", f"?kind={'x' * 2000}"])
async def test_a_wrong_parameter_is_refused(daemon: Daemon, local: httpx.AsyncClient, query: str) -> None:
    daemon.add("shop")
    assert (await local.get(URL + query)).status_code == 422


async def test_a_very_different_application_is_told_up_to_a_limit(
    daemon: Daemon, local: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "_MOST_FIELDS", 2)
    out_of_sync(daemon, together(*(compare(want(a_config_map(f"c{number}")), live()) for number in range(4))))
    items = (await local.get(URL)).json()["items"]
    assert [(len(item["fields"]), item["truncated"]) for item in items] == [
        (1, False),
        (1, False),
        (0, True),
        (0, True),
    ]


async def test_texts_that_are_no_utf_8_do_not_break_the_answer(daemon: Daemon, local: httpx.AsyncClient) -> None:
    (one,) = want(a_config_map("settings")).objects
    raw = canonical(a_config_map("settings")).replace(b"green", b"gr\\ud800n")
    there = LiveObject(one.key, one.gvk, "uid", "7", Document(raw), owner="shop")
    out_of_sync(daemon, compare(want(), live(there)))
    told = await local.get(URL)
    assert told.status_code == 200
    assert "gr?n" in told.text


def secrets(daemon: Daemon, **data: str) -> None:
    """A Secret that differs, one that is missing, one that is extra."""
    wanted = dict(an_object("Secret", "changed", data={**data, "more": "eA=="}))
    changed = drifted(wanted, dict(an_object("Secret", "changed", data={"password": "b2xk"})))
    missing = compare(want(dict(an_object("Secret", "missing", data=data))), live())
    (one,) = want(dict(an_object("Secret", "extra", data=data))).objects
    out_of_sync(daemon, together(changed, missing, compare(want(), live(live_of(one)))))


async def test_S1_no_value_of_a_secret_is_answered(daemon: Daemon, local: httpx.AsyncClient) -> None:
    secrets(daemon, password=ENCODED)
    told = await local.get(URL)
    assert len(told.json()["items"]) == 3
    assert CANARY not in told.text
    assert ENCODED not in told.text
    field = next(field for field in told.json()["items"][0]["fields"] if field["path"] == "data.password")
    assert field["live"]["value"] != field["desired"]["value"], "a changed value is shown as changed"


async def test_S3_calling_a_secret_by_another_kind_does_not_unmask_it(daemon: Daemon, local: httpx.AsyncClient) -> None:
    secrets(daemon, password=ENCODED)
    for query in ("?kind=ConfigMap", "?kind=Secret", "?group=&kind=Secret&name=changed"):
        assert ENCODED not in (await local.get(URL + query)).text


async def test_S6_annotations_that_the_configuration_names_are_masked(daemon: Daemon, local: httpx.AsyncClient) -> None:
    daemon.masked = frozenset({"example.org/token"})
    marks = {"example.org/token": CANARY}
    out_of_sync(daemon, drifted(a_config_map("settings", annotations={}), a_config_map("settings", annotations=marks)))
    told = await local.get(URL)
    assert "example.org/token" in told.text
    assert CANARY not in told.text
