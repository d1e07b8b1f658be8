"""Objects of an application."""

from __future__ import annotations

from pydantic import Field

from gitopsd.core.appstatus import ResourceStatus, SyncCode
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.links import Link
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import Hook
from gitopsd.web.models.model import Model


class HealthAnswer(Model):
    """Argo CD's health code, and why."""

    status: HealthStatus
    message: str

    @classmethod
    def of(cls, health: Health) -> HealthAnswer:
        """From the core's value."""
        return cls(status=health.status, message=health.message)


class LinkAnswer(Model):
    """A place on the web, and what to call it."""

    title: str
    url: str = Field(description="absolute, http or https, without user and password")

    @classmethod
    def of(cls, link: Link) -> LinkAnswer:
        """From the core's value."""
        return cls(title=link.title, url=link.url)


class Resource(Model):
    """An object that the application manages, or that left git. `changes` are paths at which it differs from git."""

    group: str
    version: str
    kind: str
    namespace: str
    name: str
    sync: SyncCode
    health: HealthAnswer | None = Field(description="null where nothing is known of the kind")
    wave: int
    requires_pruning: bool
    changes: tuple[str, ...]
    message: str
    links: tuple[LinkAnswer, ...] = Field(description="from link.argocd.argoproj.io/… annotations and Ingress hosts")

    @classmethod
    def of(cls, item: ResourceStatus, stays: str = "") -> Resource:
        """From the core's value. `stays`: why the last sync did not prune it."""
        return cls(
            group=item.gvk.group,
            version=item.gvk.version,
            kind=item.gvk.kind,
            namespace=item.key.namespace,
            name=item.key.name,
            sync=item.sync,
            health=HealthAnswer.of(item.health) if item.health else None,
            wave=item.wave,
            requires_pruning=item.requires_pruning,
            changes=item.changes,
            message=item.message or (f"it stays: {stays}" if stays and item.requires_pruning else ""),
            links=tuple(LinkAnswer.of(link) for link in item.links),
        )


class Child(Model):
    """An object below one that the application manages: a ReplicaSet, a Pod. Its names and health, no more of it."""

    group: str
    version: str
    kind: str
    namespace: str
    name: str
    uid: str
    owner_uids: tuple[str, ...]
    deleting: bool
    health: HealthAnswer | None

    @classmethod
    def of(cls, live: LiveObject, health: Health | None) -> Child:
        """From a live object and the verdict on it."""
        return cls(
            group=live.gvk.group,
            version=live.gvk.version,
            kind=live.gvk.kind,
            namespace=live.key.namespace,
            name=live.key.name,
            uid=live.uid,
            owner_uids=live.owner_uids,
            deleting=live.deleting,
            health=HealthAnswer.of(health) if health else None,
        )


class HookAnswer(Model):
    """A manifest that runs at a phase of a sync."""

    group: str
    version: str
    kind: str
    namespace: str
    name: str
    phases: tuple[str, ...]

    @classmethod
    def of(cls, hook: Hook) -> HookAnswer:
        """From the core's value."""
        return cls(
            group=hook.gvk.group,
            version=hook.gvk.version,
            kind=hook.gvk.kind,
            namespace=hook.namespace,
            name=hook.name,
            phases=hook.phases,
        )
