"""Objects that others applied before us: what is ours from the first apply on, and what that apply removes.

Server-side apply removes what its manager applied before and git has no more. What `kubectl apply` or Argo CD wrote is
another manager's, so without more it would stay for ever. Kubernetes' answer is to make their entries in
`managedFields` ours before the first apply
(https://kubernetes.io/docs/reference/using-api/server-side-apply/#migration-between-client-side-and-server-side-apply).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from gitopsd.core.fieldpath import Found
from gitopsd.core.fieldset import leaves, minus, owned_fields, union, without_owned
from gitopsd.core.jsonvalue import JsonObject, mapping, objects, text
from gitopsd.core.ownership import FIELD_MANAGER

MIGRATION_MANAGER: Final = "argocd.argoproj.io/client-side-apply-migration-manager"
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"

ADOPTED_MANAGERS: Final = frozenset(
    # The last but one is what Argo CD called itself before it set a name of its own.
    {"kubectl-client-side-apply", "kubectl", "argocd-controller", "argocd-application-controller", FIELD_MANAGER}
)
"""The field managers whose fields are ours from our first apply on."""

_NOBODY: Final[frozenset[str]] = frozenset()


def adopted_managers(annotations: Mapping[str, str], options: Mapping[str, str]) -> frozenset[str]:
    """Whose fields an application takes over: the usual ones and those that its annotation names (commas between them);
    nobody's with the sync option `ClientSideApplyMigration=false`.
    """
    if options.get("ClientSideApplyMigration") == "false":
        return _NOBODY
    named = {name.strip() for name in annotations.get(MIGRATION_MANAGER, "").split(",")} - {""}
    return ADOPTED_MANAGERS | named if named else ADOPTED_MANAGERS


def migrated(live: JsonObject, managers: frozenset[str], api_version: str) -> Sequence[JsonObject] | None:
    """The object's `managedFields` with the entries of `managers` made one of ours; None where there is nothing to do:
    we applied the object before, or none of them did.

    Field sets of two API versions cannot be one: those at `api_version` are taken, else those at the version of the
    first; entries at other versions stay as they are.
    """
    found = _adoptable(live, managers)
    if not found:
        return None
    versions = [text(entry, "apiVersion") for entry in found]
    version = api_version if api_version in versions else versions[0]
    taken = [entry for entry in found if text(entry, "apiVersion") == version]
    return _joined(live, taken, taken)


def replaced(live: JsonObject, api_version: str) -> Sequence[JsonObject] | None:
    """The `managedFields` of an object that we put in the place of another, with our entries made one of an apply: what
    git drops later would stay as that of another manager. None where it is so already.
    """
    mine = [
        entry
        for entry in objects(live, "metadata", "managedFields")
        if text(entry, "manager") == FIELD_MANAGER and not text(entry, "subresource")
    ]
    if not any(text(entry, "operation") == "Update" and text(entry, "apiVersion") == api_version for entry in mine):
        return None
    return _joined(live, [entry for entry in mine if text(entry, "apiVersion") == api_version], mine)


def leftovers(desired: JsonObject, live: JsonObject, managers: frozenset[str]) -> tuple[Found, ...]:
    """The fields of `live` that the first apply removes besides what a dry-run shows: others applied them, git does not
    have them, and nobody else owns them.

    Of an Update by `kubectl apply` or Argo CD only those count that the last-applied configuration names: its entry
    also has all defaults, which come back as soon as they are removed.
    """
    entries = _adoptable(live, managers)
    if not entries:
        return ()
    left: JsonObject = {}
    for entry in entries:
        left = union(left, _applied(live, entry))
    left = without_owned(left, desired, leaves(desired))
    for entry in objects(live, "metadata", "managedFields"):
        if not any(entry is one for one in entries):
            left = minus(left, mapping(entry, "fieldsV1"))
    left = {name: node for name, node in left.items() if name != "f:status"}
    return tuple(field for field in owned_fields(left, live) if field != ("metadata", "annotations", LAST_APPLIED))


def set_by(live: JsonObject, entry: JsonObject, managers: frozenset[str]) -> JsonObject:
    """The field set of an entry of `managedFields`, of one of `managers` (that may also have recorded defaults) what it
    applied.
    """
    if text(entry, "manager") in managers and not text(entry, "subresource"):
        return _applied(live, entry)
    return mapping(entry, "fieldsV1")


def _applied(live: JsonObject, entry: JsonObject) -> JsonObject:
    applied = mapping(entry, "fieldsV1")
    if text(entry, "operation") != "Update":
        return applied
    last = _last_applied(live)
    return minus(applied, without_owned(applied, last, leaves(last))) if last else {}


def _joined(live: JsonObject, taken: Sequence[JsonObject], gone: Sequence[JsonObject]) -> Sequence[JsonObject]:
    """The `managedFields` with the fields of `taken` in one entry of ours, and without the entries `gone`."""
    fields: JsonObject = {}
    for entry in taken:
        fields = union(fields, mapping(entry, "fieldsV1"))
    ours: JsonObject = {
        "manager": FIELD_MANAGER,
        "operation": "Apply",
        "apiVersion": text(taken[0], "apiVersion"),
        "time": max(text(entry, "time") for entry in taken),
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    kept = [entry for entry in objects(live, "metadata", "managedFields") if not any(entry is one for one in gone)]
    return [ours, *kept]


def _adoptable(live: JsonObject, managers: frozenset[str]) -> Sequence[JsonObject]:
    """The entries to take over; none of an object that we applied before."""
    if not managers:
        return ()
    entries = [entry for entry in objects(live, "metadata", "managedFields") if not text(entry, "subresource")]
    if any(entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply" for entry in entries):
        return ()
    return [
        entry
        for entry in entries
        if text(entry, "manager") in managers and text(entry, "operation") in ("Apply", "Update")
    ]


def _last_applied(live: JsonObject) -> JsonObject:
    try:
        found = json.loads(text(live, "metadata", "annotations", LAST_APPLIED) or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
