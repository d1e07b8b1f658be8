"""What a person sees while a sync runs: a line for all that happens, and on a terminal what it waits for."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from typing import Final, NamedTuple

from gitopsd.cli.operation_text import more_of, took_of, waits_of
from gitopsd.cli.output import is_terminal, note
from gitopsd.cli.summary import object_of
from gitopsd.cli.visible import visible
from gitopsd.core.jsonvalue import JsonObject, boolean, integer, mapping, objects, text

_FAILING: Final = "SyncFail"
_SKIPPED: Final = "PruneSkipped"
_FAILED: Final = "SyncFailed"
# Of so many objects of a stage each has a line of its own; then only those that failed have.
_MOST_LINES: Final = 50


class _Stage(NamedTuple):
    """In the order in which they are gone through."""

    failing: bool
    number: int
    phase: str
    wave: int


_NO_STAGE: Final = _Stage(failing=False, number=0, phase="", wave=0)


class _Told(NamedTuple):
    key: tuple[str, ...]
    line: str
    stage: _Stage = _NO_STAGE
    code: str = ""
    """What came of an object, if it is one of very many that may only be counted."""


class SyncProgress:
    """Call `show` with the operation each time it is another one, and `end` when nobody waits any more.

    Writes to standard error; a `quiet` one nothing.
    """

    def __init__(self, name: str, *, quiet: bool = False) -> None:
        self._name = name
        self._quiet = quiet
        self._live = is_terminal(sys.stderr)
        self._told: set[tuple[str, ...]] = set()
        self._stages: dict[bool, int] = {}
        self._lines: Counter[_Stage] = Counter()
        self._more: dict[_Stage, Counter[str]] = {}
        self._waits = ""

    def show(self, operation: JsonObject) -> None:
        """Tell what is new."""
        if self._quiet:
            return
        news = self._news(operation)
        waits = waits_of(operation)
        if self._live:
            self._clear()
            waits = waits or _advance(operation)
        for line in news:
            note(line)
        if self._live:
            self._draw(waits)
        elif waits and waits != self._waits:
            note(f"  {waits}")
        self._waits = waits

    def end(self) -> None:
        """Leave nothing half-said."""
        if self._live and not self._quiet:
            self._clear()
        for line in self._counted():
            note(line)

    def _news(self, operation: JsonObject) -> list[str]:
        """What was not told before, as lines: each stage, and below it what came of it."""
        present = _present(operation)
        hooks = [_hook(each, present) for each in objects(operation, "hooks")]
        found = [told for told in hooks if told.key[-1] != "Running"]
        found += [_result(each, present) for each in objects(operation, "results")]
        found += [told for told in hooks if told.key[-1] == "Running"]
        found.sort(key=lambda told: told.stage)
        lines: list[str] = []
        for told in found:
            if told.key not in self._told:
                lines += self._counted(told.stage)
                lines += self._stage(operation, told.stage)
                lines += self._of_many(told)
        lines += self._counted(present)
        lines += self._stage(operation, present)
        for each in objects(operation, "waitsFor"):
            lines += self._new(self._confirmation(each)) if boolean(each, "confirm") else []
        return lines

    def _stage(self, operation: JsonObject, stage: _Stage) -> list[str]:
        """That what comes now is of this stage, if that is news."""
        lines, failing = list[str](), text(operation, "failing")
        if failing and (stage.failing or stage == _present(operation)):
            lines += self._new(_Told(("failing", failing), f"failed: {failing}"))
        if stage.number:
            stages = integer(operation, "stages") if stage.failing == bool(failing) else 0
            if stages:
                self._stages[stage.failing] = stages
            of = self._stages.get(stage.failing, 0)
            said = f"stage {stage.number}{f' of {of}' if of else ''}: {stage.phase}, wave {stage.wave}"
            lines += self._new(_Told(("stage", str(stage.failing), str(stage.number)), said))
        return lines

    def _of_many(self, told: _Told) -> list[str]:
        """Its line, or none where there were very many of its stage."""
        if told.code and self._lines[told.stage] >= _MOST_LINES:
            self._told.add(told.key)
            self._more.setdefault(told.stage, Counter())[told.code] += 1
            return []
        self._lines[told.stage] += bool(told.code)
        return self._new(told)

    def _counted(self, before: _Stage | None = None) -> list[str]:
        """What was only counted, of the stages `before` this one."""
        over = [stage for stage in sorted(self._more) if before is None or stage < before]
        return [f"  … and {more_of(self._more.pop(stage))}" for stage in over]

    def _new(self, told: _Told) -> list[str]:
        if told.key in self._told:
            return []
        self._told.add(told.key)
        return [told.line]

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


def _present(operation: JsonObject) -> _Stage:
    """The stage that is gone through now."""
    if not integer(operation, "stages"):
        return _NO_STAGE
    failing = bool(text(operation, "failing"))
    number, wave = integer(operation, "stage"), integer(operation, "stageWave")
    return _Stage(failing, number, text(operation, "stagePhase"), wave)


def _stage_of(item: JsonObject, present: _Stage) -> _Stage:
    """The stage that it is of; after a restart of the daemon that is not known, and taken to be the present one."""
    place = mapping(item, "place")
    phase, wave = text(place, "phase"), integer(place, "wave")
    return _Stage(phase == _FAILING, integer(place, "number"), phase, wave) if place else present


def _result(item: JsonObject, present: _Stage) -> _Told:
    code, message = text(item, "code"), text(item, "message")
    line = f"  {code:<10} {object_of(item)}" + (f"   {message}" if message else "")
    stage = _NO_STAGE if code == _SKIPPED else _stage_of(item, present)
    return _Told(("result", object_of(item), code, message), line, stage, "" if code == _FAILED else code)


def _advance(operation: JsonObject) -> str:
    """How many of very many objects are done."""
    done, steps = len(objects(operation, "results")), integer(operation, "steps")
    return f"{done:,} of {steps:,} done" if steps > _MOST_LINES else ""


def _hook(item: JsonObject, present: _Stage) -> _Told:
    outcome, message, took = text(item, "outcome"), text(item, "message"), took_of(item)
    after = f" after {took}" if took else ""
    line = f"  {outcome:<10} hook {object_of(item)}{after}" + (f"   {message}" if message else "")
    return _Told(("hook", text(item, "phase"), object_of(item), outcome), line, _stage_of(item, present))
