"""Waiting for what the daemon does to an application, look by look."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from gitopsd.cli.client import TIMEOUT, Api, about, application_route
from gitopsd.cli.failures import DaemonError, DaemonGoneError, NoDaemonError
from gitopsd.core.jsonvalue import JsonObject, boolean, integer, mapping, text

_LOOK: Final = 30.0
_LOOK_AT_QUEUE: Final = 3.0
_NOTHING: Final[JsonObject] = {}
_BETWEEN: Final = 0.1
_DAEMON_AWAY: Final = 60.0
_AWAY_BETWEEN: Final = 0.5
_OVER: Final = ("Succeeded", "Failed", "Error")


def is_over(operation: JsonObject) -> bool:
    """Whether an operation has ended."""
    return text(operation, "phase") in _OVER


def is_pending(operation: JsonObject) -> bool:
    """Whether it waits for its turn to begin."""
    return text(operation, "phase") == "Pending"


def states(
    api: Api, name: str, seconds: float, asked: Callable[[], JsonObject] = lambda: _NOTHING
) -> Iterator[JsonObject]:
    """What the application is doing, now and whenever it is something else, until `seconds` are over; and what the
    operation that is `asked` for does, whatever came after it.

    A daemon that is away for a moment is waited for. Raises `DaemonError`.
    """
    until = time.monotonic() + seconds
    seen, away = "", 0.0
    while True:
        left = max(0.0, until - time.monotonic())
        try:
            operation = asked()
            # Its place in the queue is another one though nothing happens to the application.
            look = _LOOK_AT_QUEUE if is_pending(operation) else _LOOK
            state = state_of(api, name, seen, min(left, look), text(operation, "id"))
        except (NoDaemonError, DaemonGoneError):
            # It is being restarted, perhaps: what it does goes on from its journal.
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


def state_of(api: Api, name: str, seen: str = "", wait: float = 0.0, operation: str = "") -> JsonObject:
    """What it is doing; with `seen` only once that is something else, or `wait` seconds are over. `operation` is the id
    of one that is told besides.
    """
    query = {"seen": seen, "wait": f"{wait:g}" if seen and wait else "", "id": operation}
    with about(name):
        return api.get(f"{application_route(name)}/operation", query, TIMEOUT + wait).body


def gone(api: Api, name: str, seconds: float, deletion: JsonObject | None = None) -> JsonObject:
    """Its deletion as it ended, or as far as it came in so many `seconds`; `deletion` is as it was told last. Of an
    application that is not known (any more) it is `done`. Raises `DaemonError`.
    """
    began = time.monotonic()
    deletion = deletion or {}
    try:
        for state in states(api, name, seconds):
            deletion = mapping(state, "deletion") or deletion
            if boolean(deletion, "done"):
                break
    except DaemonError as error:
        if error.code != "not-found":
            raise
        # Its entry left the configuration, and the last of it is gone.
        deletion = {**deletion, "done": True, "phase": "Deleted", "seconds": round(time.monotonic() - began, 1)}
    return deletion


def _pause(seconds: float) -> None:
    time.sleep(seconds)  # noqa: TID251  # so that many small steps, or a daemon that is away, are not asked for at once


class Following:
    """Follows one operation. With `retries` also those that try it again, so often (below 0: for ever)."""

    def __init__(self, operation: JsonObject, retries: int = 0) -> None:
        self.operation = operation
        self._retries = retries
        self._terminated = False

    def learn(self, state: JsonObject) -> bool:
        """Take what `state` tells of it; whether it is still the one that the daemon knows."""
        for found in (mapping(state, each) for each in ("askedOperation", "previousOperation", "operation")):
            if found and self._is_ours(found):
                self.operation = found
                self._terminated = self._terminated or text(found, "phase") == "Terminating"
        return any(self._is_ours(mapping(state, each)) for each in ("askedOperation", "operation")) or self.ended()

    def ended(self) -> bool:
        """Whether it ended, and is not tried again."""
        if not is_over(self.operation):
            return False
        tried_again = 0 <= self._retries <= integer(self.operation, "retries")
        never_began = text(self.operation, "startedAt") == text(self.operation, "finishedAt") != ""
        return text(self.operation, "phase") == "Succeeded" or self._terminated or tried_again or never_began

    def _is_ours(self, found: JsonObject) -> bool:
        if text(found, "id") == text(self.operation, "id"):
            return True
        later = integer(found, "retries") > integer(self.operation, "retries")
        return self._retries != 0 and later and not boolean(found, "automated")


def followed(
    api: Api, name: str, following: Following, seconds: float, show: Callable[[JsonObject], None]
) -> JsonObject | None:
    """The operation as it ended, None if that takes longer; `show` is called with it each time it is another.

    Raises `DaemonError`, also if another operation takes its place.
    """
    show(following.operation)
    if following.ended():
        return following.operation
    for state in states(api, name, seconds, lambda: following.operation):
        known = following.learn(state)
        show(following.operation)
        if following.ended():
            return following.operation
        if not known:
            found = mapping(state, "operation")
            raise DaemonError(
                "the operation ended unseen: another one took its place",
                where=name,
                why=f"{text(found, 'phase')} now: {text(found, 'message')}" if found else "",
                hint=f"`gitopsd app wait {name}` waits for that one",
            )
    return None
