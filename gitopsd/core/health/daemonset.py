"""DaemonSets."""

from __future__ import annotations

from gitopsd.core.health.fields import Fields
from gitopsd.core.health.generation import unobserved
from gitopsd.core.health.status import Health, healthy, progressing


def daemon_set(live: Fields) -> Health:
    """Unobserved, or pods not updated or available on all their nodes: Progressing. `OnDelete` or all done: Healthy."""
    waiting = unobserved(live)
    if waiting is not None:
        return waiting
    wanted = live.integer("status", "desiredNumberScheduled")
    updated = live.integer("status", "updatedNumberScheduled")
    available = live.integer("status", "numberAvailable")
    if live.text("spec", "updateStrategy", "type") == "OnDelete":
        return healthy(f"Updated pods: {updated} of {wanted}; a pod is updated when it is deleted")
    if updated < wanted:
        return progressing(f"Waiting for the rollout: {updated} of {wanted} pods are updated")
    if available < wanted:
        return progressing(f"Waiting for the rollout: {available} of {wanted} pods are available")
    return healthy()
