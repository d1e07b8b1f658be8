"""What a person sees while a sync runs: a line for all that happens, and on a terminal what it waits for."""

from __future__ import annotations

import shutil
import sys
from typing import NamedTuple

from gitopsd.cli.operation_text import stage_of, took_of, waits_of
from gitopsd.cli.output import is_terminal, note
from gitopsd.cli.summary import object_of
from gitopsd.cli.visible import visible
from gitopsd.core.jsonvalue import JsonObject, boolean, integer, objects, text


class _Told(NamedTuple):
    key: tuple[str, ...]
    line: str


class SyncProgress:
    """Call `show` with the operation each time it is another one, and `end` when nobody waits any more.

    Writes to standard error; a `quiet` one nothing.
    """

    def __init__(self, name: str, *, quiet: bool = False) -> None:
        self._name = name
        self._quiet = quiet
        self._live = is_terminal(sys.stderr)
        self._told: set[tuple[str, ...]] = set()
        self._waits = ""

    def show(self, operation: JsonObject) -> None:
        """Tell what is new."""
        if self._quiet:
            return
        news = self._news(operation)
        waits = waits_of(operation)
        if self._live:
            self._clear()
        for line in news:
            note(line)
        if self._live:
            self._draw(waits)
        elif waits and waits != self._waits:
            note(f"  {waits}")
        self._waits = waits

    def end(self) -> None:
        """Leave nothing half-said on a terminal."""
        if self._live and not self._quiet:
            self._clear()

    def _news(self, operation: JsonObject) -> list[str]:
        """What was not told before, as lines: what is over first, then the stage that is gone through now."""
        hooks = [_hook(each) for each in objects(operation, "hooks")]
        found = [told for told in hooks if told.key[-1] != "Running"]
        found += [_result(each) for each in objects(operation, "results")]
        found += _stage(operation)
        found += [told for told in hooks if told.key[-1] == "Running"]
        found += [self._confirmation(each) for each in objects(operation, "waitsFor") if boolean(each, "confirm")]
        news = [told.line for told in found if told.key not in self._told]
        self._told.update(told.key for told in found)
        return news

    def _confirmation(self, item: JsonObject) -> _Told:
        said = f"  {object_of(item)} is deleted once somebody says `gitopsd app confirm-deletion {self._name}`"
        return _Told(("confirm", object_of(item)), said)

    def _draw(self, waits: str) -> None:
        if waits:
            width = shutil.get_terminal_size().columns - 2
            sys.stderr.write(f"{visible(waits)[:width]} …")
            sys.stderr.flush()

    def _clear(self) -> None:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _stage(operation: JsonObject) -> list[_Told]:
    found = []
    failing, stages = text(operation, "failing"), integer(operation, "stages")
    if failing:
        found.append(_Told(("failing", failing), f"failed: {failing}"))
    if stages:
        stage = f"stage {integer(operation, 'stage')} of {stages}: {stage_of(operation)}"
        found.append(_Told(("stage", stage, failing), stage))
    return found


def _result(item: JsonObject) -> _Told:
    code, message = text(item, "code"), text(item, "message")
    line = f"  {code:<10} {object_of(item)}" + (f"   {message}" if message else "")
    return _Told(("result", object_of(item), code, message), line)


def _hook(item: JsonObject) -> _Told:
    outcome, message, took = text(item, "outcome"), text(item, "message"), took_of(item)
    after = f" after {took}" if took else ""
    line = f"  {outcome:<10} hook {object_of(item)}{after}" + (f"   {message}" if message else "")
    return _Told(("hook", text(item, "phase"), object_of(item), outcome), line)
