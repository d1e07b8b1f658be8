"""Deployments and the ReplicaSets below them."""

from __future__ import annotations

from gitopsd.core.health.condition import Condition, conditions_of, find, find_true
from gitopsd.core.health.fields import Fields
from gitopsd.core.health.generation import unobserved
from gitopsd.core.health.status import Health, degraded, healthy, progressing, suspended


def deployment(live: Fields) -> Health:
    """Paused: Suspended. Deadline exceeded: Degraded. Rolling out or unobserved: Progressing. Else Healthy.

    The rule of `kubectl rollout status` and Argo CD; the controller itself decides about the deadline
    (https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status).
    """
    if live.boolean("spec", "paused"):
        return suspended("The rollout is paused")
    waiting = unobserved(live)
    if waiting is not None:
        return waiting
    conditions = conditions_of(live)
    deadline = find(conditions, "Progressing")
    if deadline is not None and deadline.reason == "ProgressDeadlineExceeded":
        return degraded(_deadline_message(live, deadline, conditions))
    missing = _rollout_message(live)
    return progressing(missing + _failure(conditions)) if missing else healthy()


def replica_set(live: Fields) -> Health:
    """Condition ReplicaFailure: Degraded. Unobserved or too few available: Progressing. Else Healthy."""
    waiting = unobserved(live)
    if waiting is not None:
        return waiting
    failure = find_true(conditions_of(live), "ReplicaFailure")
    if failure is not None:
        return degraded(failure.said or "The controller cannot create or delete pods")
    wanted = live.optional_integer("spec", "replicas")
    available = live.integer("status", "availableReplicas")
    if wanted is not None and available < wanted:
        return progressing(f"Waiting for pods: {available} of {wanted} are available")
    return healthy()


def _rollout_message(live: Fields) -> str:
    """What the rollout still waits for, "" when it is over."""
    wanted = live.optional_integer("spec", "replicas")
    updated = live.integer("status", "updatedReplicas")
    existing = live.integer("status", "replicas")
    available = live.integer("status", "availableReplicas")
    if wanted is not None and updated < wanted:
        return f"Waiting for the rollout: {updated} of {wanted} replicas are updated"
    if existing > updated:
        return f"Waiting for the rollout: old replicas still to end: {existing - updated}"
    if available < updated:
        return f"Waiting for the rollout: {available} of {updated} updated replicas are available"
    return ""


def _deadline_message(live: Fields, deadline: Condition, conditions: tuple[Condition, ...]) -> str:
    seconds = live.optional_integer("spec", "progressDeadlineSeconds")
    limit = f" of {seconds} s" if seconds is not None else ""
    said = f": {deadline.message}" if deadline.message else ""
    return f"The rollout exceeded its progress deadline{limit}{said}{_failure(conditions)}"


def _failure(conditions: tuple[Condition, ...]) -> str:
    """Why no pods come (quota, admission), in the controller's words; before the deadline it is no verdict."""
    failure = find_true(conditions, "ReplicaFailure")
    return f" ({failure.said})" if failure is not None and failure.said else ""
