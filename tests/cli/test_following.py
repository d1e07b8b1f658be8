"""Following what the daemon does, also over a restart of it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gitopsd.cli.client import Answer, Api
from gitopsd.cli.failures import DaemonError, NoDaemonError
from gitopsd.cli.following import followed, states
from gitopsd.core.jsonvalue import JsonObject, text


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
    over = followed(api, "shop", begun, 60.0, lambda operation: shown.append(text(operation, "phase")))
    assert over is not None
    assert shown == ["Running", "Running", "Succeeded"]


def test_a_daemon_that_never_was_there_or_stays_away_is_an_error() -> None:
    with pytest.raises(NoDaemonError):
        next(states(ScriptedApi(away()), "shop", 60.0))
    told = states(ScriptedApi(a_state("v1", "op-1"), away(), away(), away()), "shop", 0.2)
    next(told)
    with pytest.raises(NoDaemonError):
        next(told)


def test_an_operation_that_is_over_is_not_asked_for() -> None:
    api = ScriptedApi()
    assert followed(api, "shop", {"id": "op-1", "phase": "Error"}, 60.0, lambda _: None) is not None
    assert api.seen == []


def test_an_operation_that_the_daemon_forgot_is_an_error() -> None:
    api = ScriptedApi({"version": "v1", "operation": None})
    with pytest.raises(DaemonError, match="ended unseen"):
        followed(api, "shop", {"id": "op-1", "phase": "Running"}, 60.0, lambda _: None)
