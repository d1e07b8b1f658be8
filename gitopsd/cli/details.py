"""One application in full, for people."""

from __future__ import annotations

from collections.abc import Iterator

from gitopsd.cli.duration import shown_time
from gitopsd.cli.history import pinned_to
from gitopsd.cli.operation_text import after_retries, under_way
from gitopsd.cli.output import lines, write
from gitopsd.cli.summary import destination_of, policy_of, revisions_of, source_of, worst_first
from gitopsd.cli.table import table
from gitopsd.core.jsonvalue import JsonObject, integer, mapping, objects, sequence, text, value

_WIDTH = 14


def show(application: JsonObject) -> None:
    """Header, then conditions, objects, hooks and what went wrong in the last sync; empty parts are left out."""
    lines(f"{label + ':':{_WIDTH}}{said}" for label, said in _header(application) if said)
    conditions = objects(application, "summary", "conditions")
    _part(("CONDITION", "MESSAGE"), [[text(each, "type"), text(each, "message")] for each in conditions])
    resources = sorted(objects(application, "resources"), key=_most_urgent)
    _part(("KIND", "NAMESPACE", "NAME", "SYNC", "HEALTH", "MESSAGE"), [_resource(each) for each in resources])
    hooks = objects(application, "hooks")
    _part(("HOOK", "NAMESPACE", "NAME", "PHASES"), [[*_named(each), ",".join(_phases(each))] for each in hooks])
    failed = [each for each in objects(application, "operation", "results") if text(each, "code") == "SyncFailed"]
    _part(("SYNC FAILED", "NAMESPACE", "NAME", "MESSAGE"), [[*_named(each), text(each, "message")] for each in failed])


def _header(application: JsonObject) -> Iterator[tuple[str, str]]:
    summary = mapping(application, "summary")
    health = text(summary, "health", "message")
    yield "Name", text(summary, "name")
    yield "Project", text(summary, "project")
    yield "Destination", destination_of(summary)
    for source in objects(summary, "sources"):
        yield "Source", source_of(source)
    yield "Renderer", ", ".join(map(str, sequence(application, "renderers")))
    yield "Policy", policy_of(application)
    yield "Sync", text(summary, "sync")
    yield "Revision", revisions_of(summary)
    yield "Health", text(summary, "health", "status") + (f": {health}" if health else "")
    for url in sequence(summary, "externalURLs"):
        yield "URL", str(url)
    yield "Decision", text(application, "decision")
    yield "Last sync", _operation(application)
    pinned = mapping(application, "pinned")
    yield "Pinned", pinned_to(pinned).removeprefix("pinned ") if pinned else ""
    for reason in sequence(application, "blockedBy"):
        yield "Blocked by", str(reason)
    yield "Deletion", _deletion(mapping(application, "deletion"))
    yield "Reconciled", shown_time(text(summary, "reconciledAt"))
    yield "Defined in", text(application, "definedIn")
    yield "Unsupported", ", ".join(map(str, sequence(application, "unsupported")))


def _operation(application: JsonObject) -> str:
    operation = mapping(application, "operation")
    if not operation:
        return ""
    if integer(operation, "stages") or text(operation, "phase") == "Pending":
        return under_way(operation)
    began, ended = shown_time(text(operation, "startedAt")), shown_time(text(operation, "finishedAt"))
    shown = f"{text(operation, 'phase')} at {ended}" if ended else f"{text(operation, 'phase')} since {began}"
    message, again = text(operation, "message"), after_retries(operation)
    return f"{shown}{f', {again}' if again else ''}" + (f": {message}" if message else "")


def _deletion(deletion: JsonObject) -> str:
    if not deletion:
        return ""
    said = "; ".join(each for each in (text(deletion, "message"), text(deletion, "error")) if each)
    shown = f"{text(deletion, 'phase')}, {text(deletion, 'cascade')}, since {shown_time(text(deletion, 'began'))}"
    return f"{shown}: {said}" if said else shown


def _part(columns: tuple[str, ...], rows: list[list[str]]) -> None:
    if rows:
        write("\n")
        table(columns, rows)


def _resource(item: JsonObject) -> list[str]:
    left = ["no longer in git"] if value(item, "requiresPruning") is True else []
    messages = [*left, text(item, "message"), text(item, "health", "message")]
    changes = sequence(item, "changes")
    if changes:
        messages.append(f"differs at {', '.join(map(str, changes))}")
    said = "; ".join(each for each in dict.fromkeys(messages) if each)
    return [*_named(item), text(item, "sync"), text(item, "health", "status") or "-", said]


def _most_urgent(item: JsonObject) -> tuple[bool, int]:
    """What needs attention first; else as the daemon has them."""
    return text(item, "sync") == "Synced", worst_first(text(item, "health", "status"))


def _named(item: JsonObject) -> list[str]:
    group = text(item, "group")
    kind = f"{group}/{text(item, 'kind')}" if group else text(item, "kind")
    return [kind, text(item, "namespace") or "-", text(item, "name")]


def _phases(hook: JsonObject) -> list[str]:
    return [str(phase) for phase in sequence(hook, "phases")]
