"""The hooks of deletions and what is in their place already: an object that nobody sees is nobody's to overwrite."""

from collections.abc import Collection
from dataclasses import replace

import pytest

from gitopsd.core.annotations import HOOK, HOOK_DELETE_POLICY
from gitopsd.core.history import DeletionPhase
from gitopsd.core.ids import GVK, AppName, GroupKind, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, mapping
from gitopsd.core.live import Live, LiveObject
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.permit import Permit
from gitopsd.testing.builders import a_config_map, an_object
from tests.control.deletion_world import DeletionWorld, MortalCluster, an_app_with_finalizer

APP = an_app_with_finalizer()
CONFIG_MAP = GroupKind("", "ConfigMap")
CLEANUP = ObjectKey("", "ConfigMap", "default", "cleanup")
BYE = ObjectKey("batch", "Job", "default", "bye")
STRANGERS = a_config_map("cleanup", data={"of": "somebody else"})
DEPLOYED = (
    an_object("Service", "web"),
    a_config_map("cleanup", annotations={HOOK: "PreDelete", HOOK_DELETE_POLICY: "HookSucceeded"}),
)


class LateCluster(MortalCluster):
    """Its watch does not show `hidden` objects yet."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden: set[ObjectKey] = set()
        self.asked: list[str] = []

    async def observe(self, app: AppName, keys: Collection[ObjectKey], kinds: Collection[GVK]) -> Live:
        live = await super().observe(app, keys, kinds)
        return replace(live, objects={key: one for key, one in live.objects.items() if key not in self.hidden})

    async def create(self, permit: Permit, desired: DesiredObject, *, impersonate: str = "") -> LiveObject:
        self.asked.append(desired.key.name)
        assert len(self.asked) < 50, "it is asked for without a pause"
        return await super().create(permit, desired, impersonate=impersonate)


@pytest.fixture
def world() -> DeletionWorld:
    """A cluster and a journal, both fakes, and nothing that runs yet."""
    return DeletionWorld()


def data(world: DeletionWorld) -> JsonObject:
    body = world.cluster.body(CLEANUP)
    assert body is not None
    return mapping(body, "data")


async def test_a_hook_waits_while_nobody_can_say_whether_its_place_is_taken(world: DeletionWorld) -> None:
    leaving = world.deployed(APP, *DEPLOYED)
    world.cluster.plant(STRANGERS)
    world.cluster.make_unreadable(CONFIG_MAP, "it may not be listed", "default")
    async with world.running(APP):
        await world.leaves(leaving)
        await world.settle(60)
        assert world.writes() == []
        assert "nobody can say whether ConfigMap default/cleanup is there" in world.of().message
        assert "it may not be listed" in world.of().message
        world.cluster.allow(CONFIG_MAP)
        await world.settle(60)
        assert world.writes() == []
        assert "it belongs to nobody that gitopsd knows" in world.of().error
        assert data(world) == {"of": "somebody else"}
        world.cluster.remove(CLEANUP)
        await world.settle(600)
        assert world.writes() == ["create cleanup", "delete cleanup", "delete web"]
    assert world.bugs == []


async def test_a_hook_leaves_an_object_alone_that_somebody_else_made_since_the_look(world: DeletionWorld) -> None:
    leaving = world.deployed(APP, *DEPLOYED)
    world.cluster.gate.hold("create")
    async with world.running(APP):
        await world.leaves(leaving)
        world.cluster.plant(STRANGERS)
        world.cluster.gate.release("create")
        await world.settle(60)
        assert world.writes() == []
        assert "it belongs to nobody that gitopsd knows" in world.of().error
        assert data(world) == {"of": "somebody else"}


async def test_a_hook_that_the_watch_does_not_show_yet_is_not_asked_for_again_and_again(world: DeletionWorld) -> None:
    world.cluster = cluster = LateCluster()
    world.clusters = [cluster]
    job = an_object("Job", "bye", api_version="batch/v1", annotations={HOOK: "PreDelete"})
    leaving = world.deployed(APP, an_object("Service", "web"), job)
    cluster.plant(an_object("Job", "bye", api_version="batch/v1"))
    cluster.hidden = {BYE}
    async with world.running(APP):
        await world.leaves(leaving)
        await world.settle(20)
        assert 2 <= len(cluster.asked) <= 6
        assert world.of().phase is DeletionPhase.PRE_DELETE
        cluster.hidden = set()
        await world.settle(20)
        assert "is not the application's" in world.of().error
        assert world.writes() == []
    assert world.bugs == []
