"""What to say of an object in one glance: short items, named as Argo CD names them where it has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from gitopsd.core.ids import ObjectKey
from gitopsd.core.jsonvalue import JsonObject, boolean, integer, objects, string_map, text, value
from gitopsd.core.tree.podinfo import pod_info

_REVISIONS: Final = ("deployment.kubernetes.io/revision", "rollout.argoproj.io/revision")
_READY: Final = {"Deployment": "readyReplicas", "ReplicaSet": "readyReplicas", "StatefulSet": "readyReplicas"}


class InfoItem(NamedTuple):
    """A name and a text; people read them, programs had better not."""

    name: str
    value: str


def info_items(key: ObjectKey, body: JsonObject) -> tuple[InfoItem, ...]:
    """The items of one object; never a value of a Secret or ConfigMap."""
    return tuple(InfoItem(name, said) for name, said in _items(key, body) if said)


def _items(key: ObjectKey, body: JsonObject) -> Iterator[tuple[str, str]]:
    yield "Revision", _revision(body)
    match key.group, key.kind:
        case "", "Pod":
            yield from pod_info(body)
        case "", "Service":
            yield "Type", text(body, "spec", "type") or "ClusterIP"
        case "", "PersistentVolumeClaim":
            yield "Status", text(body, "status", "phase")
            yield "Capacity", text(body, "status", "capacity", "storage")
            yield "Storage Class", text(body, "spec", "storageClassName")
        case "apps", "Deployment" | "ReplicaSet" | "StatefulSet":
            wanted = integer(body, "spec", "replicas", default=1)
            yield "Replicas", f"{integer(body, 'status', _READY[key.kind])}/{wanted}"
        case "apps", "DaemonSet":
            wanted = integer(body, "status", "desiredNumberScheduled")
            yield "Replicas", f"{integer(body, 'status', 'numberReady')}/{wanted}"
        case "batch", "Job":
            wanted = integer(body, "spec", "completions", default=1)
            yield "Completions", f"{integer(body, 'status', 'succeeded')}/{wanted}"
        case "batch", "CronJob":
            yield "Schedule", text(body, "spec", "schedule")
            yield "Suspended", "true" if boolean(body, "spec", "suspend") else ""
        case "autoscaling", "HorizontalPodAutoscaler":
            now = integer(body, "status", "currentReplicas")
            least = integer(body, "spec", "minReplicas", default=1)
            yield "Scale", f"{now} ({least} to {integer(body, 'spec', 'maxReplicas')})"
        case _:
            pass


def _revision(body: JsonObject) -> str:
    """As Argo CD: what Deployments and Rollouts number by annotation, and the field of a ControllerRevision."""
    annotations = string_map(body, "metadata", "annotations")
    for name in _REVISIONS:
        written = annotations.get(name, "")
        if written.isdecimal():
            return f"Rev:{int(written)}"
    own = value(body, "revision")
    if isinstance(own, int) and not isinstance(own, bool) and text(body, "kind") == "ControllerRevision":
        return f"Rev:{own}"
    return ""


def images(key: ObjectKey, body: JsonObject) -> tuple[str, ...]:
    """The images that a Pod runs, each once, in their order."""
    if (key.group, key.kind) != ("", "Pod"):
        return ()
    containers = [*objects(body, "spec", "initContainers"), *objects(body, "spec", "containers")]
    return tuple(dict.fromkeys(image for container in containers if (image := text(container, "image"))))
