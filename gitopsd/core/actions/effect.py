"""What actions do, as values to put into tables: set a field, mark with the time, say when it makes no sense."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from gitopsd.core.actions.action import Change, Given, Merge, Parameter
from gitopsd.core.errors import OperationError
from gitopsd.core.jsonvalue import JsonObject, JsonValue, text, value

Effect = Callable[[JsonObject, Given, datetime], Change]
Blocked = Callable[[JsonObject], str]

MOST_REPLICAS: Final = (1 << 31) - 1
"""Kubernetes has them as an int32."""
_MOST_DIGITS: Final = 100
RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"
"""The annotation that `kubectl rollout restart` writes."""
ANNOTATIONS: Final = ("metadata", "annotations")


def at(path: tuple[str, ...], content: JsonValue) -> JsonObject:
    """An object that has `content` at `path` and nothing else."""
    for key in reversed(path):
        content = {key: content}
    return content if isinstance(content, dict) else {}


def put(content: JsonValue, *path: str) -> Effect:
    """Sets the field at `path`; None takes it away."""
    return lambda _live, _given, _now: Merge(at(path, content))


def stamp(*path: str) -> Effect:
    """Writes the time of day into the field at `path`, as RFC 3339."""
    return lambda _live, _given, now: Merge(at(path, timestamp(now)))


def timestamp(now: datetime) -> str:
    """`2026-03-01T12:00:00Z`."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def replicas(*path: str, as_text: bool = False) -> Effect:
    """Writes the parameter `replicas` into the field at `path`."""

    def effect(_live: JsonObject, given: Given, _now: datetime) -> Change:
        number = whole_number(given, "replicas")
        return Merge(at(path, str(number) if as_text else number))

    return effect


def whole_number(given: Given, name: str) -> int:
    """The parameter `name` as a whole number, 0 or more. Raises `OperationError` (`Invalid`)."""
    written = given.get(name, "").strip()
    if not (written.isascii() and written.isdigit()):
        what = f"the parameter {name} is no whole number" if written else f"the parameter {name} is missing"
        raise OperationError(what, reason="Invalid", hint=f"give it as {name}=NUMBER: a whole number, 0 or more")
    if len(written) > _MOST_DIGITS or int(written) > MOST_REPLICAS:
        raise OperationError(
            f"the parameter {name} is out of range",
            reason="Invalid",
            hint=f"give a whole number from 0 to {MOST_REPLICAS}",
        )
    return int(written)


def asks_for(
    name: str, *path: str, absent: str = "", required: bool = False
) -> Callable[[JsonObject], tuple[Parameter, ...]]:
    """One parameter, offered as what the field at `path` has now, else as `absent`."""

    def asks(live: JsonObject) -> tuple[Parameter, ...]:
        now = value(live, *path) if path else None
        is_plain = isinstance(now, (str, int)) and not isinstance(now, bool)
        return (Parameter(name, str(now) if is_plain else absent, required),)

    return asks


def when(content: JsonValue, why: str, *path: str) -> Blocked:
    """Not while the field at `path` is `content`."""
    return lambda live: why if value(live, *path) == content else ""


def unless(content: JsonValue, why: str, *path: str) -> Blocked:
    """Only while the field at `path` is `content`."""
    return lambda live: "" if value(live, *path) == content else why


def any_of(*reasons: Blocked) -> Blocked:
    """The first reason there is."""
    return lambda live: next((why for reason in reasons if (why := reason(live))), "")


def dated_name(live: JsonObject, now: datetime, longest: int) -> str:
    """A name for what is made of `live` at this second, of at most `longest` characters."""
    ending = now.strftime("-%Y%m%d%H%M%S")
    return text(live, "metadata", "name")[: longest - len(ending)].rstrip("-.") + ending
