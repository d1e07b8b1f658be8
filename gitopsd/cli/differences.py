"""What differs between git and a cluster, for people."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from gitopsd.cli.output import painted, write
from gitopsd.cli.summary import object_of
from gitopsd.cli.visible import visible
from gitopsd.core.jsonvalue import JsonObject, JsonValue, boolean, integer, mapping, objects, text, value

_RED, _GREEN, _CYAN, _YELLOW, _GREY = "31", "32", "36", "33", "90"
_INLINE: Final = 72
_WIDEST: Final = 60
_LONGEST_DIFF: Final = 60
_NOT_THERE: Final = "(not there)"
_WHOLE: Final = {
    "missing": "in git, and not in the cluster",
    "extra": "in the cluster, and no longer in git",
}
_UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def show(items: Sequence[JsonObject], now: datetime) -> None:
    """Each object and its fields: what the cluster has → what git has, and who set what the cluster has."""
    write("\n".join("".join(f"{line}\n" for line in _object(item, now)) for item in items))


def summary(items: Sequence[JsonObject], count: int | None = None) -> str:
    """One sentence; `count` is how many were compared."""
    known = [item for item in items if text(item, "difference") not in ("unknown", "refused")]
    of = f" of {count}" if count is not None else ""
    if not items:
        return f"no differences ({count} objects compared)" if count is not None else "no differences"
    noun = "object differs" if len(known) == 1 else "objects differ"
    said = f"{len(known)}{of} {noun}; read: what the cluster has → what git has"
    rest = len(items) - len(known)
    return f"{said}; {rest} could not be compared" if rest else said


def _object(item: JsonObject, now: datetime) -> Iterator[str]:
    state = _painted(text(item, "sync"), _YELLOW)
    what = text(item, "difference")
    said = visible(text(item, "message")) or _WHOLE.get(what, "")
    yield f"{object_of(item)}   {state}" + (f"   {said}" if said else "")
    yield from field_lines(item, now)


def field_lines(item: JsonObject, now: datetime) -> Iterator[str]:
    """The fields of one object, two spaces before each; of one that is missing or extra none."""
    fields = [field for field in objects(item, "fields") if text(field, "path")]
    width = min(_WIDEST, max((len(visible(text(field, "path"))) for field in fields), default=0))
    sides = [_inline(field) for field in fields]
    values = min(_WIDEST, max((len(_plain(side)) for side in sides if side is not None), default=0))
    for field, side in zip(fields, sides, strict=True):
        path, owner = visible(text(field, "path")).ljust(width), _owner(field, now)
        if side is None:
            yield f"  {path}   {owner}".rstrip()
            yield from _unified(field)
        else:
            gap = " " * (values - len(_plain(side)))
            yield f"  {path}   {_arrow(side)}{gap}   {owner}".rstrip()
    if boolean(item, "truncated"):
        yield f"  {_painted('… and more', _GREY)}"


def _inline(field: JsonObject) -> tuple[str, str] | None:
    """Both sides, live first, if they are short enough to stand in one line."""
    live, desired = _short(mapping(field, "live")), _short(mapping(field, "desired"))
    return (live, desired) if live is not None and desired is not None else None


def _short(side: JsonObject) -> str | None:
    if not boolean(side, "present"):
        return _NOT_THERE
    found = value(side, "value")
    if isinstance(found, str) and "\n" not in found and _is_plain(found):
        written = found
    else:
        written = json.dumps(found, ensure_ascii=False, default=list)
    fits = len(written) <= _INLINE and "\n" not in (found if isinstance(found, str) else "")
    return visible(written) if fits and value(side, "size") is None else None


def _is_plain(found: str) -> bool:
    """Whether a text cannot be taken for something else without quotes."""
    if not found or found != found.strip() or found == _NOT_THERE:
        return False
    try:
        json.loads(found)
    except ValueError:
        return found[0] not in '"{['
    return False


def _plain(side: tuple[str, str]) -> str:
    return f"{side[0]} → {side[1]}"


def _arrow(side: tuple[str, str]) -> str:
    return f"{_painted(side[0], _RED)} → {_painted(side[1], _GREEN)}"


def _unified(field: JsonObject) -> Iterator[str]:
    """Long values as lines: `-` is in the cluster alone, `+` in git alone."""
    live, desired = _lines(mapping(field, "live")), _lines(mapping(field, "desired"))
    found = list(difflib.unified_diff(live, desired, lineterm="", n=2))[2:]
    for line in found[:_LONGEST_DIFF]:
        colour = {"-": _RED, "+": _GREEN, "@": _CYAN}.get(line[:1], "")
        shown = line[:1] + visible(line[1:])
        yield f"    {_painted(shown, colour) if colour else shown}"
    if len(found) > _LONGEST_DIFF:
        yield f"    {_painted(f'… {len(found) - _LONGEST_DIFF} more lines', _GREY)}"
    for side, name in (("live", "cluster"), ("desired", "git")):
        if value(field, side, "size") is not None:
            size = integer(field, side, "size")
            yield f"    {_painted(f'only a part is shown of the {size} bytes in the {name}', _GREY)}"


def _lines(side: JsonObject) -> list[str]:
    if not boolean(side, "present"):
        return []
    found: JsonValue = value(side, "value")
    if isinstance(found, str):
        return found.splitlines()
    from gitopsd.cli.yamldump import dump

    return dump(found).splitlines()


def _owner(field: JsonObject, now: datetime) -> str:
    owner = mapping(field, "owner")
    if not owner:
        return ""
    through = f" ({visible(text(owner, 'subresource'))})" if text(owner, "subresource") else ""
    return _painted(f"set by {visible(text(owner, 'manager'))}{through}{_ago(text(owner, 'time'), now)}", _GREY)


def _ago(time: str, now: datetime) -> str:
    try:
        seconds = (now - datetime.fromisoformat(time)).total_seconds()
    except (TypeError, ValueError):
        return ""
    for length, unit in _UNITS:
        number = int(seconds // length)
        if number >= 1:
            return f" {number} {unit}{'s' if number > 1 else ''} ago"
    return " just now"


def _painted(shown: str, colour: str) -> str:
    return painted(shown, colour, sys.stdout)
