"""Actions on Kubernetes' own workloads.

Sources: `kubectl rollout restart|pause|resume`, `kubectl scale` and `kubectl create job --from`
(https://kubernetes.io/docs/reference/kubectl/), and https://kubernetes.io/docs/concepts/workloads/controllers/job/
(suspend, FailureTarget).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from gitopsd.core.actions.action import Builtin, Change, Creation, Given, Merge
from gitopsd.core.actions.effect import (
    ANNOTATIONS,
    RESTARTED_AT,
    any_of,
    asks_for,
    dated_name,
    put,
    replicas,
    stamp,
    timestamp,
    unless,
    when,
)
from gitopsd.core.ids import GroupKind
from gitopsd.core.jsonvalue import JsonObject, JsonValue, mapping, objects, text

_LONGEST_JOB: Final = 63  # its name becomes a label of its pods
_OVER: Final = frozenset({"Complete", "Failed", "FailureTarget", "SuccessCriteriaMet"})

_RESTART: Final = Builtin("restart", stamp("spec", "template", *ANNOTATIONS, RESTARTED_AT))
_SCALE: Final = Builtin(
    "scale",
    replicas("spec", "replicas"),
    asks=asks_for("replicas", "spec", "replicas", absent="1", required=True),
)


def _over(live: JsonObject) -> str:
    for condition in objects(live, "status", "conditions"):
        if text(condition, "status") == "True" and text(condition, "type") in _OVER:
            return "the job is over"
    return ""


def _terminated(live: JsonObject, _given: Given, now: datetime) -> Change:
    condition: JsonObject = {
        "type": "FailureTarget",
        "status": "True",
        "reason": "ManuallyTerminated",
        "message": "Terminated by a resource action",
        "lastProbeTime": timestamp(now),
        "lastTransitionTime": timestamp(now),
    }
    return Merge({"status": {"conditions": [*objects(live, "status", "conditions"), condition]}})


def _job_now(live: JsonObject, _given: Given, now: datetime) -> Change:
    template = mapping(live, "spec", "jobTemplate")
    annotations: JsonObject = {
        **mapping(template, "metadata", "annotations"),
        "cronjob.kubernetes.io/instantiate": "manual",
    }
    metadata: dict[str, JsonValue] = {
        "name": dated_name(live, now, _LONGEST_JOB),
        "namespace": text(live, "metadata", "namespace"),
        "annotations": annotations,
        "ownerReferences": [_owner(live)],
    }
    if labels := mapping(template, "metadata", "labels"):
        metadata["labels"] = labels
    return Creation({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": mapping(template, "spec")})


def _owner(live: JsonObject) -> JsonObject:
    """A reference that makes `live` the controller, as its own controller writes it."""
    return {
        "apiVersion": text(live, "apiVersion"),
        "kind": text(live, "kind"),
        "name": text(live, "metadata", "name"),
        "uid": text(live, "metadata", "uid"),
        "controller": True,
    }


_SUSPEND: Final = put(True, "spec", "suspend")
_RESUME: Final = put(False, "spec", "suspend")
_SUSPENDED: Final = when(True, "it is suspended", "spec", "suspend")
_NOT_SUSPENDED: Final = unless(True, "it is not suspended", "spec", "suspend")

WORKLOADS: Final = {
    GroupKind("apps", "Deployment"): (
        _RESTART,
        Builtin("pause", put(True, "spec", "paused"), when(True, "it is paused", "spec", "paused")),
        Builtin("resume", put(False, "spec", "paused"), unless(True, "it is not paused", "spec", "paused")),
        _SCALE,
    ),
    GroupKind("apps", "StatefulSet"): (_RESTART, _SCALE),
    GroupKind("apps", "DaemonSet"): (_RESTART,),
    GroupKind("batch", "Job"): (
        Builtin("suspend", _SUSPEND, any_of(_over, _SUSPENDED)),
        Builtin("resume", _RESUME, any_of(_over, _NOT_SUSPENDED)),
        Builtin("terminate", _terminated, any_of(_over, when(None, "it has not begun", "status", "startTime"))),
    ),
    GroupKind("batch", "CronJob"): (
        Builtin("create-job", _job_now, title="Create Job"),
        Builtin("suspend", _SUSPEND, _SUSPENDED),
        Builtin("resume", _RESUME, _NOT_SUSPENDED),
    ),
}
"""By kind, in the order in which they are offered."""
