"""Resource actions over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from gitopsd.core.actions.action import Action, Parameter
from gitopsd.testing.builders import a_config_map, a_deployment
from gitopsd.web import Door, create_app
from gitopsd.web.models.action import ActionAnswer
from tests.control.acting import World
from tests.web.conftest import Daemon

URL = "/api/v1/applications/shop/resource/actions"
WEB = {"group": "apps", "kind": "Deployment", "namespace": "default", "resourceName": "web"}
CANARY = "c4n4ry"


@pytest.fixture
def world() -> World:
    return World(self_heal=True)


@pytest.fixture
async def acting(daemon: Daemon, world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a daemon that runs the actions of `world`."""
    daemon.add("shop")
    app = create_app(replace(daemon.services(), actions=world.actions), Door.LOCAL)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gitopsd") as client:
        yield client


async def test_the_actions_of_an_object_are_told_in_the_words_of_argo_cd(acting: httpx.AsyncClient) -> None:
    told = await acting.get(URL, params={**WEB, "version": "v1"})
    assert told.status_code == 200
    body = told.json()
    (found,) = body["items"]
    assert (body["application"], body["truncated"], found["version"], found["error"]) == ("shop", False, "v1", "")
    actions = {action["name"]: action for action in found["actions"]}
    assert list(actions) == ["restart", "pause", "resume", "scale"]
    assert actions["resume"] == {
        "name": "resume",
        "displayName": "resume",
        "iconClass": "",
        "disabled": True,
        "reason": "it is not paused",
        "params": [],
    }
    assert actions["scale"]["params"] == [{"name": "replicas", "default": "2", "required": True}]


async def test_the_actions_of_many_objects_are_found_by_a_part_of_their_names(
    acting: httpx.AsyncClient, world: World
) -> None:
    world.below("Job", "run", world.replica_set, "batch/v1")
    for query, names in (({}, ["web", "run"]), ({"kind": "Job"}, ["run"]), ({"group": ""}, [])):
        told = await acting.get(URL, params=query)
        assert [item["name"] for item in told.json()["items"]] == names


async def test_running_an_action_says_what_it_did_and_what_git_sets_back(
    acting: httpx.AsyncClient, world: World
) -> None:
    told = await acting.post(URL, params=WEB, json={"action": "scale", "parameters": {"replicas": "5"}})
    web = {"group": "apps", "kind": "Deployment", "namespace": "default", "name": "web"}
    assert (told.status_code, told.json()) == (
        200,
        {
            "application": "shop",
            "action": "scale",
            "object": web,
            "patched": [web],
            "created": [],
            "undone": ["spec.replicas"],
            "selfHeal": True,
        },
    )
    assert world.field(world.deployment, "spec", "replicas") == 5
    assert [done.by for done in world.done] == ["local"]


async def test_R1_an_object_outside_of_the_application_is_403(acting: httpx.AsyncClient, world: World) -> None:
    world.cluster.plant(a_config_map(CANARY, namespace="default"))
    world.manage(a_deployment("theirs", namespace="default"), owner="bank")
    for query in (
        {"kind": "ConfigMap", "namespace": "default", "resourceName": CANARY},
        {**WEB, "resourceName": "theirs"},
        {**WEB, "resourceName": "ghost"},
    ):
        answers = [
            await acting.get(URL, params=query),
            await acting.post(URL, params=query, json={"action": "restart"}),
        ]
        assert [(told.status_code, told.json()["error"]["code"]) for told in answers] == [(403, "forbidden")] * 2
        assert CANARY not in answers[0].text + answers[1].text
    assert world.cluster.writes == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"action": CANARY}, 404, "not-found"),
        ({"action": "resume"}, 409, "blocked"),
        ({"action": "scale", "parameters": {"replicas": CANARY}}, 400, "invalid"),
        ({"action": "scale", "parameters": {CANARY: "1"}}, 400, "invalid"),
        ({"action": "scale", "parameters": {"replicas": 5}}, 422, "invalid"),
        ({"action": "scale", "parameters": {f"p{number}": "1" for number in range(200)}}, 422, "invalid"),
        ({"action": "x" * 2000}, 422, "invalid"),
        ({"action": "restart", "extra": 1}, 422, "invalid"),
        ({}, 422, "invalid"),
        ([], 422, "invalid"),
    ],
)
async def test_X4_what_cannot_be_run_says_why_and_repeats_nothing(
    acting: httpx.AsyncClient, world: World, body: object, status: int, code: str
) -> None:
    told = await acting.post(URL, params=WEB, json=body)
    assert (told.status_code, told.json()["error"]["code"]) == (status, code)
    assert CANARY not in told.text
    assert world.cluster.writes == []


async def test_an_object_has_to_be_named_to_act_on_it(acting: httpx.AsyncClient) -> None:
    for query in ({}, {"kind": "Deployment"}, {"resourceName": "web"}, {**WEB, "strange": "1"}):
        assert (await acting.post(URL, params=query, json={"action": "restart"})).status_code == 422
    form = await acting.post(URL, params=WEB, content=b"action=restart", headers={"content-type": "text/plain"})
    assert form.status_code == 415


async def test_a_script_that_fails_is_told(acting: httpx.AsyncClient, world: World) -> None:
    world.scripted.changing = {"broken": ()}
    told = await acting.get(URL, params=WEB)
    assert (told.status_code, told.json()["error"]["what"]) == (500, "the action's script failed")
    listed = await acting.get(URL, params={"kind": "Deployment"})
    assert "script failed" in listed.json()["items"][0]["error"]


async def test_a_daemon_without_actions_or_without_the_application_says_so(
    daemon: Daemon, local: httpx.AsyncClient
) -> None:
    assert (await local.get(URL)).status_code == 404
    daemon.add("shop")
    told = await local.get(URL)
    assert (told.status_code, told.json()["error"]["code"]) == (501, "not-implemented")


async def test_R8_actions_are_not_behind_the_public_door(daemon: Daemon, public: httpx.AsyncClient) -> None:
    daemon.add("shop")
    assert (await public.get(URL)).status_code == 404
    assert (await public.post(URL, params=WEB, json={"action": "restart"})).status_code in {404, 413}


def test_a_title_stands_for_a_name() -> None:
    shown = ActionAnswer.of(Action("a", "", "Do it", "fa fa-x", (Parameter("p"),)))
    assert (shown.display_name, shown.icon_class, shown.disabled) == ("Do it", "fa fa-x", False)
