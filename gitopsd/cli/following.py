"""Waiting for what the daemon does to an application, look by look."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from gitopsd.cli.client import TIMEOUT, Api, about, application_route
from gitopsd.cli.failures import DaemonError, NoDaemonError
from gitopsd.core.jsonvalue import JsonObject, mapping, text

_LOOK: Final = 30.0
_BETWEEN: Final = 0.1
_DAEMON_AWAY: Final = 60.0
_AWAY_BETWEEN: Final = 0.5
_OVER: Final = ("Succeeded", "Failed", "Error")


def is_over(operation: JsonObject) -> bool:
    """Whether an operation has ended."""
    return text(operation, "phase") in _OVER


def states(api: Api, name: str, seconds: float) -> Iterator[JsonObject]:
    """What the application is doing, now and whenever it is something else, until `seconds` are over.

    A daemon that is away for a moment is waited for. Raises `DaemonError`.
    """
    until = time.monotonic() + seconds
    seen, away = "", 0.0
    while True:
        left = max(0.0, until - time.monotonic())
        try:
            state = state_of(api, name, seen, min(left, _LOOK))
        except NoDaemonError:
            # It is being restarted: what it does goes on from its journal.
            away = away or time.monotonic()
            if not seen or time.monotonic() - away > min(left, _DAEMON_AWAY):
                raise
            _pause(_AWAY_BETWEEN)
            continue
        away = 0.0
        if text(state, "version") != seen:
            seen = text(state, "version")
            yield state
        if time.monotonic() >= until:
            return
        _pause(_BETWEEN)


def state_of(api: Api, name: str, seen: str = "", wait: float = 0.0) -> JsonObject:
    """What it is doing; with `seen` only once that is something else, or `wait` seconds are over."""
    query = {"seen": seen, "wait": f"{wait:g}" if seen and wait else ""}
    with about(name):
        return api.get(f"{application_route(name)}/operation", query, TIMEOUT + wait).body


def _pause(seconds: float) -> None:
    time.sleep(seconds)  # noqa: TID251  # so that many small steps, or a daemon that is away, are not asked for at once


def followed(
    api: Api, name: str, operation: JsonObject, seconds: float, show: Callable[[JsonObject], None]
) -> JsonObject | None:
    """The operation as it ended, None if that takes longer; `show` is called with it each time it is another.

    Raises `DaemonError`, also if another operation takes its place.
    """
    show(operation)
    if is_over(operation):
        return operation
    for state in states(api, name, seconds):
        found = mapping(state, "operation")
        if text(found, "id") != text(operation, "id"):
            raise DaemonError(
                "the operation ended unseen: another one took its place",
                where=name,
                why=f"{text(found, 'phase')} now: {text(found, 'message')}" if found else "",
                hint=f"`gitopsd app wait {name}` waits for that one",
            )
        show(found)
        if is_over(found):
            return found
    return None
