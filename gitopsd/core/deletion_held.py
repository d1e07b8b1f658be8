"""Why an object that is being deleted is still there.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/ and, for namespaces, the
conditions that the namespace controller writes (`NamespaceConditionType` of the core/v1 API).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from gitopsd.core.ids import ObjectKey
from gitopsd.core.jsonvalue import JsonObject, objects, sequence, text
from gitopsd.core.live import LiveObject

Below: TypeAlias = Mapping[ObjectKey, Sequence[LiveObject]]
NOTHING_BELOW: Final[Below] = {}

_FOREGROUND: Final = "foregroundDeletion"
_TIME_OF_DAY: Final = slice(11, 16)
_CONTENT: Final = ("NamespaceDeletionContentFailure", "NamespaceFinalizersRemaining", "NamespaceContentRemaining")


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
    if live.key.kind == "Namespace" and not live.key.group:
        said = _of_namespace(body)
        if said:
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


def _of_namespace(body: JsonObject) -> str:
    """What the namespace controller says of what is left in it."""
    found = {
        text(item, "type"): text(item, "message")
        for item in objects(body, "status", "conditions")
        if text(item, "status") == "True"
    }
    return " ".join(found[kind] for kind in _CONTENT if found.get(kind))


def _finalizers(names: Iterable[str]) -> str:
    listed = list(names)
    return f"finalizer {listed[0]}" if len(listed) == 1 else f"finalizers {', '.join(listed)}"
