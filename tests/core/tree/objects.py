"""Live objects for the tests of the tree."""

from __future__ import annotations

import json

from gitopsd.core.appstatus import ResourceStatus, SyncCode
from gitopsd.core.document import Document
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.ids import GVK, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, objects, text
from gitopsd.core.live import LiveObject
from gitopsd.core.tree.inferred import aliases, inferred_owners


def live(
    kind: str,
    name: str,
    *,
    api_version: str = "v1",
    namespace: str = "shop",
    uid: str = "",
    version: int = 1,
    owners: tuple[str, ...] = (),
    labels: JsonObject | None = None,
    annotations: JsonObject | None = None,
    **fields: JsonValue,
) -> LiveObject:
    """A live object whose uid is `kind-name` unless told otherwise; `owners` are uids."""
    metadata: JsonObject = {
        "name": name,
        "namespace": namespace,
        "uid": uid or f"{kind}-{name}",
        "resourceVersion": str(version),
        "ownerReferences": [{"uid": owner} for owner in owners],
        "labels": dict(labels or {}),
        "annotations": dict(annotations or {}),
        "creationTimestamp": "2026-03-01T12:00:00Z",
    }
    return of({"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields})


def of(body: JsonObject) -> LiveObject:
    """The object that a watch would make of `body`."""
    gvk = GVK.parse(text(body, "apiVersion"), text(body, "kind"))
    metadata = mapping(body, "metadata")
    key = ObjectKey(gvk.group, gvk.kind, text(metadata, "namespace"), text(metadata, "name"))
    return LiveObject(
        key,
        gvk,
        text(metadata, "uid"),
        text(metadata, "resourceVersion"),
        Document(json.dumps(body).encode()),
        owner_uids=tuple(text(each, "uid") for each in objects(metadata, "ownerReferences")),
        deleting="deletionTimestamp" in metadata,
        inferred=inferred_owners(key, body),
        aliases=aliases(key, body),
    )


def managed(one: LiveObject, sync: SyncCode = SyncCode.SYNCED) -> ResourceStatus:
    """The status of an object that git names."""
    return ResourceStatus(one.key, one.gvk, sync, Health(HealthStatus.HEALTHY))
