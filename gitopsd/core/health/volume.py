"""PersistentVolumeClaims."""

from __future__ import annotations

from gitopsd.core.health.fields import Fields
from gitopsd.core.health.status import Health, degraded, healthy, progressing, unknown


def persistent_volume_claim(live: Fields) -> Health:
    """Bound: Healthy. Pending: Progressing. Lost: Degraded. Any other phase, or none: Unknown."""
    match live.text("status", "phase"):
        case "Bound":
            return healthy()
        case "Pending":
            storage_class = live.text("spec", "storageClassName")
            return progressing(f"Waiting for a volume{f' of storage class {storage_class}' if storage_class else ''}")
        case "Lost":
            volume = live.text("spec", "volumeName")
            return degraded(f"Its volume{f' {volume}' if volume else ''} does not exist any more, its data is lost")
        case phase:
            return unknown(f"Phase {phase} is not known" if phase else "status.phase is not set")
