"""The objects of a fake API server: who owns which field, versions, defaults."""

from __future__ import annotations

import itertools
from copy import deepcopy
from typing import Any, Final

from gitopsd.core.adoption import migrated, replaced
from gitopsd.core.ids import GVK, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, mapping
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.ownership import FIELD_MANAGER
from gitopsd.testing import field_ownership as fields
from gitopsd.testing.field_ownership import Body

SOMEBODY: Final = "somebody"
_WHEN: Final = "2030-01-01T00:00:00Z"
_STAYING: Final = fields.SERVER_SET | {"finalizers", "ownerReferences"}


class Objects:
    """Objects by key, each as the API server keeps it; every change gets the next resourceVersion."""

    def __init__(self) -> None:
        self.bodies: dict[ObjectKey, Body] = {}
        self._versions = itertools.count(1)
        self._uids = itertools.count(1)

    def applied(self, key: ObjectKey, desired: JsonObject, gvk: GVK) -> Body:
        """The object as a server-side apply of `desired` by gitopsd would leave it; nothing is kept."""
        before = self.bodies.get(key)
        body = deepcopy(before) if before is not None else {"metadata": {}}
        entries: list[Body] = body["metadata"].pop("managedFields", [])
        mine = next((entry for entry in entries if _is_mine(entry)), None)
        others = [entry for entry in entries if entry is not mine]
        wanted = {name: value for name, value in desired.items() if name != "status"}
        owned = fields.paths(wanted)
        foreign = frozenset(path for entry in others for path in fields.decode(entry["fieldsV1"]))
        after = fields.merge(body, wanted)
        if mine is not None:
            fields.remove(after, fields.decode(mine["fieldsV1"]) - owned - foreign, owned | foreign)
        _default(gvk, after)
        kept = [_without_changed(entry, body, after) for entry in others]
        entry = _entry(FIELD_MANAGER, "Apply", gvk.api_version, owned)
        after["metadata"]["managedFields"] = [entry, *(one for one in kept if one["fieldsV1"])]
        return self._numbered(before, after)

    def adopt(self, desired: DesiredObject) -> None:
        """What `desired.adopts` own of the object is gitopsd's from now on, unless it applied it before."""
        body = self.bodies.get(desired.key)
        entries = migrated(body, desired.adopts, desired.gvk.api_version) if body is not None else None
        if body is not None and entries is not None:
            metadata = {**body["metadata"], "managedFields": [dict(entry) for entry in entries]}
            self.bodies[desired.key] = self._numbered(body, {**body, "metadata": metadata})

    def replaced(self, key: ObjectKey, desired: JsonObject, gvk: GVK) -> Body:
        """The object as it is after gitopsd put `desired` in its place, or made it."""
        before = self.bodies.get(key) or {"metadata": {}}
        metadata = {name: item for name, item in before["metadata"].items() if name in _STAYING}
        status = {"status": before["status"]} if "status" in before else {}
        wanted = mapping(desired, "metadata")
        body: Body = deepcopy({**status, **desired, "metadata": {**metadata, **wanted}})
        _default(gvk, body)
        after = self.edited(key, body, FIELD_MANAGER)
        if after is not self.bodies.get(key):
            entries = replaced(after, gvk.api_version) or after["metadata"]["managedFields"]
            after["metadata"]["managedFields"] = [dict(entry) for entry in entries]
        return after

    def edited(self, key: ObjectKey, changed: Body, manager: str = SOMEBODY) -> Body:
        """The object after `manager` replaced it by `changed`; what they touched is theirs now."""
        before = self.bodies.get(key)
        after = deepcopy(changed)
        entries: list[Body] = after.setdefault("metadata", {}).pop("managedFields", [])
        was = before or {}
        touched = frozenset(
            path for path in fields.paths(after) if fields.value_at(was, path) != fields.value_at(after, path)
        )
        theirs = next(
            (entry for entry in entries if (entry["manager"], entry["operation"]) == (manager, "Update")), None
        )
        rest = [_without_changed(entry, was, after) for entry in entries if entry is not theirs]
        held = touched | (fields.decode(theirs["fieldsV1"]) & fields.paths(after) if theirs else frozenset())
        if held:
            rest.append(_entry(manager, "Update", after["apiVersion"], held))
        after["metadata"]["managedFields"] = rest
        return self._numbered(before, after)

    def _numbered(self, before: Body | None, after: Body) -> Body:
        metadata = after["metadata"]
        if before is None:
            metadata.update(uid=f"uid-{next(self._uids)}", creationTimestamp=_WHEN, generation=1)
        elif _bare(before) == _bare(after):
            return before
        elif _spec(before) != _spec(after):
            metadata["generation"] = metadata.get("generation", 1) + 1
        metadata["resourceVersion"] = str(next(self._versions))
        return after


def _is_mine(entry: Body) -> bool:
    return bool(entry["manager"] == FIELD_MANAGER and entry["operation"] == "Apply")


def _entry(manager: str, operation: str, api_version: str, owned: frozenset[fields.Path]) -> Body:
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": api_version,
        "time": _WHEN,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields.encode(owned),
    }


def _without_changed(entry: Body, before: Body, after: Body) -> Body:
    """The entry of a manager who keeps only what nobody else changed."""
    still = [
        path
        for path in fields.decode(entry["fieldsV1"])
        if (found := fields.value_at(after, path)) is not None
        and (path[-1] == "." or found == fields.value_at(before, path))
    ]
    return {**entry, "fieldsV1": fields.encode(still)}


def _bare(body: Body) -> Body:
    metadata = {name: value for name, value in body["metadata"].items() if name != "resourceVersion"}
    return {**body, "metadata": metadata}


def _spec(body: Body) -> Body:
    return {name: value for name, value in body.items() if name not in ("metadata", "status")}


def _default(gvk: GVK, body: Body) -> None:
    """The few defaults that tests meet."""
    spec: Any = body.get("spec")
    if not isinstance(spec, dict):
        return
    if gvk.kind == "Service":
        spec.setdefault("type", "ClusterIP")
        _default_ports(spec.get("ports"))
    if gvk.kind in ("Deployment", "StatefulSet", "ReplicaSet"):
        if spec.get("replicas") is None:
            spec["replicas"] = 1
        for container in spec.get("template", {}).get("spec", {}).get("containers", ()):
            container.setdefault("imagePullPolicy", "IfNotPresent")
            _default_ports(container.get("ports"))


def _default_ports(ports: Any) -> None:
    for port in ports or ():
        port.setdefault("protocol", "TCP")
