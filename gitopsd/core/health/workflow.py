"""Argo Workflows."""

from __future__ import annotations

from gitopsd.core.health.fields import Fields
from gitopsd.core.health.status import Health, degraded, healthy, progressing, unknown


def workflow(live: Fields) -> Health:
    """By its phase, in any version: Succeeded is Healthy, Failed and Error are Degraded, before that: Progressing."""
    said = live.text("status", "message")
    match live.text("status", "phase"):
        case "" | "Pending" | "Running":
            return progressing(said)
        case "Succeeded":
            return healthy(said)
        case "Failed" | "Error":
            return degraded(said)
        case phase:
            return unknown(said or f"Phase {phase} is not known")
