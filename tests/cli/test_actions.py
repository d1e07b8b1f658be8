"""`gitopsd app actions`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from gitopsd.web import Door, UnixSocket, create_app, serve
from tests.cli.conftest import Cli, Ran
from tests.control.acting import World
from tests.web.conftest import Daemon


@dataclass(frozen=True)
class Shop:
    """A daemon that runs actions, and the command for it."""

    world: World
    cli: Cli
    socket: Path

    def actions(self, *arguments: str) -> Ran:
        return self.cli("app", "actions", *arguments, "--socket", str(self.socket))


@pytest.fixture
def shop(tmp_path: Path, cli: Cli) -> Iterator[Shop]:
    (tmp_path / "state").mkdir(mode=0o700)
    socket = tmp_path / "state" / "gitopsd.sock"
    daemon, world = Daemon(), World()
    daemon.add("shop")
    world.below("Job", "run", world.replica_set, "batch/v1")
    services = replace(daemon.services(), actions=world.actions)
    with start_blocking_portal("asyncio") as portal:
        serving, _ = portal.start_task(serve, create_app(services, Door.LOCAL), UnixSocket(socket))
        try:
            yield Shop(world, cli, socket)
        finally:
            serving.cancel()


def test_actions_are_listed_with_what_they_ask_for_and_why_not_now(shop: Shop) -> None:
    ran = shop.actions("list", "shop")
    assert (ran.code, ran.err) == (0, "")
    assert [line.rstrip() for line in ran.out.splitlines()] == [
        "OBJECT                       ACTION     PARAMETERS  NOW",
        "apps/Deployment default/web  restart                can be run",
        "apps/Deployment default/web  pause                  can be run",
        "apps/Deployment default/web  resume                 it is not paused",
        "apps/Deployment default/web  scale      replicas=2  can be run",
        "batch/Job default/run        suspend                can be run",
        "batch/Job default/run        resume                 it is not suspended",
        "batch/Job default/run        terminate              it has not begun",
    ]


def test_filters_and_formats_of_the_list(shop: Shop) -> None:
    found = json.loads(shop.actions("list", "shop", "--kind", "job", "-o", "json").out)
    assert [item["name"] for item in found["items"]] == ["run"]
    assert shop.actions("list", "shop", "--group", "").err == "no object has actions\n"
    assert "default/web" in shop.actions("list", "shop", "--name", "web", "--namespace", "default").out


def test_running_an_action_says_what_was_done_and_that_git_sets_it_back(shop: Shop) -> None:
    ran = shop.actions(
        "run", "shop", "scale", "--kind", "deployment", "--resource-name", "web", "--param", "replicas=5"
    )
    assert (ran.code, ran.out) == (0, "apps/Deployment default/web: scale: done\n")
    assert "git sets spec.replicas otherwise, and the next sync sets it back" in ran.err
    assert shop.world.field(shop.world.deployment, "spec", "replicas") == 5
    again = shop.actions("run", "shop", "restart", "--kind", "Deployment", "-o", "json")
    assert json.loads(again.out)["patched"][0]["name"] == "web"


def test_with_all_every_object_that_fits_has_its_turn(shop: Shop) -> None:
    world = shop.world
    world.below("Job", "other", world.replica_set, "batch/v1")
    ambiguous = shop.actions("run", "shop", "suspend", "--kind", "Job")
    assert (ambiguous.code, ambiguous.out) == (2, "")
    assert "batch/Job default/other, batch/Job default/run" in ambiguous.err
    shop.actions("run", "shop", "suspend", "--kind", "Job", "--name", "run")
    ran = shop.actions("run", "shop", "suspend", "--kind", "Job", "--all")
    assert (ran.code, ran.out) == (1, "batch/Job default/other: suspend: done\n")
    assert "batch/Job default/run" in ran.err
    assert "it is suspended" in ran.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["shop", "restart", "--kind", "Secret"], 2, "no object with actions"),
        (["shop", "explode", "--kind", "Deployment"], 1, "no such action"),
        (["shop", "resume", "--kind", "Deployment"], 1, "it is not paused"),
        (["shop", "scale", "--kind", "Deployment", "--param", "replicas=many"], 1, "is no whole number"),
        (["shop", "scale", "--kind", "Deployment"], 1, "needs the parameter replicas"),
        (["shop", "scale", "--kind", "Deployment", "--param", "replicas"], 2, "NAME=VALUE"),
        (["ghost", "restart", "--kind", "Deployment"], 1, "ghost"),
        (["shop", "restart"], 2, "--kind"),
    ],
)
def test_what_cannot_be_run_says_what_to_do(shop: Shop, arguments: list[str], code: int, words: str) -> None:
    ran = shop.actions("run", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err
    assert shop.world.cluster.writes == []
