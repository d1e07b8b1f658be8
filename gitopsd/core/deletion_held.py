"""Why an object that is being deleted is still there.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/ and, for namespaces, the
conditions that the namespace controller writes (`NamespaceConditionType` of the core/v1 API).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, objects, sequence, text
from gitopsd.core.live import LiveObject

Below: TypeAlias = Mapping[ObjectKey, Sequence[LiveObject]]
NOTHING_BELOW: Final[Below] = {}

_FOREGROUND: Final = "foregroundDeletion"
_TIME_OF_DAY: Final = slice(11, 16)
_LONGEST: Final = 1000
DELETION: Final = "Deletion"
"""The condition of a child application that says how its own deletion stands."""

_CONDITIONS: Final[Mapping[GroupKind, Sequence[str]]] = {
    GroupKind("", "Namespace"): (
        "NamespaceDeletionContentFailure",
        "NamespaceFinalizersRemaining",
        "NamespaceContentRemaining",
    ),
    GroupKind("argoproj.io", "Application"): (DELETION,),
}


def held(live: LiveObject, below: Sequence[LiveObject] = ()) -> str:
    """A sentence: since when the object is being deleted, and what holds it. `below` are the objects that it owns."""
    body = live.document.body()
    since = text(body, "metadata", "deletionTimestamp")
    when = f" since {since[_TIME_OF_DAY]} UTC" if since[_TIME_OF_DAY] else ""
    return f"{live.key} is being deleted{when}{_why(live, body, below)}"


def waits_for_children(live: LiveObject) -> bool:
    """Whether the object goes as soon as what it owns is gone (a foreground deletion)."""
    return live.deleting and _FOREGROUND in sequence(live.document.body(), "metadata", "finalizers")


def finalizers(body: JsonObject) -> tuple[str, ...]:
    """The finalizers of an object, but for the one of a foreground deletion, which Kubernetes itself takes away."""
    written = [*sequence(body, "metadata", "finalizers"), *sequence(body, "spec", "finalizers")]
    return tuple(str(item) for item in written if item not in (_FOREGROUND, "kubernetes"))


def _why(live: LiveObject, body: JsonObject, below: Sequence[LiveObject]) -> str:
    if said := _said(live.key.group_kind, body):
        return f": {said}"
    names = finalizers(body)
    if names:
        return f", held by {_finalizers(names)}"
    if _FOREGROUND not in sequence(body, "metadata", "finalizers"):
        return ""
    for child in below:
        names = finalizers(child.document.body())
        if child.deleting and names:
            return f", and waits for its {child.key}, held by {_finalizers(names)}"
    return ", and waits for what it owns" + (f" ({len(below)} objects)" if below else "")


def _said(kind: GroupKind, body: JsonObject) -> str:
    """What the conditions of a namespace, or of a child application, say of what is left in it."""
    wanted = _CONDITIONS.get(kind, ())
    if not wanted:
        return ""
    found = {
        text(item, "type"): text(item, "message")
        for item in objects(body, "status", "conditions")
        if text(item, "status") in ("True", "")
    }
    return " ".join(found[kind][:_LONGEST] for kind in wanted if found.get(kind))


def _finalizers(names: Iterable[str]) -> str:
    listed = list(names)
    return f"finalizer {listed[0]}" if len(listed) == 1 else f"finalizers {', '.join(listed)}"
