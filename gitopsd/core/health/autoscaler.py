"""HorizontalPodAutoscalers."""

from __future__ import annotations

import json
from collections.abc import Sequence

from gitopsd.core.health.condition import Condition, conditions_in, conditions_of
from gitopsd.core.health.fields import Fields
from gitopsd.core.health.status import Health, degraded, healthy, progressing, unknown
from gitopsd.core.jsonvalue import JsonValue

_V1_CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"
_BROKEN = {
    ("AbleToScale", "FailedGetScale"),
    ("AbleToScale", "FailedUpdateScale"),
    ("ScalingActive", "FailedGetResourceMetric"),
    ("ScalingActive", "FailedGetObjectMetric"),
    ("ScalingActive", "FailedGetPodsMetric"),
    ("ScalingActive", "FailedGetExternalMetric"),
    ("ScalingActive", "FailedComputeMetricsReplicas"),
    ("ScalingActive", "InvalidSelector"),
}
_WORKING = ("AbleToScale", "ScalingLimited")


def horizontal_pod_autoscaler(live: Fields) -> Health:
    """A broken condition among them: Degraded. AbleToScale or ScalingLimited true: Healthy. Else Progressing.

    `autoscaling/v1` has no conditions in its status: the API server converts them into an annotation that holds JSON.
    See https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/ for what the conditions mean.
    """
    if live.text("apiVersion") != "autoscaling/v1":
        return _health(conditions_of(live))
    written = live.strings("metadata", "annotations").get(_V1_CONDITIONS)
    if written is None:
        return _health(())
    try:
        parsed: JsonValue = json.loads(written)
    except (ValueError, RecursionError):
        return unknown(f"The annotation {_V1_CONDITIONS} is not valid JSON")
    return _health(conditions_in(Fields({_V1_CONDITIONS: parsed}, "metadata.annotations").each(_V1_CONDITIONS)))


def _health(conditions: Sequence[Condition]) -> Health:
    for condition in conditions:
        if (condition.type, condition.reason) in _BROKEN:
            return degraded(condition.said)
    for condition in conditions:
        if condition.type in _WORKING and condition.is_true:
            return healthy(condition.message)
    return progressing("Waiting for the autoscaler to say that it can scale")
