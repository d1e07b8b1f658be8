"""Health rules written as tables: for each kind a list of cases, of which the first that holds gives the verdict.

docs/health.md has the language; `gitopsd.rules` reads it from YAML. Everything here is total: a field that is absent,
null or of another type than a test wants makes the test fail, and never raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Protocol

from gitopsd.core.health.place import Place, at_place
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.jsonvalue import JsonObject, JsonValue

_CONDITIONS: Final[Place] = ("status", "conditions")
_HOLE: Final = re.compile(r"\{([^{}]+)\}")
_LONGEST_MESSAGE: Final = 1000
_NOTHING: Final[Mapping[str, JsonValue]] = {}


class Test(Protocol):
    """One question about an object, or about an item of a list in it."""

    def holds(self, here: JsonValue) -> Mapping[str, JsonValue] | None:
        """None if it does not hold; else what messages may quote: the condition that it found, or nothing."""
        ...


@dataclass(frozen=True, slots=True)
class ConditionTest:
    """There is a condition of one type whose status (and reason) is one of these; empty is any. `*` matches in reasons.

    Source: Kubernetes API conventions, "Typical status properties".
    """

    type: str
    statuses: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    place: Place = _CONDITIONS

    def holds(self, here: JsonValue) -> Mapping[str, JsonValue] | None:
        """The first condition of the type, if it fits."""
        entries = at_place(here, self.place)
        for entry in entries if isinstance(entries, list | tuple) else ():
            if isinstance(entry, Mapping) and entry.get("type") == self.type:
                return entry if self._fits(entry) else None
        return None

    def _fits(self, entry: Mapping[str, JsonValue]) -> bool:
        reason = entry.get("reason")
        if self.statuses and entry.get("status") not in self.statuses:
            return False
        return not self.reasons or any(fnmatchcase(str(reason or ""), pattern) for pattern in self.reasons)


@dataclass(frozen=True, slots=True)
class Operand:
    """A value to compare with: one that is written, or that of another field of the object (`default` if absent)."""

    value: JsonValue = None
    place: Place | None = None
    default: JsonValue = None

    def of(self, here: JsonValue) -> JsonValue:
        """The value for this object."""
        return self.value if self.place is None else value_at(here, self.place, self.default)


@dataclass(frozen=True, slots=True)
class FieldTest:
    """The field at `place` (`default` if it is absent or null) is as all that is given says."""

    place: Place
    default: JsonValue = None
    exists: bool | None = None
    among: tuple[JsonValue, ...] | None = None
    not_among: tuple[JsonValue, ...] | None = None
    equals: Operand | None = None
    at_least: Operand | None = None
    below: Operand | None = None

    def holds(self, here: JsonValue) -> Mapping[str, JsonValue] | None:
        """An empty mapping if all holds."""
        found = value_at(here, self.place, self.default)
        return _NOTHING if self._all(here, found) else None

    def _all(self, here: JsonValue, found: JsonValue) -> bool:
        if self.exists is not None and self.exists is _is_empty(found):
            return False
        if self.among is not None and not any(_same(found, item) for item in self.among):
            return False
        if self.not_among is not None and any(_same(found, item) for item in self.not_among):
            return False
        if self.equals is not None and not _same(found, self.equals.of(here)):
            return False
        if self.at_least is not None and not _ordered(self.at_least.of(here), found, strictly=False):
            return False
        return self.below is None or _ordered(found, self.below.of(here), strictly=True)


@dataclass(frozen=True, slots=True)
class Every:
    """All of `tests` hold (with none: it holds); messages quote the first condition."""

    tests: tuple[Test, ...]

    def holds(self, here: JsonValue) -> Mapping[str, JsonValue] | None:
        """What the first test that found a condition found."""
        found: Mapping[str, JsonValue] = _NOTHING
        for test in self.tests:
            one = test.holds(here)
            if one is None:
                return None
            found = found or one
        return found


@dataclass(frozen=True, slots=True)
class Either:
    """One of `tests` holds."""

    tests: tuple[Test, ...]

    def holds(self, here: JsonValue) -> Mapping[str, JsonValue] | None:
        """What the first that holds found."""
        return next((found for test in self.tests if (found := test.holds(here)) is not None), None)


@dataclass(frozen=True, slots=True)
class Not:
    """`test` does not hold."""

    test: Test

    def holds(self, here: JsonValue) -> Mapping[str, JsonValue] | None:
        """An empty mapping if it does not."""
        return _NOTHING if self.test.holds(here) is None else None


@dataclass(frozen=True, slots=True)
class Items:
    """`test` holds for an item of the list (a value of the mapping) at `place`, or for every one (of none: it does)."""

    place: Place
    test: Test
    every: bool = False

    def holds(self, here: JsonValue) -> Mapping[str, JsonValue] | None:
        """The first item that decides, if it is a mapping: messages quote it."""
        found = at_place(here, self.place)
        items = list(found.values()) if isinstance(found, Mapping) else found
        for item in items if isinstance(items, list | tuple) else ():
            if (self.test.holds(item) is None) is self.every:
                return None if self.every else (item if isinstance(item, Mapping) else _NOTHING)
        return _NOTHING if self.every else None


@dataclass(frozen=True, slots=True)
class Case:
    """If `test` holds: `status`, with `message`. Holes are `{status.message}`, or `{condition.message}` of what `test`
    found; without a message it is the found condition's message, or else its reason.
    """

    test: Test
    status: HealthStatus
    message: str = ""

    def verdict(self, live: JsonObject) -> Health | None:
        """None if the case does not hold."""
        found = self.test.holds(live)
        return None if found is None else Health(self.status, _worded(self.message, live, found))


@dataclass(frozen=True, slots=True)
class Table:
    """The rule for one kind. Before its cases count: a generation that was not observed yet, and no status at all.

    `observed`: where the generation that the status speaks of stands (None: the kind has no such field). `waiting`:
    what to say while the status is empty (None: the cases judge that as well). `otherwise`: no case holds.
    """

    cases: tuple[Case, ...]
    otherwise: Case
    observed: Place | None = ("status", "observedGeneration")
    waiting: str | None = "Waiting for its controller (there is no status yet)"

    def judge(self, live: JsonObject) -> Health:
        """The verdict on an object of the kind."""
        if self.waiting is not None and not live.get("status"):
            return Health(HealthStatus.PROGRESSING, self.waiting)
        if self.observed is not None and (lag := unobserved(live, self.observed)) is not None:
            return lag
        for case in self.cases:
            found = case.verdict(live)
            if found is not None:
                return found
        return self.otherwise.verdict(live) or Health(self.otherwise.status)


def unobserved(live: JsonObject, place: Place) -> Health | None:
    """Progressing where the status speaks of an older spec; an object that names no observed generation is let by.

    Some controllers write the number as text.
    """
    observed = _number(at_place(live, place))
    generation = _number(at_place(live, ("metadata", "generation")))
    if observed is None or generation is None or observed >= generation:
        return None
    return Health(
        HealthStatus.PROGRESSING,
        f"Waiting for its controller to see generation {generation:g} (it has seen {observed:g})",
    )


def value_at(here: JsonValue, place: Place, default: JsonValue = None) -> JsonValue:
    """The value at `place`; `default` where it is absent or null."""
    found = at_place(here, place)
    return default if found is None else found


def _is_empty(found: JsonValue) -> bool:
    return found is None or found in ("", [], {})


def _same(first: JsonValue, second: JsonValue) -> bool:
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    return first == second


def _ordered(first: JsonValue, second: JsonValue, *, strictly: bool) -> bool:
    low, high = _number(first), _number(second)
    if low is None or high is None:
        return False
    return low < high if strictly else low <= high


def _number(found: object) -> float | None:
    if isinstance(found, bool):
        return None
    if isinstance(found, int | float):
        return found
    if isinstance(found, str) and found.isascii() and found.isdigit():
        return int(found)
    return None


def _worded(message: str, live: JsonObject, found: Mapping[str, JsonValue]) -> str:
    if not message:
        return _short(str(found.get("message") or found.get("reason") or ""))
    return _short(_HOLE.sub(lambda hole: _filled(hole[1], live, found), message))


def _filled(hole: str, live: JsonObject, found: Mapping[str, JsonValue]) -> str:
    from_found = hole.startswith("condition.")
    steps: Sequence[str] = (hole.removeprefix("condition.") if from_found else hole).split(".")
    value = value_at(found if from_found else live, tuple(steps))
    return "" if value is None or isinstance(value, Mapping | list) else str(value)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"
