"""An application in the words of the API (`gitopsd.web.models.application.Summary`), as text for people."""

from __future__ import annotations

from collections.abc import Iterable

from gitopsd.cli.deletion_text import deletion_of
from gitopsd.cli.visible import visible
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, objects, sequence, text, value
from gitopsd.core.origin import short_revision

# Worst first.
_BADNESS = ("Unknown", "Degraded", "Missing", "Progressing", "Suspended", "Healthy")


def revisions_of(summary: JsonValue) -> str:
    """Each source's chart version, or the first digits of its commit or digest."""
    return ",".join(short_revision(str(revision)) for revision in sequence(summary, "revisions"))


def message_of(summary: JsonValue, resources: Iterable[JsonObject] = ()) -> str:
    """Why it is as it is: that it is being deleted before all, then what is wrong, what its worst resource says, else
    what its health says.
    """
    if deletion := mapping(summary, "deletion"):
        return deletion_of(deletion)
    conditions = objects(summary, "conditions")
    errors = [text(each, "message") for each in conditions if text(each, "type").endswith("Error")]
    if errors:
        return errors[0]
    health = text(summary, "health", "status")
    if health != "Healthy":
        causes = (_cause(each) for each in resources if text(each, "health", "status") == health)
        said = next(filter(None, causes), "") or text(summary, "health", "message")
        if said:
            return said
    return next((text(each, "message") for each in conditions), "")


def _cause(resource: JsonObject) -> str:
    said = text(resource, "health", "message")
    return f"{text(resource, 'kind')}/{text(resource, 'name')}: {said}" if said else ""


def sentence(summary: JsonValue) -> str:
    """One line: `shop: Synced to 1a2b3c4, Healthy`."""
    sync, health = text(summary, "sync"), text(summary, "health", "status")
    revisions, message = revisions_of(summary), message_of(summary)
    at = f" to {revisions}" if revisions and sync == "Synced" else f" (git is at {revisions})" if revisions else ""
    return f"{text(summary, 'name')}: {sync}{at}, {health}" + (f": {message}" if message else "")


def source_of(source: JsonObject) -> str:
    """`URL, path P at REVISION (RENDERER)`; a chart by its name instead of a path."""
    chart = text(source, "chart")
    place = f"chart {chart}" if chart else f"path {text(source, 'path')}"
    shown = f"{text(source, 'repoURL')}, {place} at {text(source, 'targetRevision')}"
    renderer = text(source, "renderer")
    return f"{shown} ({renderer})" if renderer else shown


def destination_of(summary: JsonValue) -> str:
    """Cluster and namespace."""
    cluster = text(summary, "destination", "name") or text(summary, "destination", "server")
    namespace = text(summary, "destination", "namespace")
    return f"{cluster}, namespace {namespace}" if namespace else cluster


def policy_of(application: JsonValue) -> str:
    """What it does on its own."""
    policy = value(application, "syncPolicy")
    if value(policy, "automated") is not True:
        return "manual: compared only"
    extras = {"prune": "prune", "selfHeal": "self-heal", "allowEmpty": "allow empty"}
    return ", ".join(["automated", *(shown for key, shown in extras.items() if value(policy, key) is True)])


def kind_of(item: JsonObject) -> str:
    """`group/Kind`, or the kind alone for the core group."""
    group = text(item, "group")
    return f"{group}/{text(item, 'kind')}" if group else text(item, "kind")


def object_of(item: JsonObject) -> str:
    """`group/Kind namespace/name`, made visible."""
    namespace = text(item, "namespace")
    return visible(
        f"{kind_of(item)} {namespace}/{text(item, 'name')}" if namespace else f"{kind_of(item)} {text(item, 'name')}"
    )


def worst_first(status: str) -> int:
    """A sort key for health codes."""
    return _BADNESS.index(status) if status in _BADNESS else len(_BADNESS)
