"""PodDisruptionBudgets."""

from __future__ import annotations

from gitopsd.core.health.condition import conditions_of
from gitopsd.core.health.fields import Fields
from gitopsd.core.health.status import Health, degraded, healthy, progressing


def pod_disruption_budget(live: Fields) -> Health:
    """No conditions: Progressing. One that is False: Degraded. Else Healthy.

    InsufficientPods is no failure: a budget that allows no disruption right now does its work.
    """
    conditions = conditions_of(live)
    if not conditions:
        return progressing("Waiting for the controller to see it (status.conditions is empty)")
    for condition in conditions:
        if condition.status == "False" and condition.reason != "InsufficientPods":
            return degraded(": ".join(filter(None, (condition.type, condition.reason, condition.message))))
    return healthy(conditions[-1].said)
