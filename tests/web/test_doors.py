"""What stands behind each door, and what every answer has."""

import httpx
import pytest
from fastapi import FastAPI

from gitopsd.core.errors import SourceError, StoreError
from gitopsd.web import Door, create_app
from gitopsd.web.headers import SECURITY_HEADERS
from gitopsd.web.permission import Permission, permissions
from tests.web.conftest import Daemon

PUBLIC_ROUTES = {("GET", "/healthz"), ("GET", "/metrics"), ("GET", "/readyz")}
LOCAL_ROUTES = {
    ("GET", "/api/v1/applications"),
    ("GET", "/api/v1/applications/{name}"),
    ("DELETE", "/api/v1/applications/{name}"),
    ("POST", "/api/v1/applications/{name}/plan"),
    ("POST", "/api/v1/applications/{name}/sync"),
    ("POST", "/api/v1/applications/{name}/rollback"),
    ("GET", "/api/v1/applications/{name}/operation"),
    ("DELETE", "/api/v1/applications/{name}/operation"),
    ("POST", "/api/v1/applications/{name}/operation/confirm"),
    ("DELETE", "/api/v1/applications/{name}/pin"),
    ("GET", "/api/v1/applications/{name}/history"),
    ("GET", "/api/v1/applications/{name}/history/{id}/manifests"),
    ("GET", "/api/v1/applications/{name}/orphaned-resources"),
    ("GET", "/api/v1/applications/{name}/resource-tree"),
    ("GET", "/api/v1/applications/{name}/differences"),
    ("POST", "/api/v1/applications/{name}/refresh"),
    ("GET", "/api/v1/applications/{name}/resource/actions"),
    ("POST", "/api/v1/applications/{name}/resource/actions"),
    ("GET", "/api/v1/backup"),
    ("GET", "/api/v1/clusters"),
    ("GET", "/api/v1/clusters/{name}"),
    ("GET", "/api/v1/debug/log-level"),
    ("POST", "/api/v1/debug/log-level"),
    ("GET", "/api/v1/debug/profile"),
    ("GET", "/api/v1/repositories"),
    ("GET", "/api/v1/version"),
}
CANARY = "c4n4ry"


def test_R8_the_public_routes_are_these_and_no_others(daemon: Daemon) -> None:
    assert permissions(create_app(daemon.services(), Door.PUBLIC)) == dict.fromkeys(PUBLIC_ROUTES, Permission.PUBLIC)


def test_R9_every_route_has_its_line_in_the_table(daemon: Daemon) -> None:
    assert permissions(create_app(daemon.services(), Door.LOCAL)) == {
        **dict.fromkeys(PUBLIC_ROUTES, Permission.PUBLIC),
        **dict.fromkeys(LOCAL_ROUTES, Permission.LOCAL),
    }


def test_R9_a_route_without_a_permission_is_refused_at_the_start(daemon: Daemon) -> None:
    app = create_app(daemon.services(), Door.LOCAL)

    @app.get("/side-door")
    async def side_door() -> None: ...

    with pytest.raises(RuntimeError, match="/side-door: declare it by the Registrar"):
        permissions(app)


def test_R9_a_mounted_app_is_refused_at_the_start(daemon: Daemon) -> None:
    app = create_app(daemon.services(), Door.LOCAL)
    app.mount("/other", FastAPI())
    with pytest.raises(RuntimeError, match="cannot carry a permission"):
        permissions(app)


@pytest.mark.parametrize(("method", "path"), sorted(LOCAL_ROUTES))
async def test_R8_the_api_is_not_behind_the_public_door(public: httpx.AsyncClient, method: str, path: str) -> None:
    told = await public.request(method, path.replace("{name}", "guestbook"))
    nowhere = await public.request(method, "/api/v1/nothing/at/all")
    assert told.status_code == 404
    assert (told.content, told.headers) == (nowhere.content, nowhere.headers)


async def test_R8_public_answers_hold_nothing_of_the_inside(daemon: Daemon, public: httpx.AsyncClient) -> None:
    daemon.readiness = (False, f"waits for {CANARY}")
    answers = [await public.get(path) for path in ("/healthz", "/readyz", "/nothing")]
    assert [told.status_code for told in answers] == [200, 503, 404]
    assert not any(CANARY in told.text or "1.2.3" in told.text for told in answers)
    assert not any("server" in told.headers for told in answers)


async def test_the_unix_socket_is_told_why_it_is_not_ready(daemon: Daemon, local: httpx.AsyncClient) -> None:
    daemon.readiness = (False, "3 of 5 applications looked at")
    told = await local.get("/readyz")
    assert (told.status_code, told.json()) == (503, {"ready": False, "reason": "3 of 5 applications looked at"})
    daemon.readiness = (True, "")
    assert (await local.get("/readyz")).status_code == 200


async def test_a_daemon_that_has_to_be_started_anew_says_so_and_why_on_the_unix_socket_alone(
    daemon: Daemon, public: httpx.AsyncClient, local: httpx.AsyncClient
) -> None:
    assert (await public.get("/healthz")).json() == {"status": "ok", "reason": ""}
    daemon.not_alive = f"the queue ended over {CANARY}"
    told = await local.get("/healthz")
    assert (told.status_code, told.json()) == (503, {"status": "failed", "reason": f"the queue ended over {CANARY}"})
    outside = await public.get("/healthz")
    assert (outside.status_code, outside.json()) == (503, {"status": "failed", "reason": ""})


async def test_a_scrape_passes_the_accept_header_on(public: httpx.AsyncClient) -> None:
    told = await public.get("/metrics", headers={"accept": "application/openmetrics-text"})
    assert told.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert told.text == "accepts application/openmetrics-text\n"


async def test_X5_every_answer_has_the_headers_errors_included(daemon: Daemon) -> None:
    daemon.add("guestbook")
    for door in Door:
        async with daemon.client(door) as client:
            answers = [
                await client.get("/healthz"),
                await client.get("/metrics"),
                await client.get("/nothing"),
                await client.delete("/healthz"),
                await client.get("/api/v1/applications"),
                await client.get("/api/v1/applications?limit=x"),
                await client.get("/api/v1/applications/none"),
                await client.post("/api/v1/applications/guestbook/refresh"),
                await client.post("/api/v1/applications/guestbook/refresh", content=b"x" * (2 << 20)),
                await client.post("/api/v1/applications/guestbook/refresh", data={"form": "field"}),
            ]
            daemon.fault = ZeroDivisionError(CANARY)
            answers.append(await client.get("/metrics"))
            daemon.fault = None
        statuses = {told.status_code for told in answers}
        assert {200, 404, 405, 413, 500} <= statuses
        for told in answers:
            assert {name: told.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
            assert told.status_code < 400 or told.json()["error"].keys() == {"what", "where", "why", "hint", "code"}


async def test_a_bug_is_told_to_the_daemon_and_not_to_the_caller(daemon: Daemon, local: httpx.AsyncClient) -> None:
    daemon.fault = ZeroDivisionError(CANARY)
    told = await local.get("/api/v1/applications")
    assert (told.status_code, told.json()["error"]["code"]) == (500, "internal")
    assert CANARY not in told.text
    assert daemon.bugs == [("/api/v1/applications", daemon.fault)]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (SourceError("no answer", where="git", why="refused", hint="look", retryable=True), 503, "unavailable"),
        (StoreError("damaged", where="git", why="refused", hint="look"), 500, "failed"),
    ],
)
async def test_errors_of_ours_are_shown(
    daemon: Daemon, local: httpx.AsyncClient, error: SourceError | StoreError, status: int, code: str
) -> None:
    daemon.fault = error
    told = await local.get("/api/v1/applications")
    assert told.status_code == status
    assert told.json()["error"] == {"what": error.what, "where": "git", "why": "refused", "hint": "look", "code": code}


async def test_a_wrong_method_names_the_right_one(local: httpx.AsyncClient) -> None:
    told = await local.put("/api/v1/applications")
    assert (told.status_code, told.headers["allow"]) == (405, "GET, HEAD")
    assert told.json()["error"]["hint"] == "use GET"


async def test_a_head_finds_no_route_that_a_get_does_not_find(
    daemon: Daemon, public: httpx.AsyncClient, local: httpx.AsyncClient
) -> None:
    daemon.readiness = (False, "waits")
    for path, client, status in (
        ("/readyz", public, 503),
        ("/api/v1/applications", public, 404),
        ("/api/v1/applications", local, 200),
        ("/api/v1/applications/none/refresh", local, 405),
    ):
        told, got = await client.head(path), await client.get(path)
        assert (told.status_code, got.status_code) == (status, status)
        assert (told.content, told.headers) == (b"", got.headers)


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/metrics/", "//metrics", "/api", "/api/v1/"])
async def test_there_is_no_other_route(local: httpx.AsyncClient, path: str) -> None:
    told = await local.get(path)
    assert (told.status_code, told.json()["error"]["code"]) == (404, "not-found")
    assert "location" not in told.headers


def test_the_api_is_described_for_those_who_generate_types(daemon: Daemon) -> None:
    described = create_app(daemon.services(), Door.LOCAL).openapi()
    assert set(described["paths"]) == {path for _, path in PUBLIC_ROUTES | LOCAL_ROUTES}
    assert {"Page", "Application", "Refreshed", "ErrorAnswer"} <= described["components"]["schemas"].keys()
    shown = described["components"]["schemas"]["Summary"]["properties"]
    assert {"name", "sync", "health", "operationPhase", "reconciledAt"} <= shown.keys()


@pytest.mark.parametrize(
    "path", ["/../etc/passwd", "/static/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/api/v1/../../x"]
)
async def test_P11_no_path_of_a_request_names_a_file(public: httpx.AsyncClient, path: str) -> None:
    answer = await public.get(path)
    assert answer.status_code == 404
    assert "root:" not in answer.text


async def test_D10_ranges_are_ignored_and_cost_nothing(public: httpx.AsyncClient) -> None:
    ranges = ",".join(f"{start}-" for start in range(10_000))
    answer = await public.get("/healthz", headers={"Range": f"bytes={ranges}"})
    assert answer.status_code in {200, 416, 431}


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
async def test_D10_no_route_reads_forms(local: httpx.AsyncClient, kind: str) -> None:
    path = "/api/v1/applications/guestbook/refresh"
    answer = await local.post(path, content=b"a=1&" * 1000, headers={"Content-Type": kind})
    assert answer.status_code == 415
