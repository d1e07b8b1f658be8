"""One object of the tree, as far as its own content tells."""

from __future__ import annotations

from dataclasses import dataclass

from gitopsd.core.health.status import Health
from gitopsd.core.ids import GVK, ObjectKey
from gitopsd.core.jsonvalue import text
from gitopsd.core.live import LiveObject
from gitopsd.core.tree.info import InfoItem, images, info_items
from gitopsd.core.tree.network import Networking, networking


@dataclass(frozen=True, slots=True)
class Node:
    """`owners` are uids and aliases of those above it, `known_as` those that it can be found by from below.

    `created_at` is as Kubernetes writes it (RFC 3339), "" if it says nothing. `health` is the verdict on exactly this
    version of the object; of what an application manages its status tells, not the node.
    """

    key: ObjectKey
    gvk: GVK
    uid: str
    resource_version: str
    created_at: str
    owners: tuple[str, ...]
    known_as: tuple[str, ...]
    info: tuple[InfoItem, ...] = ()
    images: tuple[str, ...] = ()
    networking: Networking | None = None
    health: Health | None = None
    deleting: bool = False


def node_of(live: LiveObject, health: Health | None, *, whole: bool = True) -> Node:
    """Read out of a live object what the tree shows of it: no data, no environment, no annotation.

    Where it is not `whole`, only its metadata is there to tell something.
    """
    body = live.document.body()
    return Node(
        key=live.key,
        gvk=live.gvk,
        uid=live.uid,
        resource_version=live.resource_version,
        created_at=text(body, "metadata", "creationTimestamp"),
        owners=live.owners,
        known_as=(live.uid, *live.aliases),
        info=info_items(live.key, body) if whole else (),
        images=images(live.key, body) if whole else (),
        networking=networking(live.key, body) if whole else None,
        health=health,
        deleting=live.deleting,
    )
