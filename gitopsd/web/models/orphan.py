"""Objects that belong to nobody: of each its names and its age, no more of it."""

from __future__ import annotations

from pydantic import Field

from gitopsd.core.jsonvalue import text
from gitopsd.core.live import LiveObject
from gitopsd.core.orphans import Orphaned
from gitopsd.web.models.model import Model
from gitopsd.web.models.tree import Unreadable


class OrphanedResource(Model):
    """One of them."""

    group: str
    version: str
    kind: str
    namespace: str
    name: str
    uid: str
    created_at: str = Field(description="as Kubernetes writes it (RFC 3339)")

    @classmethod
    def of(cls, live: LiveObject) -> OrphanedResource:
        """From the core's value."""
        return cls(
            group=live.gvk.group,
            version=live.gvk.version,
            kind=live.gvk.kind,
            namespace=live.key.namespace,
            name=live.key.name,
            uid=live.uid,
            created_at=text(live.document.body(), "metadata", "creationTimestamp"),
        )


class OrphanedResources(Model):
    """What belongs to nobody in the namespace that an application deploys to, sorted."""

    asked: bool = Field(description="whether the application's project has orphanedResources; else nobody looks")
    complete: bool = Field(description="whether all kinds were looked at since the start")
    error: str = Field(description='why nobody could look; "" if somebody could')
    items: tuple[OrphanedResource, ...]
    unreadable: tuple[Unreadable, ...] = Field(description="kinds that may be missing")

    @classmethod
    def of(cls, found: Orphaned) -> OrphanedResources:
        """From the core's value."""
        return cls(
            asked=found.asked,
            complete=found.complete,
            error=found.error,
            items=tuple(OrphanedResource.of(live) for live in found.objects),
            unreadable=tuple(Unreadable.of(kind, reason) for kind, reason in sorted(found.unreadable.items())),
        )
