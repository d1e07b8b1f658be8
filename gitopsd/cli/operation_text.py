"""An operation in the words of the API (`gitopsd.web.models.operation`), as text for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from gitopsd.cli.duration import shown_seconds, shown_time
from gitopsd.cli.output import lines, write
from gitopsd.cli.summary import kind_of, object_of, revisions_of
from gitopsd.cli.table import table
from gitopsd.core.jsonvalue import JsonObject, boolean, integer, objects, text, value

_LONGEST_LOG = 40
_MOST_FAILED = 100
_MOST_OTHERS = 50
_FAILED = "SyncFailed"


def show_result(name: str, operation: JsonObject) -> None:
    """What came of each hook and object, the logs of hooks that failed, and how it ended. Of very many objects those
    that failed come first, and the others are counted.
    """
    hooks, results = objects(operation, "hooks"), objects(operation, "results")
    if hooks:
        columns = ("HOOK", "NAMESPACE", "NAME", "PHASE", "RESULT", "TIME", "MESSAGE")
        table(columns, [_hook(each) for each in hooks])
        for each in hooks:
            _log(each)
        write("\n")
    if results:
        shown, rest = _first(results)
        table(("KIND", "NAMESPACE", "NAME", "RESULT", "TIME", "MESSAGE"), [_result(each) for each in shown])
        if rest:
            lines([f"… and {more_of(rest)} (-o json has all)"])
        write("\n")
    lines([ended(name, operation)])


def more_of(counts: Mapping[str, int]) -> str:
    """`2,945 more Synced, 3 more Pruned`."""
    return ", ".join(f"{count:,} more {code}" for code, count in counts.items())


def _first(results: Sequence[JsonObject]) -> tuple[Sequence[JsonObject], Counter[str]]:
    """What is shown of the results, those that failed first, and how many more there are of each kind."""
    failed = [each for each in results if text(each, "code") == _FAILED]
    others = [each for each in results if text(each, "code") != _FAILED]
    rest = Counter(text(each, "code") for each in (*failed[_MOST_FAILED:], *others[_MOST_OTHERS:]))
    return (*failed[:_MOST_FAILED], *others[:_MOST_OTHERS]), rest


def ended(name: str, operation: JsonObject) -> str:
    """One sentence: `shop: Succeeded in 4.2 s at 1a2b3c4: …`."""
    took = took_of(operation)
    at = revisions_of(operation)
    what = "dry run " if boolean(operation, "dryRun") else ""
    shown = f"{name}: {what}{text(operation, 'phase')}" + (f" in {took}" if took else "") + (f" at {at}" if at else "")
    message = text(operation, "message")
    return f"{shown}: {message}" if message else shown


def under_way(operation: JsonObject) -> str:
    """What it is, since when, and where it stands."""
    who = "gitopsd itself" if boolean(operation, "automated") else text(operation, "initiatedBy") or "somebody"
    at = revisions_of(operation)
    what = "a rollback" if value(operation, "rollbackTo") is not None else "a sync"
    shown = f"{what}{f' to {at}' if at else ''} by {who} since {shown_time(text(operation, 'startedAt'))}"
    return f"{shown}, {standing(operation)}"


def standing(operation: JsonObject) -> str:
    """Its phase, its stage, and what it waits for."""
    parts = [text(operation, "phase")]
    stages = integer(operation, "stages")
    if stages:
        parts.append(f"stage {integer(operation, 'stage')} of {stages}: {stage_of(operation)}")
    waits = waits_of(operation)
    if waits:
        parts.append(waits)
    elif text(operation, "message"):
        parts.append(text(operation, "message"))
    return ", ".join(parts)


def stage_of(operation: JsonObject) -> str:
    """Phase and wave."""
    return f"{text(operation, 'stagePhase')}, wave {integer(operation, 'stageWave')}"


def waits_of(operation: JsonObject) -> str:
    """What it waits for; "" if for nothing that is known."""
    if text(operation, "phase") == "Pending":
        return text(operation, "message")
    running = [each for each in objects(operation, "hooks") if text(each, "outcome") == "Running"]
    awaited = objects(operation, "waitsFor")
    told = [f"hook {object_of(each)}" for each in running[:1]] or [_awaited(each) for each in awaited[:1]]
    if not told:
        return ""
    more = len(running) + len(awaited) - 1
    return f"waits for {told[0]}" + (f" and {more} more" if more else "")


def after_retries(item: JsonObject) -> str:
    """`after 2 retries`; "" if it was the first try."""
    retries = integer(item, "retries")
    return f"after {retries} {'retry' if retries == 1 else 'retries'}" if retries else ""


def took_of(item: JsonObject) -> str:
    """How long it took; "" if that is not known."""
    try:
        began = datetime.fromisoformat(text(item, "startedAt"))
        return shown_seconds((datetime.fromisoformat(text(item, "finishedAt")) - began).total_seconds())
    except ValueError:
        return ""


def _awaited(item: JsonObject) -> str:
    if boolean(item, "confirm"):
        return f"the confirmation that {object_of(item)} may be deleted"
    health, message = text(item, "health") or "not there", text(item, "message")
    return f"{object_of(item)} ({health}{f': {message}' if message else ''})"


def _hook(item: JsonObject) -> list[str]:
    return [
        kind_of(item),
        text(item, "namespace") or "-",
        text(item, "name"),
        text(item, "phase"),
        text(item, "outcome"),
        took_of(item) or "-",
        text(item, "message"),
    ]


def _result(item: JsonObject) -> list[str]:
    seconds = value(item, "seconds")
    took = shown_seconds(seconds) if isinstance(seconds, (int, float)) and seconds else "-"
    named = [kind_of(item), text(item, "namespace") or "-", text(item, "name")]
    return [*named, text(item, "code"), took, text(item, "message")]


def _log(hook: JsonObject) -> None:
    """The end of what a hook said that went wrong."""
    said = text(hook, "log").splitlines()
    if said and text(hook, "outcome") not in ("Succeeded", "Running"):
        lines(["", f"The end of the log of {object_of(hook)}:", *(f"  {line}" for line in said[-_LONGEST_LOG:])])
