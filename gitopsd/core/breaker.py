"""Stops automated syncs of a cluster when they go wrong for many applications at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When it opens. `within` (seconds) is the time over which is counted.

    For prunes: when automated syncs prune more than `prune_share` (0 to 1) of a cluster's managed objects, and
    `prune_objects` at least. For failures: when the last sync of `failed_apps` at least failed, and of more than
    `failed_share` of the applications that were synced. `probe_seconds`: how often one may try if it works again.
    """

    within: float = 600.0
    prune_share: float = 0.2
    prune_objects: int = 50
    failed_share: float = 0.5
    failed_apps: int = 10
    probe_seconds: float = 60.0
