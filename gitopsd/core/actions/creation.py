"""From what an action wants made to an object that can be: its namespace and its name."""

from __future__ import annotations

import hashlib
from datetime import datetime

from gitopsd.core.actions.action import Creation
from gitopsd.core.app import AppSpec
from gitopsd.core.document import Document, canonical
from gitopsd.core.errors import OperationError
from gitopsd.core.ids import GVK, ObjectKey
from gitopsd.core.jsonvalue import mapping, text
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import DesiredObject, KindInfo


def kind_of(change: Creation) -> GVK:
    """The kind of the object to make."""
    return GVK.parse(text(change.body, "apiVersion"), text(change.body, "kind"))


def to_make(spec: AppSpec, live: LiveObject, change: Creation, kind: KindInfo, now: datetime) -> DesiredObject:
    """The object, untracked: it is none of the application's, though it may be below one.

    One without a namespace comes beside `live`, else where the application deploys to; a `generateName` becomes a name
    that is another one at another time. Raises `OperationError` (`Invalid`) for one without name or namespace.
    """
    gvk, given = kind_of(change), mapping(change.body, "metadata")
    namespace = ""
    if kind.namespaced:
        namespace = text(given, "namespace") or live.key.namespace or spec.destination.namespace
    name = text(given, "name")
    if not name and (prefix := text(given, "generateName")):
        name = prefix + hashlib.blake2b(f"{live.uid} {now.isoformat()}".encode(), digest_size=4).hexdigest()
    if not name or (kind.namespaced and not namespace):
        raise OperationError(
            "the action makes an object without name or namespace", reason="Invalid", where=str(live.key)
        )
    metadata = {key: item for key, item in given.items() if key not in ("generateName", "namespace")}
    metadata["name"] = name
    if namespace:
        metadata["namespace"] = namespace
    document = Document(canonical({**change.body, "metadata": metadata}))
    key = ObjectKey(gvk.group, gvk.kind, namespace, name)
    return DesiredObject(key, gvk, document, document.digest(), origin=spec.position)
