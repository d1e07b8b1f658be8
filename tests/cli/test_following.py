"""Following what the daemon does, also over a restart of it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from anyio.from_thread import start_blocking_portal

from gitopsd.cli.client import Answer, Api
from gitopsd.cli.failures import DaemonError, NoDaemonError
from gitopsd.cli.following import Following, followed, states
from gitopsd.core.ids import AppName
from gitopsd.core.jsonvalue import JsonObject, text
from gitopsd.web import Door, UnixSocket, create_app, serve
from tests.cli.conftest import GITOPSD, Served


def a_state(version: str, operation: str, phase: str = "Running") -> JsonObject:
    """Return what the daemon says of an application."""
    return {"version": version, "operation": {"id": operation, "phase": phase}}


class ScriptedApi(Api):
    """Answers look by look: with a state, or with an error."""

    def __init__(self, *answers: JsonObject | DaemonError) -> None:
        super().__init__("nowhere")
        self.answers = list(answers)
        self.seen: list[object] = []

    def get(self, route: str, query: Mapping[str, str | list[str]] | None = None, timeout: float = 0.0) -> Answer:
        assert route == "/applications/shop/operation"
        self.seen.append((query or {}).get("seen"))
        answer = self.answers.pop(0)
        if isinstance(answer, DaemonError):
            raise answer
        return Answer(200, answer)


def away() -> DaemonError:
    """Return that no daemon is there."""
    return NoDaemonError("no daemon answers")


def test_each_look_tells_what_was_seen_and_only_news_are_told() -> None:
    api = ScriptedApi(a_state("v1", "op-1"), a_state("v1", "op-1"), a_state("v2", "op-1", "Failed"))
    told = states(api, "shop", 60.0)
    assert [text(next(told), "version") for _ in range(2)] == ["v1", "v2"]
    assert api.seen == ["", "v1", "v1"]


def test_a_daemon_that_restarts_is_waited_for() -> None:
    api = ScriptedApi(a_state("v1", "op-1"), away(), a_state("v2", "op-1", "Succeeded"))
    shown: list[str] = []
    begun: JsonObject = {"id": "op-1", "phase": "Running"}
    over = followed(api, "shop", Following(begun), 60.0, lambda operation: shown.append(text(operation, "phase")))
    assert over is not None
    assert shown == ["Running", "Running", "Succeeded"]


def test_a_daemon_that_never_was_there_or_stays_away_is_an_error() -> None:
    with pytest.raises(NoDaemonError):
        next(states(ScriptedApi(away()), "shop", 60.0))
    told = states(ScriptedApi(a_state("v1", "op-1"), away(), away(), away()), "shop", 0.2)
    next(told)
    with pytest.raises(NoDaemonError):
        next(told)


def test_an_operation_is_followed_to_its_end_though_another_one_ended_after_it() -> None:
    state = {**a_state("v2", "op-2", "Failed"), "askedOperation": {"id": "op-1", "phase": "Succeeded"}}
    begun: JsonObject = {"id": "op-1", "phase": "Running"}
    over = followed(ScriptedApi(state), "shop", Following(begun), 60.0, lambda _: None)
    assert over == {"id": "op-1", "phase": "Succeeded"}


def test_an_operation_that_is_over_is_not_asked_for() -> None:
    api = ScriptedApi()
    assert followed(api, "shop", Following({"id": "op-1", "phase": "Error"}), 60.0, lambda _: None) is not None
    assert api.seen == []


def test_an_operation_that_the_daemon_forgot_is_an_error() -> None:
    api = ScriptedApi({"version": "v1", "operation": None})
    with pytest.raises(DaemonError, match="ended unseen"):
        followed(api, "shop", Following({"id": "op-1", "phase": "Running"}), 60.0, lambda _: None)


def test_the_end_of_an_operation_is_not_missed_when_another_one_began_at_once() -> None:
    state = {**a_state("v1", "op-2"), "previousOperation": {"id": "op-1", "phase": "Succeeded"}}
    over = followed(ScriptedApi(state), "shop", Following({"id": "op-1", "phase": "Running"}), 60.0, lambda _: None)
    assert over == {"id": "op-1", "phase": "Succeeded"}


def retried(phase: str, retries: int, version: str, **more: object) -> JsonObject:
    """Return a state with an attempt."""
    return {"version": version, "operation": {"id": f"op-{retries}", "phase": phase, "retries": retries, **more}}  # type: ignore[dict-item]  # the values are those of a JSON answer


@pytest.mark.parametrize(("limit", "end"), [(0, "op-0"), (1, "op-1"), (2, "op-2"), (-1, "op-3")])
def test_attempts_are_followed_as_far_as_they_were_asked_for(limit: int, end: str) -> None:
    looks = [retried("Failed", number, f"v{number}") for number in range(3)]
    api = ScriptedApi(*looks, retried("Succeeded", 3, "v3"))
    over = followed(api, "shop", Following({"id": "op-0", "phase": "Running"}, limit), 60.0, lambda _: None)
    assert text(over, "id") == end


def test_what_somebody_ended_is_not_waited_for_again() -> None:
    api = ScriptedApi(retried("Terminating", 0, "v0"), retried("Failed", 0, "v1"))
    over = followed(api, "shop", Following({"id": "op-0", "phase": "Running"}, -1), 60.0, lambda _: None)
    assert text(over, "phase") == "Failed"


def test_a_sync_survives_a_restart_of_the_daemon(tmp_path: Path) -> None:
    """The request that waits is cut off in the middle; the operation goes on, and so does whoever waits for it."""
    served = Served(tmp_path / "gitopsd.sock")
    served.daemon.add("shop")
    shop = AppName("shop")
    with start_blocking_portal("asyncio") as portal:

        def start() -> Any:
            listening = UnixSocket(served.socket)
            return portal.start_task(serve, create_app(served.services(), Door.LOCAL), listening)[0]

        async def looked_at() -> None:
            with anyio.fail_after(60):
                while not served.daemon.reconciliations.looked_at(shop):
                    await anyio.lowlevel.checkpoint()

        serving = start()
        with subprocess.Popen(
            [GITOPSD, "app", "sync", "shop", "--socket", str(served.socket)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            portal.call(looked_at)
            serving.cancel()
            portal.call(_until_over, serving)
            serving = start()
            portal.call(looked_at)
            portal.call(served.daemon.operator.finish, "shop")
            out, err = process.communicate(timeout=60)
        serving.cancel()
    assert (process.returncode, out, err) == (0, "shop: Succeeded in 0 ms\n", "")


async def _until_over(serving: Any) -> None:
    with anyio.fail_after(30):
        while not serving.done():
            await anyio.lowlevel.checkpoint()
