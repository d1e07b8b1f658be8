"""An application whose objects are acted on, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gitopsd.control.actions import Actions, Done, Ground
from gitopsd.core.actions import builtin
from gitopsd.core.actions.action import Action, Change, Given
from gitopsd.core.annotations import TRACKING_ID, tracking_id
from gitopsd.core.app import AppSpec
from gitopsd.core.document import Document, canonical
from gitopsd.core.errors import OperationError
from gitopsd.core.ids import GVK, AppName, GroupKind, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, text, value
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.project import Projects
from gitopsd.testing.builders import a_deployment, an_app, an_object
from gitopsd.testing.clock import FakeClock
from gitopsd.testing.cluster import FakeCluster

SHOP = AppName("shop")


@dataclass
class Scripted:
    """Actions as a test wants them, of every kind; without any, those that are built in."""

    changing: Mapping[str, Sequence[Change]] = field(default_factory=dict)
    meanwhile: Any = None

    def knows(self, kind: GroupKind) -> bool:
        return bool(self.changing) or kind in builtin.BUILTIN

    async def offered(self, live: LiveObject) -> Sequence[Action]:
        if "broken" in self.changing:
            raise OperationError("the action's script failed", reason="Failed", where="widget")
        found = [Action(name) for name in self.changing]
        return found or builtin.offered(live.key.group_kind, live.document.body())

    async def changes(self, live: LiveObject, action: Action, given: Given, now: datetime) -> Sequence[Change]:
        if self.meanwhile is not None:
            self.meanwhile()
        if action.name in self.changing:
            return self.changing[action.name]
        return builtin.changes(live.key.group_kind, live.document.body(), action.name, given, now)


class World:
    """An application with a Deployment of two replicas in git, its ReplicaSet and Pod, and a CronJob."""

    def __init__(self, cluster: FakeCluster | None = None, **app: Any) -> None:
        self.cluster = cluster or FakeCluster(controllers=False)
        self.spec: AppSpec = an_app("shop", **app)
        self.projects = Projects()
        self.scripted = Scripted()
        self.done: list[Done] = []
        self.wanted: dict[ObjectKey, DesiredObject] = {}
        self.managed: list[ObjectKey] = []
        self.deployment = self.manage(a_deployment(namespace="default", replicas=2))
        self.replica_set = self.below("ReplicaSet", "web-1", self.deployment, "apps/v1")
        self.pod = self.below("Pod", "web-1-a", self.replica_set)
        self.actions = Actions(self.ground, self.scripted, lambda: self.projects, FakeClock(), self.done.append)

    def manage(self, body: JsonObject, *, owner: str = "shop", planted: bool = True) -> ObjectKey:
        """An object in git; `planted`: it is in the cluster too, tracked as `owner`'s ("" for nobody's)."""
        gvk = GVK.parse(text(body, "apiVersion"), text(body, "kind"))
        key = ObjectKey(gvk.group, gvk.kind, text(body, "metadata", "namespace"), text(body, "metadata", "name"))
        document = Document(canonical(body))
        self.wanted[key] = DesiredObject(key, gvk, document, document.digest())
        self.managed.append(key)
        if planted:
            self.cluster.plant(marked(body, key, owner))
        return key

    def below(self, kind: str, name: str, above: ObjectKey, api_version: str = "v1", owner: str = "") -> ObjectKey:
        body = an_object(kind, name, api_version=api_version, namespace="default")
        gvk = GVK.parse(api_version, kind)
        found = dict(marked(body, ObjectKey(gvk.group, kind, "default", name), owner))
        metadata: Any = found["metadata"]
        found["metadata"] = {**metadata, "ownerReferences": [{"uid": self.cluster.live(above).uid}]}
        return self.cluster.plant(found)

    def ground(self, name: AppName) -> Ground | None:
        if name != SHOP:
            return None
        there = self.cluster.keys()
        live = [self.cluster.live(key) for key in self.managed if key in there]
        return Ground(self.spec, self.cluster, live, self.wanted)

    async def run(self, key: ObjectKey, action: str, **given: str) -> Done:
        return await self.actions.run(SHOP, key, action, given, by="ann")

    def field(self, key: ObjectKey, *path: str) -> object:
        return value(self.cluster.live(key).document.body(), *path)


def marked(body: JsonObject, key: ObjectKey, owner: str) -> JsonObject:
    """`body` as an application's own."""
    metadata: Any = body["metadata"]
    marks = {TRACKING_ID: tracking_id(AppName(owner), key, "default")} if owner else {}
    return {**body, "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), **marks}}}
