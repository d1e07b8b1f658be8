"""StatefulSets."""

from __future__ import annotations

from gitopsd.core.health.fields import Fields
from gitopsd.core.health.generation import unobserved
from gitopsd.core.health.status import Health, healthy, progressing


def stateful_set(live: Fields) -> Health:
    """Unobserved, too few ready pods or a rolling update under way: Progressing. Else Healthy.

    With `rollingUpdate` only the pods above `partition` are updated, with `OnDelete` none is until somebody deletes it
    (https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#update-strategies).
    """
    waiting = unobserved(live)
    if waiting is not None:
        return waiting
    if live.integer("status", "observedGeneration") == 0:
        return progressing("Waiting for the controller to see it")
    wanted = live.optional_integer("spec", "replicas")
    ready = live.integer("status", "readyReplicas")
    if wanted is not None and ready < wanted:
        return progressing(f"Waiting for pods: {ready} of {wanted} are ready")
    return _update_health(live, wanted, ready)


def _update_health(live: Fields, wanted: int | None, ready: int) -> Health:
    strategy = live.under("spec", "updateStrategy")
    updated = live.integer("status", "updatedReplicas")
    if strategy.text("type") == "RollingUpdate" and strategy.present("rollingUpdate"):
        partition = strategy.optional_integer("rollingUpdate", "partition")
        if wanted is not None and partition is not None and updated < wanted - partition:
            return progressing(
                f"Waiting for the partitioned update: {updated} of {wanted - partition} pods are updated"
            )
        return healthy(f"Updated pods: {updated}")
    if strategy.text("type") == "OnDelete":
        return healthy(f"Ready pods: {ready}; a pod is updated when it is deleted")
    target, current = live.text("status", "updateRevision"), live.text("status", "currentRevision")
    if target != current:
        return progressing(f"Waiting for the rolling update; pods at revision {target}: {updated}")
    return healthy(f"Pods at revision {current}: {live.integer('status', 'currentReplicas')}")
