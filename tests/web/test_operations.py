"""Operations over HTTP: what is asked reaches the daemon, and what it says comes back."""

from __future__ import annotations

from dataclasses import replace

import anyio
import anyio.lowlevel
import httpx
import pytest

from gitopsd.core.appstatus import unknown_status
from gitopsd.core.errors import OperationError, StoreError
from gitopsd.core.events import OperationEnded, Reconciled
from gitopsd.core.health.status import HealthStatus
from gitopsd.core.history import Pin
from gitopsd.core.hook import HookOutcome
from gitopsd.core.ids import AppName
from gitopsd.core.operation import Phase
from gitopsd.core.syncrequest import ObjectFilter, SyncRequest
from gitopsd.testing.builders import a_config_map, an_object
from gitopsd.web.routes import operations as routes
from tests.core.making import want
from tests.web.conftest import Daemon
from tests.web.operating import (
    APPLIED,
    BEGAN,
    COMMIT,
    SETTINGS,
    WEB,
    a_past,
    a_plan_view,
    a_resource,
    an_operation,
    changing,
    hooked,
)

SHOP = AppName("shop")
URL = "/api/v1/applications/shop"
CANARY = "c4n4ry"


@pytest.fixture(autouse=True)
def shop(daemon: Daemon) -> None:
    """Add the application that all tests are about."""
    daemon.add("shop")


def asked(daemon: Daemon) -> SyncRequest:
    """Return the request that reached the daemon last."""
    request = daemon.operator.asked[-1][2]
    assert request is not None
    return request


async def test_a_plan_is_told_step_by_step(daemon: Daemon, local: httpx.AsyncClient) -> None:
    daemon.operator.views[SHOP] = a_plan_view()
    answer = await local.post(f"{URL}/plan", json={})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["id"], told["application"], told["revisions"], told["blocked"]) == ("p1a2b3c", "shop", [COMMIT], "")
    assert [(stage["phase"], stage["wave"]) for stage in told["stages"]] == [("PreSync", 0), ("Sync", 0), ("Sync", 1)]
    steps = [step for stage in told["stages"] for step in stage["steps"]]
    assert [(step["number"], step["action"], step["kind"], step["name"]) for step in steps] == [
        (1, "run", "Job", "migrate"),
        (2, "apply", "ConfigMap", "settings"),
        (3, "apply", "Deployment", "web"),
        (4, "prune", "ConfigMap", "old"),
    ]
    assert steps[0]["why"] == "it is a PreSync hook"
    (field,) = steps[2]["differences"]["fields"]
    assert (field["path"], field["live"]["value"], field["desired"]["value"]) == ("spec.replicas", 3, 5)
    assert told["stages"][1]["waitsFor"] == [
        {"group": "", "kind": "ConfigMap", "namespace": "default", "name": "settings"}
    ]
    assert told["failing"][0]["steps"][0]["name"] == "tell"
    assert [(each["name"], each["reason"], each["held"]) for each in told["kept"]] == [
        ("data", "it is a PersistentVolumeClaim with data", True)
    ]
    assert daemon.operator.asked[0][0] == "plan"


async def test_S1_a_plan_shows_no_value_of_a_secret(daemon: Daemon, local: httpx.AsyncClient) -> None:
    before, after = (an_object("Secret", "login", data={"password": value}) for value in ("Q0FOQVJZ", "TkVX"))
    stage = a_plan_view().stages[1]
    daemon.operator.views[SHOP] = a_plan_view(
        stages=(type(stage)(stage.phase, stage.wave, (changing(after, before),)),)
    )
    text = (await local.post(f"{URL}/plan", json={})).text
    assert "Q0FOQVJZ" not in text
    assert "TkVX" not in text
    assert "++++++++" in text


async def test_a_sync_in_argo_cds_words_reaches_the_daemon(daemon: Daemon, local: httpx.AsyncClient) -> None:
    answer = await local.post(
        f"{URL}/sync",
        json={
            "revision": "v2",
            "prune": True,
            "strategy": {"hook": {"force": True}},
            "resources": [
                {"group": "apps", "kind": "Deployment", "name": "web"},
                {"kind": "Service", "namespace": "shop", "name": "*", "exclude": True},
            ],
            "labels": {"tier": "front"},
            "syncOptions": {"items": ["Replace=true", " PruneLast = true "]},
            "retryStrategy": {"limit": 2},
            "infos": [{"name": "reason", "value": "release"}],
            "confirm": True,
        },
    )
    assert answer.status_code == 202
    assert answer.json()["phase"] == "Running"
    assert asked(daemon) == SyncRequest(
        initiated_by="local",
        prune=True,
        confirmed=True,
        force=True,
        resources=(
            ObjectFilter("apps", "Deployment", "*", "web"),
            ObjectFilter("", "Service", "shop", "*", exclude=True),
        ),
        labels={"tier": "front"},
        options={"Replace": "true", "PruneLast": "true"},
        revisions=("v2",),
        retries=2,
        info={"reason": "release"},
    )


async def test_a_sync_without_wishes_leaves_all_to_the_policy(daemon: Daemon, local: httpx.AsyncClient) -> None:
    await local.post(f"{URL}/sync", json={})
    assert asked(daemon) == SyncRequest(initiated_by="local")


async def test_the_apply_strategy_runs_no_hooks(daemon: Daemon, local: httpx.AsyncClient) -> None:
    await local.post(f"{URL}/sync", json={"strategy": {"apply": {"force": True}}, "syncOptions": ["Validate=false"]})
    assert (asked(daemon).hooks, asked(daemon).force, asked(daemon).options) == (False, True, {"Validate": "false"})


async def test_a_dry_run_is_over_when_it_is_answered(daemon: Daemon, local: httpx.AsyncClient) -> None:
    answer = await local.post(f"{URL}/sync", json={"dryRun": True})
    assert (answer.status_code, answer.json()["phase"], answer.json()["dryRun"]) == (200, "Succeeded", True)
    assert daemon.operator.underway == {}


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"revision": "a", "revisions": ["b"]}, "body.revisions"),
        ({"strategy": {"apply": {}, "hook": {}}}, "body.strategy"),
        ({"syncOptions": ["Replace"]}, "body.syncOptions.0"),
        ({"syncOptions": {"items": ["Prune=true", "=x"]}}, "body.syncOptions.1"),
        ({"syncOptions": ["PruneLst=true"]}, "body.syncOptions.0"),
        ({"syncOptions": ["PruneLast=yes"]}, "body.syncOptions.0"),
        ({"syncOptions": [f"{CANARY}=true"]}, "body.syncOptions.0"),
        ({"id": 3}, "body.id"),
        ({"resources": [{"kind": "Pod"}]}, "body.resources.0.name"),
        ({"resources": [{"kind": "Pod", "name": "x", CANARY: 1}]}, f"body.resources.0.{CANARY}"),
        ({"prune": CANARY}, "body.prune"),
        ({"retryStrategy": {"limit": -2}}, "body.retryStrategy.limit"),
        ({"pruned": True}, "body.pruned"),
        ([], "body"),
    ],
)
async def test_a_body_that_does_not_fit_is_named(
    daemon: Daemon, local: httpx.AsyncClient, body: object, where: str
) -> None:
    answer = await local.post(f"{URL}/sync", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    assert answer.json()["error"]["where"] == where
    assert daemon.operator.asked == []


@pytest.mark.parametrize("route", ["plan", "sync", "rollback", "operation/confirm"])
async def test_what_changes_something_asks_for_a_json_body(
    daemon: Daemon, local: httpx.AsyncClient, route: str
) -> None:
    assert (await local.post(f"{URL}/{route}")).status_code == 422
    assert (
        await local.post(f"{URL}/{route}", content=b"{}", headers={"content-type": "text/plain"})
    ).status_code == 415
    assert (await local.post(f"{URL}/{route}", data={"prune": "true"})).status_code == 415
    assert (await local.post(f"{URL}/{route}", content=b"{", headers={"content-type": "application/json"})).is_error
    assert daemon.operator.asked == []


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("NotFound", (404, "not-found")),
        ("InProgress", (409, "in-progress")),
        ("NothingInProgress", (409, "nothing-in-progress")),
        ("Blocked", (409, "blocked")),
        ("Invalid", (400, "invalid")),
        ("SomethingNew", (409, "refused")),
    ],
)
@pytest.mark.parametrize(
    "route",
    [
        "POST /plan",
        "POST /sync",
        "DELETE /operation",
        "DELETE /pin",
        "GET /history",
        "DELETE ",
        "POST /operation/confirm",
        "GET /history/1/manifests",
    ],
)
async def test_a_refusal_has_its_status_and_code(
    daemon: Daemon, local: httpx.AsyncClient, route: str, reason: str, told: tuple[int, str]
) -> None:
    daemon.operator.fault = OperationError("no", reason=reason, where="shop", why="so it is", hint="later")
    method, path = route.split(" ")
    answer = await local.request(method, URL + path, json={} if method == "POST" else None)
    assert answer.status_code == told[0]
    assert answer.json() == {
        "error": {"what": "no", "where": "shop", "why": "so it is", "hint": "later", "code": told[1]}
    }


async def test_a_plan_that_is_out_of_date_is_refused_with_the_new_one(daemon: Daemon, local: httpx.AsyncClient) -> None:
    daemon.operator.views[SHOP] = a_plan_view()
    answer = await local.post(f"{URL}/sync", json={"plan": "p0ld", "prune": True})
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "plan-changed"
    assert answer.json()["plan"]["id"] == "p1a2b3c"
    assert (asked(daemon).plan, asked(daemon).prune) == ("", True), "the new plan is of the same wishes"
    assert daemon.operator.underway == {}
    assert (await local.post(f"{URL}/sync", json={"plan": "p1a2b3c"})).status_code == 202


async def test_a_new_plan_that_cannot_be_made_leaves_the_refusal(
    daemon: Daemon, local: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.operator.views[SHOP] = a_plan_view()

    async def broken(_name: AppName, _request: SyncRequest) -> None:
        raise StoreError("damaged")

    monkeypatch.setattr(daemon.operator, "plan", broken)
    answer = await local.post(f"{URL}/sync", json={"plan": "p0ld"})
    assert (answer.status_code, answer.json().keys()) == (409, {"error"})


async def test_two_syncs_at_once_are_one_and_a_refusal(daemon: Daemon, local: httpx.AsyncClient) -> None:
    assert (await local.post(f"{URL}/sync", json={})).status_code == 202
    answer = await local.post(f"{URL}/sync", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "in-progress")


async def test_an_unknown_application_is_404_everywhere(daemon: Daemon, local: httpx.AsyncClient) -> None:
    for method, path in (("POST", "plan"), ("POST", "sync"), ("GET", "operation"), ("GET", "history"), ("DELETE", "")):
        answer = await local.request(
            method, f"/api/v1/applications/{CANARY}/{path}".rstrip("/"), json={} if method == "POST" else None
        )
        assert answer.status_code == 404
        assert CANARY not in answer.text
    assert daemon.operator.asked == []


async def test_a_daemon_that_takes_no_operations_says_so(daemon: Daemon) -> None:
    daemon.operations = None
    async with daemon.client() as client:
        answer = await client.post(f"{URL}/sync", json={})
        assert (answer.status_code, answer.json()["error"]["code"]) == (501, "not-implemented")
        assert (await client.get(f"{URL}/operation")).status_code == 200


async def test_what_an_operation_does_and_waits_for_is_told(daemon: Daemon, local: httpx.AsyncClient) -> None:
    resources = (a_resource(SETTINGS, HealthStatus.HEALTHY), a_resource(WEB, HealthStatus.PROGRESSING, "1 of 3"))
    operation = an_operation(
        stage=1, applied=True, results=APPLIED, hooks=hooked(log="migrated\n"), message="waits for Deployment web"
    )
    spec, _ = daemon.apps[SHOP]
    daemon.put(spec, unknown_status(SHOP))
    daemon.add("shop", operation=operation, resources=resources, blocked_by=("waits for database (Progressing)",))
    told = (await local.get(f"{URL}/operation")).json()
    shown = told["operation"]
    assert (shown["stage"], shown["stages"], shown["stagePhase"], shown["stageWave"], shown["steps"]) == (
        2,
        3,
        "Sync",
        0,
        4,
    )
    assert shown["waitsFor"] == [
        {
            "group": "apps",
            "kind": "Deployment",
            "namespace": "default",
            "name": "web",
            "health": "Progressing",
            "message": "1 of 3",
            "confirm": False,
        }
    ]
    assert shown["hooks"] == [
        {
            "phase": "PreSync",
            "group": "batch",
            "kind": "Job",
            "namespace": "default",
            "name": "migrate",
            "outcome": "Succeeded",
            "message": "",
            "startedAt": "2026-03-01T12:00:00Z",
            "finishedAt": "2026-03-01T12:00:02Z",
            "log": "migrated\n",
            "place": {"number": 1, "phase": "PreSync", "wave": 0},
        }
    ]
    assert [each["place"]["number"] for each in shown["results"]] == [2, 2]
    assert [(each["name"], each["code"], each["seconds"]) for each in shown["results"]] == [
        ("settings", "Synced", 0.02),
        ("web", "Synced", 0.03),
    ]
    assert told["blockedBy"] == ["waits for database (Progressing)"]
    assert (await local.get(URL)).json()["operation"] == shown


async def test_what_waits_for_a_confirmation_is_told(daemon: Daemon, local: httpx.AsyncClient) -> None:
    daemon.add("shop", operation=an_operation(stage=2, hooks=hooked(HookOutcome.RUNNING)))
    shown = (await local.get(f"{URL}/operation")).json()["operation"]
    assert [(each["name"], each["confirm"]) for each in shown["waitsFor"]] == [("old", True)]


async def test_an_operation_that_is_over_waits_for_nothing(daemon: Daemon, local: httpx.AsyncClient) -> None:
    daemon.add("shop", operation=an_operation(stage=1, applied=True, phase=Phase.SUCCEEDED, finished_at=BEGAN))
    shown = (await local.get(f"{URL}/operation")).json()["operation"]
    assert (shown["stage"], shown["stages"], shown["steps"], shown["waitsFor"]) == (0, 0, 0, [])


async def test_a_look_waits_until_something_is_new(daemon: Daemon, local: httpx.AsyncClient) -> None:
    state = (await local.get(f"{URL}/operation")).json()
    again = (await local.get(f"{URL}/operation", params={"seen": state["version"]})).json()
    assert again == state, "without `wait` it is answered at once"
    told: list[dict[str, object]] = []

    async def look() -> None:
        answer = await local.get(f"{URL}/operation", params={"seen": state["version"], "wait": "30"})
        told.append(answer.json())

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(look)
            while not daemon.reconciliations.looked_at(SHOP):
                await anyio.lowlevel.checkpoint()
            spec, status = daemon.apps[SHOP]
            daemon.change(spec, status)
            await local.post(f"{URL}/sync", json={})
    (seen,) = told
    assert seen["version"] != state["version"]
    assert not daemon.reconciliations.looked_at(SHOP)


async def test_a_look_at_what_goes_away_ends(daemon: Daemon, local: httpx.AsyncClient) -> None:
    state = (await local.get(f"{URL}/operation")).json()
    statuses: list[int] = []

    async def look() -> None:
        answer = await local.get(f"{URL}/operation", params={"seen": state["version"], "wait": "30"})
        statuses.append(answer.status_code)

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(look)
            while not daemon.reconciliations.looked_at(SHOP):
                await anyio.lowlevel.checkpoint()
            daemon.remove("shop")
    assert statuses == [404]


async def test_the_end_of_an_operation_is_told_though_another_one_began(
    daemon: Daemon, local: httpx.AsyncClient
) -> None:
    spec, _ = daemon.apps[SHOP]
    await local.post(f"{URL}/sync", json={})
    ended = daemon.operator.finish("shop", Phase.FAILED, "refused")
    daemon.reconciliations.on_event(OperationEnded(spec, "", ended, 1.0))
    assert (await local.get(f"{URL}/operation")).json()["previousOperation"] is None, "it is the present one"
    await local.post(f"{URL}/sync", json={})
    told = (await local.get(f"{URL}/operation")).json()
    assert (told["operation"]["id"], told["operation"]["phase"]) == ("op-2", "Running")
    assert (told["previousOperation"]["id"], told["previousOperation"]["message"]) == ("op-1", "refused")
    daemon.remove("shop")
    daemon.add("shop")
    assert (await local.get(f"{URL}/operation")).json()["previousOperation"] is None


async def test_a_plan_of_a_rollback_is_of_that_entry(daemon: Daemon, local: httpx.AsyncClient) -> None:
    daemon.operator.pasts[SHOP] = a_past("a", "b", "c")
    await local.post(f"{URL}/plan", json={"rollback": True})
    assert asked(daemon).history == 1
    await local.post(f"{URL}/plan", json={"rollback": True, "id": 0})
    assert asked(daemon).history == 0
    answer = await local.post(f"{URL}/plan", json={"id": 0})
    assert (answer.status_code, answer.json()["error"]["where"]) == (422, "body.id")


async def test_D10_many_who_wait_leave_room_for_others(
    daemon: Daemon, local: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those beyond the first are answered after a moment, whatever they asked for."""
    state = (await local.get(f"{URL}/operation")).json()
    monkeypatch.setattr(routes, "_MOST_WAITING", 0)
    monkeypatch.setattr(routes, "_CROWDED_WAIT", 0.01)
    with anyio.fail_after(30):
        answer = await local.get(f"{URL}/operation", params={"seen": state["version"], "wait": "300"})
    assert answer.json() == state


async def test_a_look_ends_when_its_time_is_over(daemon: Daemon, local: httpx.AsyncClient) -> None:
    state = (await local.get(f"{URL}/operation")).json()
    with anyio.fail_after(30):
        again = await local.get(f"{URL}/operation", params={"seen": state["version"], "wait": "0.05"})
    assert again.json() == state
    for wrong in ("301", "-1", "inf", "soon"):
        assert (await local.get(f"{URL}/operation", params={"wait": wrong})).status_code == 422


async def test_a_sync_is_found_by_its_id_whatever_ended_after_it(daemon: Daemon, local: httpx.AsyncClient) -> None:
    ours = (await local.post(f"{URL}/sync", json={})).json()["id"]
    spec, _ = daemon.apps[SHOP]
    for ended in (daemon.operator.finish("shop"), an_operation(id="op-later", phase=Phase.FAILED)):
        daemon.operates(SHOP, ended)
        daemon.reconciliations.on_event(OperationEnded(spec, "", ended, 1.0))
    state = (await local.get(f"{URL}/operation", params={"id": ours})).json()
    assert (state["operation"]["id"], state["previousOperation"]) == ("op-later", None)
    assert (state["askedOperation"]["id"], state["askedOperation"]["phase"]) == (ours, "Succeeded")
    assert (await local.get(f"{URL}/operation", params={"id": "op-unknown"})).json()["askedOperation"] is None


async def test_a_sync_that_waits_for_its_turn_is_pending_and_can_be_taken_back(
    daemon: Daemon, local: httpx.AsyncClient
) -> None:
    daemon.operator.queueing = True
    answer = await local.post(f"{URL}/sync", json={})
    assert (answer.status_code, answer.json()["phase"]) == (202, "Pending")
    state = (await local.get(f"{URL}/operation")).json()
    assert (state["operation"]["phase"], state["operation"]["message"]) == ("Pending", "waits for its turn")
    taken = (await local.delete(f"{URL}/operation")).json()["askedOperation"]
    assert (taken["id"], taken["phase"]) == (answer.json()["id"], "Failed")


async def test_who_waits_for_a_pending_sync_is_told_once_a_pass_looked_at_it(
    daemon: Daemon, local: httpx.AsyncClient
) -> None:
    daemon.operator.queueing = True
    asked = (await local.post(f"{URL}/sync", json={})).json()["id"]
    state = (await local.get(f"{URL}/operation", params={"id": asked})).json()
    told: list[str] = []

    async def look() -> None:
        query = {"id": asked, "seen": state["version"], "wait": "300"}
        told.append((await local.get(f"{URL}/operation", params=query)).json()["askedOperation"]["phase"])

    spec, status = daemon.apps[SHOP]
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(look)
            while not daemon.reconciliations.looked_at(SHOP):
                await anyio.lowlevel.checkpoint()
            refused = replace(daemon.operator.underway.pop(SHOP), phase=Phase.FAILED, message="it is refused")
            daemon.operator.outcomes[SHOP] = refused
            daemon.put(spec, replace(status, operation=None))
            daemon.reconciliations.on_event(Reconciled(spec, "", 0.0, 0.1, failed=False, fresh=True))
    assert told == ["Failed"]


async def test_where_the_limit_keeps_nothing_to_go_back_to_it_is_named(
    daemon: Daemon, local: httpx.AsyncClient
) -> None:
    spec, status = daemon.apps[SHOP]
    daemon.put(replace(spec, revision_history_limit=1), status)
    daemon.operator.pasts[SHOP] = a_past("a")
    told = (await local.post(f"{URL}/rollback", json={})).json()["error"]
    assert told["what"] == "nothing else is kept that was deployed before"
    assert told["why"] == "for its revisionHistoryLimit is 1"
    assert (await local.get(f"{URL}/history")).json()["limit"] == 1


async def test_terminate_confirm_and_unpin(daemon: Daemon, local: httpx.AsyncClient) -> None:
    assert (await local.delete(f"{URL}/operation")).json()["error"]["code"] == "nothing-in-progress"
    await local.post(f"{URL}/sync", json={})
    answer = await local.post(f"{URL}/operation/confirm", json={})
    assert answer.status_code == 202
    assert daemon.operator.underway[SHOP].request.confirmed
    answer = await local.delete(f"{URL}/operation")
    assert (answer.status_code, answer.json()["operation"]["phase"]) == (202, "Terminating")
    assert (await local.delete(f"{URL}/pin")).status_code == 400
    daemon.operator.pasts[SHOP] = a_past("a", "b")
    daemon.operator.finish("shop")
    await local.post(f"{URL}/rollback", json={})
    assert (await local.delete(f"{URL}/pin")).status_code == 200
    assert daemon.operator.pasts[SHOP].pin is None


@pytest.mark.parametrize(
    ("digests", "pinned", "entry"),
    [(("a", "b"), None, 0), (("a", "b", "c"), 1, 0), (("a", "b", "b"), None, 0), (("a", "b", "a"), None, 1)],
)
async def test_a_rollback_without_an_id_is_to_what_was_before(
    daemon: Daemon, local: httpx.AsyncClient, digests: tuple[str, ...], pinned: int | None, entry: int
) -> None:
    past = a_past(*digests)
    pin = Pin(pinned, "m", "d", "", BEGAN) if pinned is not None else None
    daemon.operator.pasts[SHOP] = type(past)(past.entries, pin)
    answer = await local.post(f"{URL}/rollback", json={"prune": True})
    assert (answer.status_code, answer.json()["rollbackTo"]) == (202, entry)
    assert (asked(daemon).history, asked(daemon).prune) == (entry, True)


@pytest.mark.parametrize(("digests", "body"), [((), {}), (("a",), {}), (("a", "a"), {}), (("a", "b"), {"id": 7})])
async def test_a_rollback_to_nothing_is_404(
    daemon: Daemon, local: httpx.AsyncClient, digests: tuple[str, ...], body: dict[str, int]
) -> None:
    daemon.operator.pasts[SHOP] = a_past(*digests)
    answer = await local.post(f"{URL}/rollback", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not-found")


async def test_history_is_oldest_first_without_credentials(daemon: Daemon, local: httpx.AsyncClient) -> None:
    past = a_past("a", "b")
    daemon.operator.pasts[SHOP] = type(past)(past.entries, Pin(0, "m0", "a", "b", BEGAN, "local", "bad release"))
    answer = await local.get(f"{URL}/history")
    told = answer.json()
    assert [item["id"] for item in told["items"]] == [0, 1]
    first = told["items"][0]
    assert first["infos"] == [
        {"author": "Ada <ada@example.org>", "date": "2026-03-01T12:00:00Z", "message": "Change 0", "tags": []}
    ]
    assert first["sources"][0]["repoURL"] == "https://git.example.org/team/app.git"
    assert (first["deployedAt"], first["healthyAt"]) == ("2026-03-01T12:00:05Z", "2026-03-01T12:01:00Z")
    assert told["pinned"] == {"id": 0, "since": "2026-03-01T12:00:00Z", "by": "local", "reason": "bad release"}
    assert "token" not in answer.text


async def test_S14_manifests_of_the_past_show_no_secrets_value(daemon: Daemon, local: httpx.AsyncClient) -> None:
    wanted = want(
        a_config_map("settings", annotations={"vault": CANARY}),
        an_object("Secret", "login", data={"password": "Q0FOQVJZ"}, stringData={"user": CANARY}),
    )
    daemon.operator.stored[SHOP, 3] = wanted
    daemon.masked = frozenset({"vault"})
    answer = await local.get(f"{URL}/history/3/manifests")
    assert answer.status_code == 200
    told = answer.json()
    assert (told["id"], [body["kind"] for body in told["objects"]]) == (3, ["ConfigMap", "Secret"])
    assert told["objects"][0]["data"] == {"colour": "green"}
    assert told["objects"][1]["data"] == {"password": "++++++++", "user": "++++++++"}
    assert "Q0FOQVJZ" not in answer.text
    assert CANARY not in answer.text
    assert (await local.get(f"{URL}/history/4/manifests")).status_code == 404
    assert (await local.get(f"{URL}/history/-1/manifests")).status_code == 422


@pytest.mark.parametrize(
    ("query", "status", "cascade"),
    [("", 202, "foreground"), ("?cascade=background", 202, "background"), ("?cascade=orphan", 200, "orphan")],
)
async def test_a_deletion_begins(
    daemon: Daemon, local: httpx.AsyncClient, query: str, status: int, cascade: str
) -> None:
    answer = await local.delete(URL + query)
    assert (answer.status_code, answer.json()["cascade"], answer.json()["by"]) == (status, cascade, "local")
    assert daemon.operator.deletions[SHOP].cascade == cascade


async def test_a_deletion_of_another_kind_is_refused(daemon: Daemon, local: httpx.AsyncClient) -> None:
    assert (await local.delete(f"{URL}?cascade=everything")).status_code == 422
    assert daemon.operator.asked == []


async def test_who_looks_at_once_sees_the_operation_that_it_was_told_of(
    daemon: Daemon, local: httpx.AsyncClient
) -> None:
    """The status shows an operation at the earliest when the pass that began it looks again, or ends."""
    spec, status = daemon.apps[SHOP]
    begun = (await local.post(f"{URL}/sync", json={})).json()
    daemon.change(spec, status)  # as it was before: the status of the pass is still to come
    told = (await local.get(f"{URL}/operation")).json()
    assert (told["operation"]["id"], told["operation"]["phase"]) == (begun["id"], "Running")
    ended = daemon.operator.finish("shop")
    daemon.change(spec, status)
    daemon.reconciliations.on_event(OperationEnded(spec, "", ended, 1.0))
    told = (await local.get(f"{URL}/operation")).json()
    assert (told["operation"]["id"], told["operation"]["phase"]) == (begun["id"], "Succeeded")
    daemon.reconciliations.on_event(Reconciled(spec, "", 0.0, 0.1, failed=False))
    assert (await local.get(f"{URL}/operation")).json()["operation"] is None, "what was lost is not told of for ever"
