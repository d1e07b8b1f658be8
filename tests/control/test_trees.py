"""Trees that follow what clusters tell, for as long as somebody looks at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import anyio
import pytest

from gitopsd.control.trees import Ground, Sight, Trees
from gitopsd.core.appstatus import ResourceStatus, SyncCode
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.ids import AppName, GroupKind, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, JsonValue
from gitopsd.core.live import LiveObject
from gitopsd.ports.cluster import Cluster
from gitopsd.testing.builders import a_deployment, an_object
from gitopsd.testing.clock import FakeClock
from gitopsd.testing.cluster import FakeCluster
from gitopsd.testing.health import FakeJudge

SHOP = AppName("shop")
PODS = GroupKind("", "Pod")


def below(kind: str, name: str, owner: str, status: JsonValue = None) -> JsonObject:
    """An object that `owner` (a uid) owns."""
    api_version = "apps/v1" if kind == "ReplicaSet" else "v1"
    body = an_object(kind, name, api_version=api_version, namespace="default", status=status)
    metadata: JsonObject = {**body["metadata"], "ownerReferences": [{"uid": owner}]}  # type: ignore[dict-item]  # builders make mappings
    return {**body, "metadata": metadata}


class Shop:
    """An application with a Deployment, its ReplicaSet and pods."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.clock = FakeClock()
        self.judge = FakeJudge()
        self.deployment = self.cluster.plant(a_deployment(namespace="default"))
        self.replica_set = self.cluster.plant(below("ReplicaSet", "web-1", self.uid(self.deployment)))
        self.ground: Ground | None = None
        self.look_again()
        self.trees = Trees(lambda name: self.ground if name == SHOP else None, self.judge, self.clock)

    def uid(self, key: ObjectKey) -> str:
        return str(self.cluster.live(key).uid)

    def pod(self, name: str, phase: str = "Running") -> ObjectKey:
        status: JsonValue = {"phase": phase, "conditions": [{"type": "Ready", "status": "True"}]}
        return self.cluster.plant(below("Pod", name, self.uid(self.replica_set), status=status))

    def look_again(self) -> None:
        """A pass over the application: its ground is what the cluster has now."""
        live = self.cluster.live(self.deployment)
        status = ResourceStatus(live.key, live.gvk, SyncCode.SYNCED, Health(HealthStatus.PROGRESSING))
        self.ground = Ground((status,), (live,), self.cluster)

    async def seen(self) -> Sight:
        found = await self.trees.look(SHOP)
        assert found is not None
        return found

    async def names(self) -> list[str]:
        return [placed.ref.name for placed in (await self.seen()).view().nodes]


@pytest.fixture
def shop() -> Shop:
    return Shop()


async def test_an_application_that_is_not_there_has_no_tree(shop: Shop) -> None:
    assert await shop.trees.look(AppName("ghost")) is None


async def test_an_application_that_was_not_looked_at_shows_what_is_remembered_of_it(shop: Shop) -> None:
    assert shop.ground is not None
    shop.ground = Ground(shop.ground.managed)
    [placed] = (await shop.seen()).view().nodes
    assert (placed.ref.name, placed.node) == ("web", None)
    assert len(shop.trees) == 0


async def test_what_changes_after_the_first_look_is_in_the_next_one(shop: Shop) -> None:
    first = shop.pod("web-1-a")
    assert await shop.names() == ["web", "web-1", "web-1-a"]
    shop.pod("web-1-b")
    shop.cluster.remove(first)
    shop.cluster.plant(an_object("Pod", "stranger", namespace="default"))
    assert await shop.names() == ["web", "web-1", "web-1-b"]


async def test_only_what_changed_is_judged_again(shop: Shop) -> None:
    pods = [shop.pod(f"web-1-{number}") for number in range(250)]
    await shop.seen()
    assert shop.judge.asked == 251
    shop.cluster.set_status(pods[7], {"phase": "Failed"})
    node = (await shop.seen()).nodes[pods[7]]
    assert shop.judge.asked == 252
    assert node.health is not None
    assert node.health.status is HealthStatus.DEGRADED


async def test_what_is_below_a_new_child_comes_with_it(shop: Shop) -> None:
    await shop.seen()
    other = shop.cluster.plant(below("ReplicaSet", "web-2", "not-yet"))
    pod = shop.cluster.plant(below("Pod", "web-2-a", shop.uid(other)))
    owner: JsonValue = [{"uid": shop.uid(shop.deployment)}]
    shop.cluster.edit(other, lambda body: body["metadata"].update(ownerReferences=owner))
    assert await shop.names() == ["web", "web-1", "web-2", pod.name]


async def test_a_new_root_brings_what_is_below_it(shop: Shop) -> None:
    shop.pod("web-1-a")
    await shop.seen()
    claim = shop.cluster.plant(an_object("Secret", "made", namespace="default"))
    child = shop.cluster.plant(below("ConfigMap", "child", shop.uid(claim)))
    assert shop.ground is not None
    live = shop.cluster.live(claim)
    status = ResourceStatus(claim, live.gvk, SyncCode.SYNCED, None)
    shop.ground = Ground((*shop.ground.managed, status), (*shop.ground.live, live), shop.cluster)
    assert await shop.names() == ["web", "web-1", "web-1-a", "made", child.name]


async def test_an_object_made_anew_loses_the_children_of_the_old_one(shop: Shop) -> None:
    shop.pod("web-1-a")
    await shop.seen()
    shop.cluster.remove(shop.deployment)
    assert await shop.names() == ["web"]
    shop.cluster.plant(a_deployment(namespace="default"))
    shop.look_again()
    [placed] = (await shop.seen()).view().nodes
    assert placed.node is not None


async def test_a_pass_that_is_behind_the_watch_does_not_turn_the_tree_back(shop: Shop) -> None:
    await shop.seen()
    shop.cluster.settle(shop.deployment)
    assert dict((await shop.seen()).nodes[shop.deployment].info)["Replicas"] == "1/1"


async def test_a_cluster_that_is_down_leaves_the_tree_as_it_was(shop: Shop) -> None:
    shop.pod("web-1-a")
    await shop.seen()
    shop.cluster.go_down()
    assert await shop.names() == ["web", "web-1", "web-1-a"]
    shop.cluster.come_up()
    shop.pod("web-1-b")
    assert await shop.names() == ["web", "web-1", "web-1-a", "web-1-b"]


async def test_two_who_look_at_once_see_the_same(shop: Shop) -> None:
    for number in range(150):
        shop.pod(f"web-1-{number}")
    found: list[Sight] = []

    async def look() -> None:
        found.append(await shop.seen())

    async with anyio.create_task_group() as group:
        group.start_soon(look)
        group.start_soon(look)
    assert found[0] == found[1]
    assert len(found[0].nodes) == 152


class Meddler:
    """A judge during whose work objects change."""

    def __init__(self, shop: Shop, pod: ObjectKey) -> None:
        self._shop = shop
        self._pod = pod
        self._judge = FakeJudge()
        self.number = 0

    async def assess(self, objects: Sequence[LiveObject]) -> Mapping[ObjectKey, Health | None]:
        self.number += 1
        self._shop.cluster.set_status(self._pod, {"phase": "Running", "message": str(self.number)})
        return await self._judge.assess(objects)


async def test_an_object_that_never_stops_changing_holds_nobody_up(shop: Shop) -> None:
    pod = shop.pod("web-1-a")
    judge = Meddler(shop, pod)
    trees = Trees(lambda _: shop.ground, judge, shop.clock)
    with anyio.fail_after(30):
        sight = await trees.look(SHOP)
    assert sight is not None
    assert shop.deployment in sight.nodes
    assert judge.number <= 2


async def test_a_tree_that_nobody_looks_at_is_let_go(shop: Shop) -> None:
    pod = shop.pod("web-1-a")
    await shop.seen()
    await shop.clock.advance(200)
    shop.cluster.set_status(pod, {"phase": "Pending"})
    assert len(shop.trees) == 1
    await shop.clock.advance(200)
    shop.cluster.set_status(pod, {"phase": "Running"})
    assert len(shop.trees) == 0
    assert shop.cluster.tracers == 0
    assert await shop.names() == ["web", "web-1", "web-1-a"]
    shop.trees.forget()
    assert shop.cluster.tracers == 0


async def test_the_oldest_tree_makes_room(shop: Shop) -> None:
    trees = Trees(lambda _: shop.ground, shop.judge, shop.clock)
    for number in range(40):
        await trees.look(AppName(f"app-{number}"))
    assert len(trees) == 32
    assert shop.cluster.tracers == 1


async def test_an_application_that_moves_to_another_cluster_gets_a_tree_there(shop: Shop) -> None:
    await shop.seen()
    before = shop.cluster
    other = FakeCluster("other")
    key = other.plant(a_deployment(namespace="default"))
    live = other.live(key)
    cluster: Cluster = other
    shop.ground = Ground((ResourceStatus(key, live.gvk, SyncCode.SYNCED, None),), (live,), cluster)
    assert await shop.names() == ["web"]
    assert (before.tracers, other.tracers) == (0, 1)


async def test_kinds_that_cannot_be_read_and_orphaned_objects_are_told(shop: Shop) -> None:
    assert shop.ground is not None
    await shop.cluster.observe(SHOP, [shop.deployment], [])
    shop.cluster.make_unreadable(PODS, "may not be listed")
    lost = shop.cluster.live(shop.cluster.plant(an_object("Service", "lost", namespace="default")))
    shop.ground = Ground(shop.ground.managed, shop.ground.live, shop.cluster, (lost,))
    view = (await shop.seen()).view()
    assert view.unreadable == {PODS: "may not be listed"}
    assert [(placed.ref.name, placed.node and placed.node.info) for placed in view.orphaned] == [("lost", ())]
