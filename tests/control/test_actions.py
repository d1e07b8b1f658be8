"""Resource actions: whose objects, as whom, and what is told afterwards."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitopsd.control.actions import Actions, Done
from gitopsd.core.actions.action import Creation, Merge
from gitopsd.core.annotations import TRACKING_ID
from gitopsd.core.errors import ClusterError, OperationError
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, text
from gitopsd.core.live import LiveObject
from gitopsd.core.permit import Permit
from gitopsd.core.project import DestinationServiceAccount, Impersonation, Project, Projects
from gitopsd.core.syncrequest import ObjectFilter
from gitopsd.ports.cluster import Patch
from gitopsd.testing.builders import a_config_map, a_deployment, an_object
from gitopsd.testing.clock import FakeClock
from gitopsd.testing.cluster import FakeCluster, Write
from tests.control.acting import SHOP, World, marked

ALL = ObjectFilter()
ACCOUNT = "system:serviceaccount:default:deployer"


class NoStatus(FakeCluster):
    """A cluster whose kinds have no subresource `status`, and which refuses what a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: set[str] = set()
        self.tried: list[Patch] = []

    async def patch(self, permit: Permit, live: LiveObject, patch: Patch, *, impersonate: str = "") -> LiveObject:
        self.tried.append(patch)
        if patch.subresource == "status":
            raise ClusterError("not found", status=404)
        if patch.body.keys() & self.refused:
            raise ClusterError("denied", status=403, why="a webhook")
        return await super().patch(permit, live, patch, impersonate=impersonate)


@pytest.fixture
def world() -> World:
    return World()


async def test_an_action_patches_the_object(world: World) -> None:
    done = await world.run(world.deployment, "restart")
    annotations = ("spec", "template", "metadata", "annotations")
    assert world.field(world.deployment, *annotations, "kubectl.kubernetes.io/restartedAt")
    assert done == Done(SHOP, world.deployment, "restart", "ann", patched=(world.deployment,))
    assert world.done == [done]
    assert world.cluster.writes == [Write("patch", world.deployment)]


async def test_a_field_that_git_sets_is_told_to_be_set_back(world: World) -> None:
    done = await world.run(world.deployment, "scale", replicas="5")
    assert world.field(world.deployment, "spec", "replicas") == 5
    assert (done.undone, done.self_heal) == (("spec.replicas",), False)
    healing = World(self_heal=True)
    assert (await healing.run(healing.deployment, "scale", replicas="5")).self_heal
    assert not (await healing.run(healing.deployment, "restart")).undone
    assert (await healing.run(healing.deployment, "scale", replicas="2")).undone == ()


async def test_a_job_is_made_of_a_cron_job_in_its_namespace(world: World) -> None:
    body = {**an_object("CronJob", "nightly", api_version="batch/v1", namespace="default"), "spec": {"jobTemplate": {}}}
    key = world.manage(body)
    done = await world.run(key, "create-job")
    (made,) = done.created
    assert (made.kind, made.namespace, made.name[:8]) == ("Job", "default", "nightly-")
    assert world.cluster.live(made).owner_uids == (world.cluster.live(key).uid,)
    assert world.cluster.live(made).owner == ""


async def test_objects_below_those_that_are_managed_have_their_actions_too(world: World) -> None:
    job = world.below("Job", "run", world.replica_set, "batch/v1")
    assert (await world.run(job, "suspend")).patched == (job,)


async def test_the_actions_of_many_objects_are_found_by_a_filter(world: World) -> None:
    job = world.below("Job", "run", world.replica_set, "batch/v1")
    found = await world.actions.offers(SHOP, ALL)
    assert [offer.live.key for offer in found.items] == [world.deployment, job]
    assert "scale" in {action.name for action in found.items[0].actions}
    assert [offer.live.key for offer in (await world.actions.offers(SHOP, ObjectFilter(kind="J*"))).items] == [job]


async def test_a_list_of_too_many_says_so(world: World) -> None:
    for number in range(600):
        world.below("Job", f"run-{number}", world.replica_set, "batch/v1")
    found = await world.actions.offers(SHOP, ALL)
    assert (len(found.items), found.truncated) == (500, True)


async def test_a_script_that_fails_on_one_object_is_told_beside_it(world: World) -> None:
    world.scripted.changing = {"broken": ()}
    found = await world.actions.offers(SHOP, ObjectFilter(kind="Deployment"))
    assert found.items[0].actions == ()
    assert "script failed" in found.items[0].error


@pytest.mark.parametrize("verb", ["offered", "run"])
async def test_R1_an_object_outside_of_the_application_is_forbidden(world: World, verb: str) -> None:
    strange = {
        "nobody's": world.cluster.plant(a_config_map("free", namespace="default")),
        "another application's": world.manage(a_deployment("theirs", namespace="default"), owner="bank"),
        "never applied": world.manage(a_deployment("forbidden", namespace="default"), owner=""),
        "not there": ObjectKey("apps", "Deployment", "default", "ghost"),
        "another application's, below": world.below("Job", "theirs", world.deployment, "batch/v1", owner="bank"),
    }
    strange["below another's"] = world.below("Job", "deep", strange["another application's, below"], "batch/v1")
    for why, key in strange.items():
        with pytest.raises(OperationError) as caught:
            await (world.actions.offered(SHOP, key) if verb == "offered" else world.run(key, "restart"))
        assert caught.value.reason == "Forbidden", why
    listed = await world.actions.offers(SHOP, ALL)
    assert {offer.live.key for offer in listed.items} == {world.deployment}
    assert world.cluster.writes == []


async def test_R1_the_project_is_asked_again_at_the_moment_of_use(world: World) -> None:
    def forbid() -> None:
        world.projects = Projects({"default": Project("default", unenforced=("clusterResourceWhitelist",))})

    world.scripted.meanwhile = forbid
    with pytest.raises(OperationError) as caught:
        await world.run(world.deployment, "restart")
    assert (caught.value.reason, world.cluster.writes) == ("Forbidden", [])
    with pytest.raises(OperationError) as caught:
        await world.actions.offered(SHOP, world.deployment)
    assert caught.value.reason == "Forbidden"


async def test_R1_an_object_that_was_replaced_meanwhile_is_left_alone(world: World) -> None:
    def swap() -> None:
        world.cluster.remove(world.deployment)
        world.manage(a_deployment(namespace="default"))

    world.scripted.meanwhile = swap
    with pytest.raises(OperationError, match="replaced meanwhile"):
        await world.run(world.deployment, "restart")
    assert world.cluster.writes == []


async def test_N1_every_write_of_an_action_is_made_as_the_projects_service_account(world: World) -> None:
    account = DestinationServiceAccount("*", "default", "default:deployer")
    world.projects = Projects({"default": Project("default", accounts=(account,))}, Impersonation(enabled=True))
    key = world.manage({**an_object("CronJob", "nightly", api_version="batch/v1", namespace="default"), "spec": {}})
    await world.run(world.deployment, "restart")
    await world.run(key, "create-job")
    await world.run(key, "suspend")
    assert {write.verb for write in world.cluster.writes} == {"patch", "create"}
    assert {write.user for write in world.cluster.writes} == {ACCOUNT}


async def test_N1_where_no_account_is_named_no_action_runs(world: World) -> None:
    world.projects = Projects(impersonation=Impersonation(enabled=True))
    with pytest.raises(OperationError) as caught:
        await world.run(world.deployment, "restart")
    assert (caught.value.reason, world.cluster.writes) == ("Forbidden", [])


@pytest.mark.parametrize(
    ("key", "action", "given", "reason"),
    [
        ("deployment", "explode", {}, "NotFound"),
        ("deployment", "resume", {}, "Blocked"),
        ("deployment", "scale", {"replicas": "many"}, "Invalid"),
        ("deployment", "scale", {}, "Invalid"),
        ("deployment", "restart", {"now": "yes"}, "Invalid"),
        ("pod", "restart", {}, "NotFound"),
    ],
)
async def test_what_cannot_be_run_says_why(
    world: World, key: str, action: str, given: dict[str, str], reason: str
) -> None:
    with pytest.raises(OperationError) as caught:
        await world.run(getattr(world, key), action, **given)
    assert caught.value.reason == reason
    assert world.cluster.writes == []


async def test_what_is_not_there_is_told_apart(world: World) -> None:
    missing = world.manage(a_deployment("missing", namespace="default"), planted=False)
    with pytest.raises(OperationError, match="not in the cluster") as caught:
        await world.run(missing, "restart")
    assert caught.value.reason == "NotFound"
    with pytest.raises(OperationError, match="no such application"):
        await world.actions.offered(AppName("ghost"), missing)


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"name": "other"}},
        {"kind": "Secret"},
        {"metadata": {"annotations": {TRACKING_ID: "bank:apps/Deployment:default/web"}}},
    ],
)
async def test_R1_an_action_changes_neither_what_an_object_is_nor_whose(world: World, body: JsonObject) -> None:
    world.scripted.changing = {"steal": [Merge(body)]}
    with pytest.raises(OperationError) as caught:
        await world.run(world.deployment, "steal")
    assert (caught.value.reason, world.cluster.writes) == ("Invalid", [])


async def test_R1_a_new_object_carries_no_mark_of_an_application(world: World) -> None:
    body = marked(a_config_map("made", namespace="default"), world.deployment, "shop")
    world.scripted.changing = {"make": [Creation({**body, "status": {"x": 1}})]}
    (made,) = (await world.run(world.deployment, "make")).created
    assert TRACKING_ID not in str(world.field(made, "metadata", "annotations"))
    assert world.field(made, "status") is None


async def test_a_kind_that_is_not_served_is_refused_before_anything_is_written(world: World) -> None:
    gone = an_object("Widget", "w", api_version="example.org/v1", namespace="default")
    world.scripted.changing = {"make": [Merge({"spec": {"replicas": 3}}), Creation(gone)]}
    with pytest.raises(OperationError, match="does not serve"):
        await world.run(world.deployment, "make")
    assert world.cluster.writes == []


async def test_a_generated_name_is_another_one_each_time(world: World) -> None:
    body = a_config_map("x")
    metadata: JsonObject = {"generateName": "made-"}
    world.scripted.changing = {"make": [Creation({**body, "metadata": metadata})]}
    (made,) = (await world.run(world.deployment, "make")).created
    assert made.name.startswith("made-")
    assert len(made.name) > len("made-")
    assert made.namespace == "default"


async def test_a_status_without_its_subresource_is_patched_with_the_object() -> None:
    cluster = NoStatus()
    world = World(cluster)
    world.scripted.changing = {"end": [Merge({"status": {"conditions": []}, "spec": {"paused": True}})]}
    version = cluster.live(world.deployment).resource_version
    done = await world.run(world.deployment, "end")
    assert done.patched == (world.deployment,)
    assert world.field(world.deployment, "spec", "paused") is True
    # A list replaces what may have become another one: only at the version that it was made from, and then at ours.
    assert [patch.subresource for patch in cluster.tried] == ["status", "", ""]
    first, second, third = (text(patch.body, "metadata", "resourceVersion") for patch in cluster.tried)
    assert (first, second) == (version, version)
    assert int(third) > int(version)


async def test_an_action_that_fails_half_way_says_what_was_done() -> None:
    cluster = NoStatus()
    world = World(cluster)
    made = a_config_map("made", namespace="default")
    world.scripted.changing = {"two": [Creation(made), Merge({"spec": {"paused": True}})]}
    cluster.refused = {"spec"}
    with pytest.raises(OperationError, match="done in part: created ConfigMap default/made") as caught:
        await world.run(world.deployment, "two")
    assert (caught.value.reason, caught.value.why) == ("Failed", "denied")
    assert [done.created for done in world.done] == [(ObjectKey("", "ConfigMap", "default", "made"),)]
    world.scripted.changing = {"one": [Merge({"spec": {"paused": True}})]}
    with pytest.raises(ClusterError, match="denied"):
        await world.run(world.deployment, "one")
    assert len(world.done) == 1


async def test_an_action_that_changes_nothing_writes_nothing(world: World) -> None:
    world.scripted.changing = {"nothing": ()}
    done = await world.run(world.deployment, "nothing")
    assert (done.patched, done.created, world.done, world.cluster.writes) == ((), (), [], [])


async def test_without_a_cluster_there_is_nothing_to_act_on(world: World) -> None:
    ground = world.ground(SHOP)
    assert ground is not None
    actions = Actions(lambda _name: replace(ground, cluster=None), world.scripted, Projects, FakeClock())
    assert (await actions.offers(SHOP, ALL)).items == ()
    with pytest.raises(OperationError):
        await actions.run(SHOP, world.deployment, "restart", {}, by="ann")
