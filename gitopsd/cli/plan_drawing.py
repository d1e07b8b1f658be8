"""A plan, for people: stage by stage what is done, why, and what it changes."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from gitopsd.cli.differences import field_lines
from gitopsd.cli.output import painted, write
from gitopsd.cli.summary import object_of, revisions_of
from gitopsd.cli.visible import visible
from gitopsd.core.jsonvalue import JsonObject, boolean, integer, mapping, objects, text

_COLOURS: Final = {"apply": "32", "replace": "33", "recreate": "31", "prune": "31", "run": "36"}
_BOLD: Final = "1"
_MOST_AWAITED: Final = 3
_DONE: Final = {
    "apply": ("object is applied", "objects are applied"),
    "replace": ("is replaced", "are replaced"),
    "recreate": ("is deleted and made anew", "are deleted and made anew"),
    "prune": ("is deleted", "are deleted"),
    "run": ("hook runs", "hooks run"),
}
_DELETING: Final = ("prune", "recreate")


def draw(plan: JsonObject, command: str, now: datetime) -> None:
    """All of it. `command` is the command line that it would be carried out with, without the plan's id."""
    write("".join(f"{line}\n" for line in _drawn(plan, command, now)))


def steps_of(plan: JsonObject) -> list[JsonObject]:
    """All steps, save for those that run if it fails."""
    return [step for stage in objects(plan, "stages") for step in objects(stage, "steps")]


def deletes(plan: JsonObject) -> bool:
    """Whether it deletes anything, be it to make it anew."""
    return any(text(step, "action") in _DELETING for step in steps_of(plan))


def counted(plan: JsonObject) -> str:
    """One sentence about what it does."""
    counts = Counter(text(step, "action") for step in steps_of(plan))
    parts = [f"{counts[action]} {words[counts[action] > 1]}" for action, words in _DONE.items() if counts[action]]
    return ", ".join(parts) if parts else "nothing to do"


def _drawn(plan: JsonObject, command: str, now: datetime) -> Iterator[str]:
    at = revisions_of(plan)
    yield visible(f"Plan {text(plan, 'id')} of {text(plan, 'application')}" + (f" at {at}" if at else ""))
    for stage in objects(plan, "stages"):
        yield from _stage(stage, _place(stage), now)
    for stage in objects(plan, "failing"):
        yield from _stage(stage, f"Should it fail: {_place(stage)}", now)
    kept = objects(plan, "kept")
    if kept:
        yield ""
        yield painted("Left git and stays", _BOLD, sys.stdout)
    width = max((len(object_of(each)) for each in kept), default=0)
    for each in kept:
        how = "   (held back: --confirm lets it go)" if boolean(each, "held") else ""
        yield f"  {object_of(each).ljust(width)}   {visible(text(each, 'reason'))}{how}".rstrip()
    yield ""
    yield _sentence(plan)
    if text(plan, "blocked"):
        yield visible(f"Blocked: {text(plan, 'blocked')}")
    elif steps_of(plan):
        yield f"To do exactly this: {visible(command)} --plan {shlex.quote(text(plan, 'id'))}"


def _sentence(plan: JsonObject) -> str:
    said = counted(plan)
    held = sum(boolean(each, "held") for each in objects(plan, "kept"))
    return f"{said[0].upper()}{said[1:]}." + (f" {held} held back." if held else "")


def _place(stage: JsonObject) -> str:
    return f"{text(stage, 'phase')}, wave {integer(stage, 'wave')}"


def _stage(stage: JsonObject, title: str, now: datetime) -> Iterator[str]:
    yield ""
    yield painted(visible(title), _BOLD, sys.stdout)
    steps = objects(stage, "steps")
    width = max((len(object_of(step)) for step in steps), default=0)
    for step in steps:
        action = text(step, "action")
        shown = painted(visible(action).ljust(8), _COLOURS.get(action, "0"), sys.stdout)
        why = visible(text(step, "why"))
        yield f"{integer(step, 'number'):>4}  {shown}  {object_of(step).ljust(width)}   {why}".rstrip()
        for line in field_lines(mapping(step, "differences"), now):
            yield f"      {line}"
    awaited = objects(stage, "waitsFor")
    if awaited:
        more = len(awaited) - _MOST_AWAITED
        told = ", ".join(object_of(each) for each in awaited[:_MOST_AWAITED]) + (
            f" and {more} more" if more > 0 else ""
        )
        yield f"      then waits until healthy: {told}"
