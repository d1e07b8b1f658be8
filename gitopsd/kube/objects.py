"""From what an API server sends to a `LiveObject`, in as few bytes as will do (design decision 5)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final, NamedTuple

import orjson

from gitopsd.core.app import BY_ANNOTATION, Tracking
from gitopsd.core.document import Document
from gitopsd.core.ids import GVK, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, objects, text
from gitopsd.core.live import LiveObject
from gitopsd.core.tracking import whose
from gitopsd.core.tree.inferred import aliases, inferred_owners

_POD_FIELDS: Final = ("restartPolicy", "nodeName", "hostname", "subdomain")
_CONTAINER_FIELDS: Final = ("name", "image", "restartPolicy")


class Seen(NamedTuple):
    """What the index has to know of an object to decide whether to keep it. `mark` is that of the application which
    tracks it ("" if none does).
    """

    key: ObjectKey
    uid: str
    resource_version: str
    mark: str
    copied: bool
    foreign: str
    owner_uids: tuple[str, ...]
    deleting: bool
    inferred: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def owners(self) -> tuple[str, ...]:
        """Uids and aliases of all that own it."""
        return (*self.owner_uids, *self.inferred) if self.inferred else self.owner_uids


def look(body: JsonObject, group: str, kind: str, tracking: Tracking = BY_ANNOTATION) -> Seen:
    """The facts of an object of a watched kind."""
    metadata = mapping(body, "metadata")
    key = ObjectKey(group, kind, text(metadata, "namespace"), text(metadata, "name"))
    mark, copied, foreign = whose(metadata, key, tracking)
    return Seen(
        key=key,
        uid=text(metadata, "uid"),
        resource_version=text(metadata, "resourceVersion"),
        mark=mark,
        copied=copied,
        foreign=foreign,
        owner_uids=tuple(uid for owner in objects(metadata, "ownerReferences") if (uid := text(owner, "uid"))),
        deleting="deletionTimestamp" in metadata,
        inferred=inferred_owners(key, body),
        aliases=aliases(key, body),
    )


def live_object(seen: Seen, gvk: GVK, raw: bytes) -> LiveObject:
    """The object with all that it has. Names that many objects share are kept once."""
    group, kind, namespace, name = seen.key
    return LiveObject(
        key=ObjectKey(group, kind, sys.intern(namespace), name),
        gvk=gvk,
        uid=seen.uid,
        resource_version=seen.resource_version,
        document=Document.small(raw, orjson.loads),
        owner=sys.intern(seen.mark),
        copied=seen.copied,
        foreign=seen.foreign,
        owner_uids=seen.owner_uids,
        deleting=seen.deleting,
        inferred=seen.inferred,
        aliases=seen.aliases,
    )


def from_raw(raw: bytes, gvk: GVK, tracking: Tracking = BY_ANNOTATION) -> LiveObject:
    """An object as a single answer holds it."""
    return live_object(look(orjson.loads(raw), gvk.group, gvk.kind, tracking), gvk, raw)


def reduced(body: JsonObject, gvk: GVK) -> bytes:
    """A child (a ReplicaSet, a Pod) with what the tree and health look at: no managed fields, no templates."""
    metadata = {key: item for key, item in mapping(body, "metadata").items() if key != "managedFields"}
    small: dict[str, JsonValue] = {"apiVersion": gvk.api_version, "kind": gvk.kind, "metadata": metadata}
    spec = mapping(body, "spec")
    if gvk.kind == "Pod":
        small["spec"] = _pod_spec(spec)
    elif spec:
        small["spec"] = {key: item for key, item in spec.items() if key not in ("template", "jobTemplate")}
    for part in ("status", "revision"):
        if part in body:
            small[part] = body[part]
    return as_bytes(small)


def with_type(item: JsonObject, gvk: GVK) -> bytes:
    """An item of a list answer, which has no `apiVersion` and `kind` of its own for built-in kinds."""
    return as_bytes({"apiVersion": gvk.api_version, "kind": gvk.kind, **item})


def as_bytes(body: JsonObject) -> bytes:
    """As JSON in no more memory than it takes: what orjson gives lies in a buffer of at least 4,096 bytes."""
    return bytes(memoryview(orjson.dumps(body)))


def _pod_spec(spec: JsonObject) -> Mapping[str, JsonValue]:
    small: dict[str, JsonValue] = {key: spec[key] for key in _POD_FIELDS if key in spec}
    for block in ("initContainers", "containers"):
        if block in spec:
            small[block] = [
                {key: container[key] for key in _CONTAINER_FIELDS if key in container}
                for container in objects(spec, block)
            ]
    return small
