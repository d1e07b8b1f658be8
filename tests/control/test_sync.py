"""An application alone with its cluster: what is created, changed, pruned, healed, and what is left alone."""

from dataclasses import replace

from gitopsd.core.annotations import HOOK, HOOK_DELETE_POLICY
from gitopsd.core.app import RetryPolicy
from gitopsd.core.appstatus import SyncCode
from gitopsd.core.conditions import ConditionType
from gitopsd.core.errors import ClusterError
from gitopsd.core.health.status import HealthStatus
from gitopsd.core.ids import AppName, GroupKind, ObjectKey
from gitopsd.core.jsonvalue import mapping
from gitopsd.core.operation import Phase, ResultCode
from gitopsd.core.syncrequest import SyncRequest
from gitopsd.testing.builders import (
    a_config_map,
    a_definition,
    a_deployment,
    a_namespace,
    an_app,
    an_instance,
    an_object,
)
from tests.control.world import GivenWorld, config_map_key, deployment_key

PRUNE_FALSE = {"argocd.argoproj.io/sync-options": "Prune=false"}


def fields_of(world: GivenWorld, key: ObjectKey, *path: str) -> object:
    body = world.cluster.body(key)
    assert body is not None
    return dict(mapping(body, *path))


async def test_missing_objects_are_created(world: GivenWorld) -> None:
    commit = world.git(a_config_map(), a_deployment())
    async with world.running(an_app()):
        status = world.status()
        assert world.writes() == ["apply settings", "apply web"]
        assert (status.sync, status.health.status) == (SyncCode.SYNCED, HealthStatus.HEALTHY)
        assert status.revisions == (commit,)
        assert status.operation is not None
        assert status.operation.phase is Phase.SUCCEEDED
        assert {result.code for result in status.operation.results.values()} == {ResultCode.SYNCED}


async def test_the_time_of_an_object_is_that_of_its_request_and_not_of_its_turn(world: GivenWorld) -> None:
    world.git(*(a_config_map(f"one-{number}") for number in range(100)))
    world.cluster.gate.hold("apply")
    async with world.running(an_app()):
        await world.settle(9)
        assert world.cluster.gate.waiting["apply"] == 32
        world.cluster.gate.release("apply")
        await world.settle()
        operation = world.status().operation
        assert operation is not None
        assert operation.phase is Phase.SUCCEEDED
        seconds = [result.seconds for result in operation.results.values()]
        assert sum(took >= 9 for took in seconds) == 32
        assert max(sorted(seconds)[:68]) < 1


async def test_a_commit_goes_live_and_touches_only_what_it_changed(world: GivenWorld) -> None:
    world.git(a_config_map(), a_deployment())
    async with world.running(an_app()):
        world.cluster.writes.clear()
        await world.push(a_config_map(), a_deployment(image="nginx:2"))
        assert world.writes() == ["apply web"]
        assert world.status().sync is SyncCode.SYNCED


async def test_a_field_that_left_git_leaves_the_cluster(world: GivenWorld) -> None:
    world.git(a_config_map(data={"a": "1", "b": "2"}))
    async with world.running(an_app()):
        await world.push(a_config_map(data={"a": "1"}))
        assert fields_of(world, config_map_key(), "data") == {"a": "1"}
        assert world.status().sync is SyncCode.SYNCED


async def test_an_object_that_left_git_is_pruned_where_that_is_allowed(world: GivenWorld) -> None:
    world.git(a_config_map("kept"), a_config_map("gone"))
    async with world.running(an_app(prune=True)):
        await world.push(a_config_map("kept"))
        assert world.cluster.keys("ConfigMap") == [config_map_key("kept")]
        assert world.cluster.writes[-1].propagation == "Foreground"
        assert world.status().sync is SyncCode.SYNCED


async def test_an_object_that_left_git_stays_where_pruning_is_off(world: GivenWorld) -> None:
    world.git(a_config_map("kept"), a_config_map("gone"))
    async with world.running(an_app()):
        await world.push(a_config_map("kept"))
        status = world.status()
        assert "delete gone" not in world.writes()
        assert status.sync is SyncCode.OUT_OF_SYNC
        assert {item.key.name: item.requires_pruning for item in status.resources} == {"kept": False, "gone": True}


async def test_an_object_that_says_prune_false_stays_and_nobody_tries_for_ever(world: GivenWorld) -> None:
    world.git(a_config_map("kept"), a_config_map("gone", annotations=PRUNE_FALSE))
    async with world.running(an_app(prune=True, self_heal=True)):
        await world.push(a_config_map("kept"))
        assert world.cluster.has(config_map_key("gone"))
        ended, passes = len(world.operations()), world.passes()
        await world.clock.advance(3600)
        assert len(world.operations()) == ended
        assert world.passes() <= passes + 1


async def test_objects_of_somebody_else_are_left_alone(world: GivenWorld) -> None:
    stranger = world.cluster.plant(a_config_map("stranger", namespace="default"))
    copied = world.cluster.plant(
        a_config_map(
            "copy",
            namespace="default",
            annotations={"argocd.argoproj.io/tracking-id": "guestbook:/ConfigMap:default/settings"},
        )
    )
    world.git(a_config_map())
    async with world.running(an_app(prune=True, self_heal=True)):
        assert {stranger, copied} <= set(world.cluster.keys())
        assert world.writes() == ["apply settings"]
        assert world.status().sync is SyncCode.SYNCED


async def test_a_hook_leaves_an_object_alone_that_somebody_else_made_since_the_look(world: GivenWorld) -> None:
    marks = {HOOK: "PreSync", HOOK_DELETE_POLICY: "HookSucceeded"}
    world.git(a_config_map(), a_config_map("before", annotations=marks))
    world.cluster.gate.hold("create")
    async with world.running(an_app()):
        world.cluster.plant(a_config_map("before", data={"of": "somebody else"}))
        world.cluster.gate.release("create")
        await world.settle()
        assert fields_of(world, config_map_key("before"), "data") == {"of": "somebody else"}
        assert world.writes() == []
        assert "there is one already, and it is nobody's" in world.condition(ConditionType.SYNC_ERROR)


async def test_an_object_that_was_there_before_is_adopted(world: GivenWorld) -> None:
    world.cluster.plant(a_config_map(namespace="default", data={"colour": "red", "shape": "round"}))
    world.git(a_config_map())
    async with world.running(an_app()):
        assert fields_of(world, config_map_key(), "data") == {"colour": "green", "shape": "round"}
        assert world.status().sync is SyncCode.SYNCED


async def test_drift_is_healed_where_self_heal_is_on(world: GivenWorld) -> None:
    world.git(a_deployment(replicas=2))
    async with world.running(an_app(self_heal=True)):
        world.cluster.edit(deployment_key(), lambda body: body["spec"].update(replicas=9))
        await world.settle()
        assert fields_of(world, deployment_key(), "spec")["replicas"] == 2  # type: ignore[index]  # the spec is a dict
        world.cluster.remove(deployment_key())
        await world.settle(10)
        assert world.cluster.has(deployment_key())
        assert world.status().sync is SyncCode.SYNCED


async def test_drift_is_only_shown_where_self_heal_is_off(world: GivenWorld) -> None:
    world.git(a_deployment(replicas=2))
    async with world.running(an_app()):
        world.cluster.edit(deployment_key(), lambda body: body["spec"].update(replicas=9))
        await world.settle(600)
        status = world.status()
        assert status.sync is SyncCode.OUT_OF_SYNC
        assert [item.changes for item in status.resources] == [("spec.replicas",)]
        assert "selfHeal is off" in status.decision
        assert world.writes() == ["apply web"]


async def test_a_field_that_git_does_not_set_belongs_to_others(world: GivenWorld) -> None:
    world.git(a_deployment(replicas=None))
    async with world.running(an_app(self_heal=True)):
        world.cluster.edit(deployment_key(), lambda body: body["spec"].update(replicas=9))
        await world.settle(600)
        assert world.writes() == ["apply web"]
        assert world.status().sync is SyncCode.SYNCED


async def test_healing_what_somebody_keeps_changing_backs_off(world: GivenWorld) -> None:
    world.git(a_config_map())
    async with world.running(an_app(self_heal=True)):

        def paint(body: dict[str, object]) -> None:
            body["data"] = {"colour": "red"}

        for _ in range(600):
            if fields_of(world, config_map_key(), "data") == {"colour": "green"}:
                world.cluster.edit(config_map_key(), paint)
            await world.settle(1)
        assert 4 <= len(world.writes()) - 1 <= 7


async def test_a_manual_application_is_only_compared(world: GivenWorld) -> None:
    world.git(a_config_map())
    async with world.running(an_app(automated=False)):
        await world.push(a_config_map(data={"colour": "blue"}))
        status = world.status()
        assert world.writes() == []
        assert (status.sync, status.health.status) == (SyncCode.OUT_OF_SYNC, HealthStatus.MISSING)
        assert status.operation is None


async def test_waves_wait_until_the_one_before_is_healthy(world: GivenWorld) -> None:
    world.cluster.controllers = False
    world.git(a_deployment("first", wave=0), a_deployment("second", wave=1))
    async with world.running(an_app()):
        operation = world.status().operation
        assert world.writes() == ["apply first"]
        assert operation is not None
        assert operation.phase is Phase.RUNNING
        assert "waiting for apps/Deployment default/first" in operation.message
        world.cluster.settle(deployment_key("first"))
        await world.settle()
        assert world.writes() == ["apply first", "apply second"]
        world.cluster.settle(deployment_key("second"))
        await world.settle()
        assert world.operations() == ["Succeeded"]


async def test_a_wave_that_gets_degraded_fails_the_sync_which_is_tried_again(world: GivenWorld) -> None:
    world.cluster.controllers = False
    world.git(a_deployment("first", wave=0), a_deployment("second", wave=1))
    async with world.running(an_app(self_heal=True)):
        late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "too late"}
        world.cluster.set_status(deployment_key("first"), {"observedGeneration": 1, "conditions": [late]})
        await world.settle()
        assert world.operations() == ["Failed"]
        assert "first is Degraded" in world.condition(ConditionType.SYNC_ERROR)
        assert world.writes() == ["apply first"]
        world.cluster.settle(deployment_key("first"))
        await world.settle(10)
        assert world.writes() == ["apply first", "apply second"]


async def test_an_object_that_vanishes_while_its_wave_is_waited_for_fails_the_sync(world: GivenWorld) -> None:
    world.cluster.controllers = False
    world.git(a_deployment("first", wave=0), a_deployment("second", wave=1))
    async with world.running(an_app()):
        world.cluster.remove(deployment_key("first"))
        await world.settle()
        assert world.operations() == ["Failed"]
        await world.settle(10)
        assert world.writes() == ["apply first", "apply first"]


async def test_a_newer_commit_supersedes_a_parked_sync(world: GivenWorld) -> None:
    world.cluster.controllers = False
    world.git(a_deployment("first", wave=0), a_deployment("second", wave=1))
    async with world.running(an_app(prune=True)):
        await world.push(a_deployment("first", wave=0, image="nginx:2"), a_config_map("second", wave=1))
        assert world.writes() == ["apply first", "apply first"]
        world.cluster.settle(deployment_key("first"))
        await world.settle()
        assert world.cluster.keys("ConfigMap") == [config_map_key("second")]
        assert world.cluster.keys("Deployment") == [deployment_key("first")]


async def test_a_parked_sync_that_git_made_needless_does_not_stay_running(world: GivenWorld) -> None:
    world.cluster.controllers = False
    world.git(a_deployment("first", wave=0), a_deployment("second", wave=1))
    async with world.running(an_app()):
        await world.push(a_deployment("first", wave=0))
        operation = world.status().operation
        assert operation is not None
        assert operation.phase is Phase.FAILED
        assert "superseded" in operation.message
        assert world.status().sync is SyncCode.SYNCED
        assert world.condition(ConditionType.SYNC_ERROR) == ""


async def test_an_invalid_object_stops_no_other_and_is_tried_again(world: GivenWorld) -> None:
    bad = an_object("ConfigMap", "bad", data={"port": 8080})
    world.git(a_config_map("good"), bad, a_config_map("fine"))
    async with world.running(an_app(retry=RetryPolicy(seconds=5, factor=2, max_seconds=180))):
        operation = world.status().operation
        assert operation is not None
        assert {key.name: result.code for key, result in operation.results.items()} == {
            "good": ResultCode.SYNCED,
            "fine": ResultCode.SYNCED,
            "bad": ResultCode.SYNC_FAILED,
        }
        assert ".data.port" in world.condition(ConditionType.SYNC_ERROR)
        assert len(world.operations()) == 1
        await world.clock.advance(5)
        assert len(world.operations()) == 2
        await world.clock.advance(10)
        assert len(world.operations()) == 3
        await world.push(a_config_map("good"), a_config_map("bad"), a_config_map("fine"))
        assert world.operations()[-1] == "Succeeded"
        assert world.condition(ConditionType.SYNC_ERROR) == ""


async def test_a_retry_limit_ends_the_tries(world: GivenWorld) -> None:
    world.git(an_object("ConfigMap", "bad", data={"port": 8080}))
    async with world.running(an_app(retry=RetryPolicy(limit=2, seconds=1))):
        await world.clock.advance(3600)
        assert world.operations() == ["Failed"] * 3
        assert "retried 2 times" in world.status().decision


async def test_a_busy_api_server_is_tried_again(world: GivenWorld) -> None:
    world.git(a_config_map())
    world.cluster.fail_next("apply", times=2)
    async with world.running(an_app()):
        await world.clock.advance(30)
        assert world.operations() == ["Failed", "Failed", "Succeeded"]


async def test_a_refused_dry_run_names_the_object_and_stays_no_verdict_for_ever(world: GivenWorld) -> None:
    world.git(a_config_map())
    async with world.running(an_app()):
        await world.configure(an_app(automated=False))
        world.cluster.refuse(config_map_key(), "denied by policy")
        await world.push(a_config_map(data={"colour": "blue"}))
        assert [item.message for item in world.status().resources if "denied by policy" in item.message]
        world.cluster.refuse(config_map_key(), "")
        world.supervisor.refresh(world.status().name)
        await world.settle()
        assert [item.changes for item in world.status().resources] == [("data.colour",)]


async def test_a_git_that_renders_nothing_prunes_nothing_unless_it_is_allowed(world: GivenWorld) -> None:
    world.git(a_config_map())
    async with world.running(an_app(prune=True)):
        await world.push()
        assert world.cluster.has(config_map_key())
        assert "allowEmpty" in world.condition(ConditionType.SYNC_ERROR)
        await world.configure(an_app(prune=True, allow_empty=True))
        assert world.cluster.keys("ConfigMap") == []
        assert world.status().sync is SyncCode.SYNCED


async def test_a_definition_and_its_instance_in_one_commit(world: GivenWorld) -> None:
    world.git(an_instance(), a_definition())
    async with world.running(an_app()):
        assert world.writes() == ["apply widgets.example.org", "apply first"]
        assert world.cluster.keys("Widget") == [ObjectKey("example.org", "Widget", "default", "first")]
        assert world.status().sync is SyncCode.SYNCED


async def test_an_instance_waits_until_its_definition_is_established(world: GivenWorld) -> None:
    world.cluster.controllers = False
    world.git(an_instance(), a_definition())
    async with world.running(an_app()):
        await world.settle(60)
        assert world.writes() == ["apply widgets.example.org"]
        world.cluster.establish(world.cluster.keys("CustomResourceDefinition")[0])
        await world.settle()
        assert world.writes() == ["apply widgets.example.org", "apply first"]


async def test_an_unknown_kind_comes_as_soon_as_somebody_defines_it(world: GivenWorld) -> None:
    world.git(an_instance(), a_config_map())
    async with world.running(an_app()):
        assert world.cluster.keys("ConfigMap") == [config_map_key()]
        assert "does not serve" in world.condition(ConditionType.SYNC_ERROR)
        renders = len(world.renderer.calls)
        world.cluster.establish(world.cluster.plant(a_definition()))
        await world.settle(200)
        assert world.cluster.keys("Widget") == [ObjectKey("example.org", "Widget", "default", "first")]
        assert world.status().sync is SyncCode.SYNCED
        assert len(world.renderer.calls) == renders


async def test_a_kind_that_comes_back_with_another_scope_is_applied_where_it_lies_then(world: GivenWorld) -> None:
    world.git(an_instance())
    definition = world.cluster.plant(a_definition())
    world.cluster.establish(definition)
    async with world.running(an_app()):
        (first,) = world.cluster.keys("Widget")
        assert first.namespace == "default"
        world.cluster.remove(definition)
        world.cluster.remove(first)
        await world.settle()
        world.cluster.establish(world.cluster.plant(a_definition(namespaced=False)))
        await world.settle(200)
        assert world.cluster.keys("Widget") == [ObjectKey("example.org", "Widget", "", "first")]
        assert world.status().sync is SyncCode.SYNCED


async def test_create_namespace_makes_it_first_and_never_prunes_it(world: GivenWorld) -> None:
    world.git(a_config_map())
    spec = an_app(namespace="shop", options={"CreateNamespace": "true"}, prune=True, allow_empty=True)
    async with world.running(spec):
        assert world.writes() == ["apply shop", "apply settings"]
        assert world.status().sync is SyncCode.SYNCED
        await world.push()
        assert world.writes()[2:] == ["delete settings"]
        assert world.cluster.has(ObjectKey("", "Namespace", "", "shop"))


async def test_a_namespace_that_exists_gets_its_managed_metadata_with_the_next_sync(world: GivenWorld) -> None:
    world.git(a_config_map())
    shop = world.cluster.plant(an_object("Namespace", "shop", labels={"theirs": "1"}))
    spec = an_app(namespace="shop", options={"CreateNamespace": "true"})
    spec = replace(spec, sync_policy=replace(spec.sync_policy, namespace_labels={"team": "blue"}))
    async with world.running(spec):
        assert world.writes() == ["apply shop", "apply settings"]
        assert mapping(world.cluster.body(shop), "metadata", "labels") == {"theirs": "1", "team": "blue"}
        await world.push(a_config_map(data={"colour": "red"}))
        assert world.writes()[2:] == ["apply settings"]


async def test_a_namespace_that_exists_is_left_alone_without_managed_metadata(world: GivenWorld) -> None:
    world.git(a_config_map())
    world.cluster.plant(an_object("Namespace", "shop", labels={"theirs": "1"}))
    async with world.running(an_app(namespace="shop", options={"CreateNamespace": "true"})):
        assert world.writes() == ["apply settings"]


async def test_a_namespace_among_an_applications_manifests_keeps_what_they_say(world: GivenWorld) -> None:
    world.git(an_object("Namespace", "shop", labels={"team": "platform"}), app="platform")
    world.git(a_config_map())
    spec = an_app(namespace="shop", options={"CreateNamespace": "true"})
    spec = replace(spec, sync_policy=replace(spec.sync_policy, namespace_labels={"team": "blue"}))
    async with world.running(an_app("platform")):
        await world.configure(an_app("platform"), spec)
        assert world.writes() == ["apply shop", "apply settings"]
        assert world.status("platform").sync is SyncCode.SYNCED


async def test_a_namespace_that_another_application_manages_is_never_pruned(world: GivenWorld) -> None:
    world.git(a_namespace("shop"), app="platform")
    world.git(a_config_map(), repo="https://git.example.org/shop.git")
    spec = an_app(
        repo="https://git.example.org/shop.git",
        namespace="shop",
        options={"CreateNamespace": "true"},
        prune=True,
        self_heal=True,
    )
    async with world.running(an_app("platform")):
        await world.configure(an_app("platform"), spec)
        assert "delete shop" not in world.writes()
        assert world.status().sync is SyncCode.SYNCED


async def test_without_create_namespace_a_missing_one_says_what_to_do(world: GivenWorld) -> None:
    world.git(a_config_map())
    async with world.running(an_app(namespace="shop")):
        assert "CreateNamespace=true" in world.condition(ConditionType.SYNC_ERROR)
        world.cluster.plant(a_namespace("shop"))
        await world.settle(10)
        assert world.status().sync is SyncCode.SYNCED


async def test_a_namespace_that_nobody_may_see_is_left_to_whoever_made_it(world: GivenWorld) -> None:
    world.cluster.plant(a_namespace("shop"))
    world.cluster.forbid(GroupKind("", "Namespace"))
    world.git(a_config_map())
    async with world.running(an_app(namespace="shop", options={"CreateNamespace": "true"})):
        assert world.writes() == ["apply settings"]
        assert world.status().sync is SyncCode.SYNCED


async def test_a_namespace_that_cannot_be_read_blocks_what_is_in_it_alone(world: GivenWorld) -> None:
    other = "https://git.example.org/other.git"
    world.cluster.make_unreadable(GroupKind("", "ConfigMap"), "no Role there", "web")
    world.git(a_config_map("there", namespace="web"), app="web")
    world.git(a_config_map("here"), repo=other)
    async with world.running(an_app("web"), an_app(repo=other)):
        assert world.status().sync is SyncCode.SYNCED
        assert world.status("web").sync is SyncCode.UNKNOWN
        said = world.condition(ConditionType.COMPARISON_ERROR, "web")
        assert "ConfigMap in namespace web cannot be read: no Role there" in said
        assert "no Role there" not in world.condition(ConditionType.COMPARISON_ERROR)
        assert world.writes() == ["apply here"]


async def test_a_kind_that_may_not_be_listed_blocks_its_own_application_alone(world: GivenWorld) -> None:
    world.cluster.forbid(GroupKind("apps", "Deployment"))
    world.git(a_deployment(), app="web")
    world.git(a_config_map(), repo="https://git.example.org/other.git")
    async with world.running(an_app("web"), an_app(repo="https://git.example.org/other.git")):
        assert "may not be listed" in world.condition(ConditionType.COMPARISON_ERROR, "web")
        assert world.status().sync is SyncCode.SYNCED
        world.cluster.allow(GroupKind("apps", "Deployment"))
        await world.clock.advance(60)
        assert world.status("web").sync is SyncCode.SYNCED


async def test_an_error_of_the_dry_run_is_shown_and_tried_again(world: GivenWorld) -> None:
    world.git(a_config_map())
    async with world.running(an_app()):
        world.cluster.fail_next("predict", ClusterError("the API server has a bad day", retryable=True, status=500))
        await world.push(a_config_map(data={"colour": "blue"}))
        await world.clock.advance(10)
        assert world.status().sync is SyncCode.SYNCED
        assert any(status.sync is SyncCode.UNKNOWN for status in world.told())


async def test_an_object_that_is_being_deleted_is_not_deleted_again(world: GivenWorld) -> None:
    world.git(a_config_map("kept"), a_config_map("stuck"))
    async with world.running(an_app(prune=True, self_heal=True)):
        world.cluster.edit(
            config_map_key("stuck"), lambda body: body["metadata"].update(finalizers=["example.org/wait"])
        )
        await world.push(a_config_map("kept"))
        assert world.writes()[2:] == ["delete stuck"]
        await world.clock.advance(3600)
        assert world.writes()[2:] == ["delete stuck"]
        world.cluster.edit(config_map_key("stuck"), lambda body: body["metadata"].pop("finalizers"))
        await world.settle()
        assert world.status().sync is SyncCode.SYNCED


async def test_a_wave_waits_for_the_ones_before_it_though_nothing_is_to_be_done_there(world: GivenWorld) -> None:
    world.cluster.controllers = False
    world.git(a_deployment("first", wave=0))
    async with world.running(an_app()):
        await world.push(a_deployment("first", wave=0), a_deployment("second", wave=1))
        assert world.writes() == ["apply first"]
        world.cluster.settle(deployment_key("first"))
        await world.settle()
        assert world.writes() == ["apply first", "apply second"]


async def test_a_dry_run_does_not_fail_for_a_namespace_that_the_sync_makes(world: GivenWorld) -> None:
    world.git(a_config_map(namespace="shop"), a_namespace("beside"), a_config_map("other", namespace="beside"))
    async with world.running(an_app(automated=False, namespace="shop", options={"CreateNamespace": "true"})):
        request = SyncRequest(initiated_by="somebody", dry_run=True)
        done = await world.supervisor.operations.sync(AppName("guestbook"), request)
        assert done.phase is Phase.SUCCEEDED
        assert done.results[ObjectKey("", "ConfigMap", "shop", "settings")].message == (
            "dry run: it would be applied; not asked, for Namespace shop comes with it"
        )
        assert world.writes() == []


async def test_a_dry_run_names_a_namespace_that_nobody_makes(world: GivenWorld) -> None:
    world.git(a_config_map(namespace="shop"))
    async with world.running(an_app(automated=False, namespace="shop")):
        request = SyncRequest(initiated_by="somebody", dry_run=True)
        done = await world.supervisor.operations.sync(AppName("guestbook"), request)
        assert done.phase is Phase.FAILED
        assert "namespace shop does not exist" in done.message
