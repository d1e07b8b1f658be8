"""The resource tree of an application, in the words of Argo CD's `ApplicationTree`."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from gitopsd.core.appstatus import SyncCode
from gitopsd.core.health.status import Health
from gitopsd.core.ids import GroupKind
from gitopsd.core.tree.network import NO_NETWORKING, Networking
from gitopsd.core.tree.view import Placed, Ref, View
from gitopsd.web.answer import encoded
from gitopsd.web.models.model import Model
from gitopsd.web.models.resource import HealthAnswer


class ResourceRef(Model):
    """An object by name."""

    group: str
    version: str
    kind: str
    namespace: str
    name: str
    uid: str = Field(description='"" where it is not in the cluster')

    @classmethod
    def of(cls, ref: Ref) -> ResourceRef:
        """From the core's value."""
        gvk = ref.gvk
        return cls(
            group=gvk.group, version=gvk.version, kind=gvk.kind, namespace=ref.namespace, name=ref.name, uid=ref.uid
        )


class Info(Model):
    """Something to know at a glance: `Status Reason`, `Containers`, `Revision` …"""

    name: str
    value: str


class IngressAnswer(Model):
    """An address at which a load balancer takes traffic."""

    hostname: str
    ip: str


class NetworkingInfo(Model):
    """Who sends traffic to whom: to Pods by `targetLabels`, to others by name; `targetRefs` are those in the tree."""

    target_labels: dict[str, str]
    target_refs: tuple[ResourceRef, ...]
    labels: dict[str, str]
    ingress: tuple[IngressAnswer, ...]
    external_urls: tuple[str, ...] = Field(alias="externalURLs", description="absolute http and https URLs")

    @classmethod
    def of(cls, networking: Networking, targets: tuple[Ref, ...]) -> NetworkingInfo:
        """From the core's values."""
        return cls(
            target_labels=dict(networking.target_labels),
            target_refs=tuple(ResourceRef.of(ref) for ref in targets),
            labels=dict(networking.labels),
            ingress=tuple(IngressAnswer(hostname=each.hostname, ip=each.ip) for each in networking.ingress),
            external_urls=networking.external_urls,
        )


class ResourceNode(ResourceRef):
    """An object of the tree. Those that the application manages have `sync`, the others hang below by `parentRefs`."""

    parent_refs: tuple[ResourceRef, ...]
    info: tuple[Info, ...]
    networking_info: NetworkingInfo | None
    resource_version: str
    images: tuple[str, ...]
    health: HealthAnswer | None = Field(description="null where nothing is known of the kind")
    created_at: str | None = Field(description="null where it is not in the cluster")
    deleting: bool
    sync: SyncCode | None = Field(description="null for what the application does not manage itself")
    requires_pruning: bool = Field(description="managed, and no longer in git")

    @classmethod
    def at(cls, placed: Placed) -> ResourceNode:
        """From the core's value."""
        ref, node, managed = placed.ref, placed.node, placed.managed
        networking = (node.networking if node else None) or (NO_NETWORKING if placed.targets else None)
        health: Health | None = managed.health if managed else node.health if node else None
        return cls(
            group=ref.gvk.group,
            version=ref.gvk.version,
            kind=ref.gvk.kind,
            namespace=ref.namespace,
            name=ref.name,
            uid=ref.uid,
            parent_refs=tuple(ResourceRef.of(parent) for parent in placed.parents),
            info=tuple(Info(name=item.name, value=item.value) for item in node.info) if node else (),
            networking_info=NetworkingInfo.of(networking, placed.targets) if networking else None,
            resource_version=node.resource_version if node else "",
            images=node.images if node else (),
            health=HealthAnswer.of(health) if health else None,
            created_at=(node.created_at or None) if node else None,
            deleting=node is not None and node.deleting,
            sync=managed.sync if managed else None,
            requires_pruning=managed is not None and managed.requires_pruning,
        )


class Unreadable(Model):
    """A kind of which nobody can say now what there is, and why."""

    group: str
    kind: str
    reason: str

    @classmethod
    def of(cls, kind: GroupKind, reason: str) -> Unreadable:
        """From the core's values."""
        return cls(group=kind.group, kind=kind.kind, reason=reason)


class ApplicationTree(Model):
    """The whole tree, owners before what they own."""

    nodes: tuple[ResourceNode, ...]
    orphaned_nodes: tuple[ResourceNode, ...] = Field(description="objects of its namespace that nobody manages")
    unreadable: tuple[Unreadable, ...] = Field(description="kinds that may be missing from the tree")


_TREE: Final = b'{"nodes":[%b],"orphanedNodes":[%b],"unreadable":[%b]}'


def encoded_tree(view: View) -> bytes:
    """An `ApplicationTree` as JSON, written node by node: as one value it would hold the interpreter for too long."""
    return _TREE % (
        b",".join(encoded(ResourceNode.at(placed)) for placed in view.nodes),
        b",".join(encoded(ResourceNode.at(placed)) for placed in view.orphaned),
        b",".join(encoded(Unreadable.of(kind, reason)) for kind, reason in (view.unreadable or {}).items()),
    )
