"""Whether the status of an object speaks of its present spec."""

from __future__ import annotations

from gitopsd.core.health.fields import Fields
from gitopsd.core.health.status import Health, progressing


def unobserved(live: Fields) -> Health | None:
    """Progressing while the controller has not seen the newest spec, None once it has.

    `metadata.generation` counts changes of the spec; `status.observedGeneration` is the one that the status is about
    (Kubernetes API conventions, "Metadata").
    """
    observed = live.integer("status", "observedGeneration")
    generation = live.integer("metadata", "generation")
    if generation <= observed:
        return None
    return progressing(f"Waiting for the controller to see generation {generation} (it has seen {observed})")
