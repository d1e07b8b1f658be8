"""Whose an object is, by the marks on it: written when it is applied, read from what is live.

Source: https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from gitopsd.core.annotations import TRACKING_ID, instance_label, parse_tracking_id, tracking_id, tracks
from gitopsd.core.app import AppSpec, Tracking, TrackingMethod
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, objects, text

INSTALLATION_ID: Final = "argocd.argoproj.io/installation-id"

_LABEL_LENGTH: Final = 63
_DIGEST_LENGTH: Final = 8
# Whose labels say that an application has the object: ours, and Argo CD's. Helm's charts write the same label.
_TRACKERS: Final = ("gitops", "argocd")


class Whose(NamedTuple):
    """Whose an object is: `mark` is that of its application ("" if no application of ours tracks it).

    `copied`: the mark was written for another object. `foreign` names the application of another installation that
    tracks it.
    """

    mark: str = ""
    copied: bool = False
    foreign: str = ""


NOBODYS: Final = Whose()
"""An object that nothing tracks."""


def mark(app: AppName, tracking: Tracking) -> str:
    """What stands on the objects of `app`: its name, but for labels one of at most 63 characters that is no other's."""
    if tracking.method is not TrackingMethod.LABEL or len(app) <= _LABEL_LENGTH:
        return app
    digest = hashlib.blake2b(app.encode(), digest_size=_DIGEST_LENGTH // 2).hexdigest()
    return f"{app[: _LABEL_LENGTH - _DIGEST_LENGTH - 1].rstrip('-_.')}-{digest}"


def whose(metadata: JsonObject, key: ObjectKey, tracking: Tracking) -> Whose:
    """Whose the live object with this `metadata` is."""
    annotations = mapping(metadata, "annotations")
    found = (
        _by_label(metadata, tracking) if tracking.method is TrackingMethod.LABEL else _by_annotation(annotations, key)
    )
    installation = text(annotations, INSTALLATION_ID)
    if not found.mark or installation == tracking.installation:
        return found
    if not installation:
        return NOBODYS  # applied before this installation had an id, or by one without: nothing says that it is ours
    return Whose(foreign=f"{found.mark} of installation {installation}")


def tracked(metadata: JsonObject, key: ObjectKey, spec: AppSpec) -> JsonObject:
    """`metadata` of a manifest with the marks of its application.

    Values that are no strings (`scrape: true`) stay, so that the API server names them, as it does to kubectl.
    """
    marks: dict[str, JsonValue] = {}
    labels: dict[str, JsonValue] = {}
    if spec.tracking.method is TrackingMethod.LABEL:
        labels[spec.tracking.label] = mark(spec.name, spec.tracking)
    else:
        marks[TRACKING_ID] = tracking_id(spec.name, key, spec.destination.namespace)
    if spec.tracking.method is TrackingMethod.ANNOTATION_AND_LABEL:
        labels[spec.tracking.label] = instance_label(spec.name)
    if spec.tracking.installation:
        marks[INSTALLATION_ID] = spec.tracking.installation
    return {**metadata, **_added(metadata, "annotations", marks), **_added(metadata, "labels", labels)}


def _added(metadata: JsonObject, block: str, marks: Mapping[str, JsonValue]) -> JsonObject:
    return {block: {**mapping(metadata, block), **marks}} if marks else {}


def _by_annotation(annotations: JsonObject, key: ObjectKey) -> Whose:
    found = parse_tracking_id(text(annotations, TRACKING_ID))
    return NOBODYS if found is None else Whose(found.app, not tracks(found, key))


def _by_label(metadata: JsonObject, tracking: Tracking) -> Whose:
    """Children carry the label because their template does. Others count as copies unless we or Argo CD wrote it:
    controllers copy it from a StatefulSet to its claims, and Helm's charts name their release in it.
    """
    found = text(metadata, "labels", tracking.label)
    if not found or metadata.get("ownerReferences"):
        return NOBODYS
    return Whose(found, not _is_a_mark(metadata, f"f:{tracking.label}"))


def _is_a_mark(metadata: JsonObject, label: str) -> bool:
    return any(
        text(entry, "manager").startswith(_TRACKERS)
        for entry in objects(metadata, "managedFields")
        if label in mapping(entry, "fieldsV1", "f:metadata", "f:labels")
    )
