"""Applications over HTTP."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

import anyio
import httpx
import pytest

from gitopsd.core.app import AppSpec, Destination, Source
from gitopsd.core.appstatus import SyncCode, unknown_status
from gitopsd.core.document import Document
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.ids import GVK, AppName, ObjectKey, Position
from gitopsd.core.live import LiveObject
from tests.contracts.store_contract import a_status
from tests.web.conftest import Daemon

CANARY = "c4n4ry"
LIST = "/api/v1/applications"


def a_pod(name: str = "ui-1", **fields: object) -> LiveObject:
    """Return a running pod; `fields` are added to its body."""
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "uid": "u2"},
        "spec": {"restartPolicy": "Always"},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        **fields,
    }
    return LiveObject(
        ObjectKey("", "Pod", "shop", name),
        GVK("", "v1", "Pod"),
        "u2",
        "7",
        Document(json.dumps(body).encode()),
        owner_uids=("u1",),
    )


async def test_the_list_shows_summaries_sorted_by_name(daemon: Daemon, local: httpx.AsyncClient) -> None:
    for name in ("zebra", "ant", "fox"):
        daemon.add(name)
    told = (await local.get(LIST)).json()
    assert [item["name"] for item in told["items"]] == ["ant", "fox", "zebra"]
    assert (told["continue"], told["total"]) == ("", 3)
    assert told["items"][0] == {
        "name": "ant",
        "project": "default",
        "labels": {},
        "sources": [
            {
                "repoURL": "https://git.example.org/team/app.git",
                "chart": "",
                "path": "ant",
                "targetRevision": "HEAD",
                "renderer": "",
            }
        ],
        "destination": {"server": "", "name": "local", "namespace": "shop"},
        "automated": True,
        "sync": "Unknown",
        "health": {"status": "Unknown", "message": ""},
        "revisions": [],
        "conditions": [],
        "resourceCount": 0,
        "externalURLs": [],
        "operationPhase": None,
        "deletion": None,
        "reconciledAt": None,
    }


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["blue", "green", "red"]),
        ("sync=Synced", ["green"]),
        ("sync=Synced&sync=OutOfSync", ["blue", "green"]),
        ("health=Degraded", ["blue"]),
        ("health=Healthy&sync=OutOfSync", []),
        ("project=default", ["blue", "green"]),
        ("project=none", []),
        ("search=RE", ["green", "red"]),
        ("search=git.example.org/team", ["blue", "green", "red"]),
        ("search=shop&sync=Unknown", ["red"]),
    ],
)
async def test_filters_narrow_the_list(daemon: Daemon, local: httpx.AsyncClient, query: str, names: list[str]) -> None:
    daemon.add("blue", sync=SyncCode.OUT_OF_SYNC, health=Health(HealthStatus.DEGRADED))
    daemon.add("green", sync=SyncCode.SYNCED, health=Health(HealthStatus.HEALTHY))
    daemon.put(replace(daemon.add("red"), project="other"), unknown_status(AppName("red")))
    told = (await local.get(f"{LIST}?{query}")).json()
    assert [item["name"] for item in told["items"]] == names
    assert told["total"] == len(names)


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("limit=0", "query.limit"),
        ("limit=1001", "query.limit"),
        ("limit=ten", "query.limit"),
        ("sync=Fine", "query.sync.0"),
        ("health=degraded", "query.health.0"),
        ("projct=default", "query.projct"),
        ("search=" + "x" * 1025, "query.search"),
        ("continue=nonsense", "query.continue"),
        ("continue=" + quote("ÄÖ"), "query.continue"),
        ("continue=AAAA", "query.continue"),
        ("continue=MQ==", "query.continue"),
    ],
)
async def test_a_value_that_does_not_fit_is_named(
    daemon: Daemon, local: httpx.AsyncClient, query: str, where: str
) -> None:
    told = await local.get(f"{LIST}?{query}")
    assert told.status_code == 422
    assert (told.json()["error"]["code"], told.json()["error"]["where"]) == ("invalid", where)
    assert told.json()["error"]["hint"]


async def test_X4_nothing_of_a_request_comes_back_in_an_error(local: httpx.AsyncClient) -> None:
    for path in (
        f"{LIST}?limit={CANARY}",
        f"{LIST}?%3Cscript%3E{CANARY}=1",
        f"{LIST}?sync={CANARY}",
        f"{LIST}?continue={CANARY}",
        f"{LIST}/{CANARY}",
        f"/{CANARY}",
    ):
        told = await local.get(path)
        assert told.status_code in {404, 422}
        assert CANARY not in told.text


async def test_one_application_is_shown_in_full(daemon: Daemon, local: httpx.AsyncClient) -> None:
    spec = replace(daemon.add("guestbook"), position=Position("apps.yaml", 3, 5))
    daemon.put(spec, a_status())
    daemon.below[spec.name] = [a_pod()]
    told = (await local.get(f"{LIST}/guestbook")).json()
    assert told["summary"]["operationPhase"] == "Failed"
    assert told["summary"]["conditions"][0] == {"type": "SyncError", "message": "failed"}
    assert told["definedIn"] == "apps.yaml:3:5"
    assert told["syncPolicy"] == {
        "automated": True,
        "prune": True,
        "selfHeal": False,
        "allowEmpty": False,
        "options": {},
    }
    assert told["resources"][0] == {
        "group": "apps",
        "version": "v1",
        "kind": "Deployment",
        "namespace": "guestbook",
        "name": "ui",
        "sync": "OutOfSync",
        "health": {"status": "Degraded", "message": "crash"},
        "wave": -2,
        "requiresPruning": False,
        "changes": ["spec.replicas", "metadata.labels['a.b/c']"],
        "message": "refused",
        "links": [{"title": "Runbook", "url": "https://wiki.example.org/ui"}],
    }
    assert told["resources"][1]["health"] is None
    assert told["hooks"][0]["phases"] == ["PreSync", "Skip"]
    assert told["operation"]["startedAt"] == "2026-03-01T12:00:00.250000Z"
    assert [(result["name"], result["code"]) for result in told["operation"]["results"]] == [
        ("ui", "SyncFailed"),
        ("reader", "Pruned"),
    ]
    assert told["children"] == [
        {
            "group": "",
            "version": "v1",
            "kind": "Pod",
            "namespace": "shop",
            "name": "ui-1",
            "uid": "u2",
            "ownerUids": ["u1"],
            "deleting": False,
            "health": {"status": "Healthy", "message": ""},
        }
    ]


async def test_an_odd_child_spoils_only_its_own_health(daemon: Daemon, local: httpx.AsyncClient) -> None:
    spec = daemon.add("guestbook")
    daemon.below[spec.name] = [a_pod("odd", status=17), a_pod("fine")]
    told = (await local.get(f"{LIST}/guestbook")).json()
    assert [child["health"]["status"] for child in told["children"]] == ["Unknown", "Healthy"]


async def test_S6_no_secret_of_spec_or_objects_is_in_any_answer(daemon: Daemon, local: httpx.AsyncClient) -> None:
    spec = AppSpec(
        AppName("guestbook"),
        (
            Source(
                f"https://u:{CANARY}@git.example.org/a.git?sig={CANARY}",
                options={"parameters": [{"name": "password", "value": CANARY}]},
            ),
        ),
        Destination(server=f"https://u:{CANARY}@10.0.0.1"),
        annotations={"notifications.example.org/token": CANARY},
    )
    daemon.put(spec, unknown_status(spec.name))
    daemon.below[spec.name] = [
        a_pod(spec={"restartPolicy": "Always", "containers": [{"env": [{"name": "P", "value": CANARY}]}]})
    ]
    for told in (
        await local.get(LIST),
        await local.get(f"{LIST}/guestbook"),
        await local.post(f"{LIST}/guestbook/refresh"),
    ):
        assert told.is_success
        assert CANARY not in told.text
        assert "git.example.org/a.git" in told.text


@pytest.mark.parametrize("name", ["none", "a%2Fb", "%00", "..", "%2e%2e%2fhealthz", "%ff", "a" * 5000, "%F0%9F%A6%8A"])
async def test_an_application_that_is_not_there_is_404_whatever_its_name(local: httpx.AsyncClient, name: str) -> None:
    told = await local.get(f"{LIST}/{name}")
    assert told.status_code in {404, 422}
    assert told.json()["error"].keys() == {"what", "where", "why", "hint", "code"}
    assert (await local.post(f"{LIST}/{name}/refresh")).status_code in {404, 422}


@pytest.mark.parametrize("name", ["a.b-c", "Ünï cödé", "a+b", "100%", "<script>", "a?b#c", "'\"", "refresh"])
async def test_odd_names_are_found(daemon: Daemon, local: httpx.AsyncClient, name: str) -> None:
    daemon.add(name)
    told = await local.get(f"{LIST}/{quote(name, safe='')}")
    assert told.json()["summary"]["name"] == name
    assert told.headers["content-type"] == "application/json"
    assert (await local.post(f"{LIST}/{quote(name, safe='')}/refresh")).status_code == 202
    assert daemon.refreshed == [(name, False)]


async def test_a_text_that_utf_8_cannot_hold_is_shown_without_that_character(
    daemon: Daemon, local: httpx.AsyncClient
) -> None:
    daemon.add("odd", health=Health(HealthStatus.DEGRADED, "a\ud800b"), reconciled_at=datetime(2026, 3, 1, tzinfo=UTC))
    told = (await local.get(LIST)).json()
    assert told["items"][0]["health"]["message"] == "a?b"


# Refresh


@pytest.mark.parametrize(("query", "hard"), [("", False), ("?hard=true", True), ("?hard=false&wait=0", False)])
async def test_a_refresh_is_asked_for_and_answered_at_once(
    daemon: Daemon, local: httpx.AsyncClient, query: str, hard: bool
) -> None:
    daemon.add("guestbook")
    told = await local.post(f"{LIST}/guestbook/refresh{query}")
    assert (told.status_code, told.json()["finished"]) == (202, False)
    assert told.json()["application"]["name"] == "guestbook"
    assert daemon.refreshed == [("guestbook", hard)]


@pytest.mark.parametrize("query", ["hard=perhaps", "wait=-1", "wait=301", "wait=nan", "wait=inf", "wiat=3"])
async def test_a_refresh_that_makes_no_sense_does_nothing(daemon: Daemon, local: httpx.AsyncClient, query: str) -> None:
    daemon.add("guestbook")
    assert (await local.post(f"{LIST}/guestbook/refresh?{query}")).status_code == 422
    assert daemon.refreshed == []


async def test_waiting_ends_with_the_reconciliation_that_began_after_the_request(
    daemon: Daemon, local: httpx.AsyncClient
) -> None:
    spec = daemon.add("guestbook")
    daemon.add("other")
    answers: list[httpx.Response] = []

    async def ask() -> None:
        answers.append(await local.post(f"{LIST}/guestbook/refresh?wait=60"))

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await daemon.asked.wait()
            await anyio.wait_all_tasks_blocked()
            daemon.clock.seconds += 2.0
            daemon.reconciled("guestbook", seconds=3.0)
            daemon.reconciled("other", seconds=1.0)
            daemon.reconciled("guestbook", seconds=1.0, fresh=False)
            await anyio.wait_all_tasks_blocked()
            assert answers == []
            daemon.put(spec, replace(unknown_status(spec.name), sync=SyncCode.SYNCED))
            daemon.reconciled("guestbook", seconds=1.0)
    told = answers[0]
    assert (told.status_code, told.json()["finished"]) == (200, True)
    assert told.json()["application"]["sync"] == "Synced"


async def test_waiting_that_takes_too_long_is_answered_all_the_same(daemon: Daemon, local: httpx.AsyncClient) -> None:
    daemon.add("guestbook")
    told = await local.post(f"{LIST}/guestbook/refresh?wait=0.01")
    assert (told.status_code, told.json()["finished"]) == (202, False)


async def test_waiting_for_an_application_that_is_removed_meanwhile_is_404(
    daemon: Daemon, local: httpx.AsyncClient
) -> None:
    daemon.add("guestbook")
    statuses: list[int] = []

    async def ask() -> None:
        statuses.append((await local.post(f"{LIST}/guestbook/refresh?wait=60")).status_code)

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            tasks.start_soon(ask)
            await daemon.asked.wait()
            await anyio.wait_all_tasks_blocked()
            daemon.remove("guestbook")
    assert statuses == [404, 404]
