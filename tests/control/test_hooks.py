"""Hooks in a sync: their order, their outcomes, what is deleted, and that none runs twice, whatever happens between."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gitopsd.core.annotations import OPERATION, TRACKING_ID
from gitopsd.core.app import RetryPolicy
from gitopsd.core.conditions import ConditionType
from gitopsd.core.errors import OperationError
from gitopsd.core.hook import HookOutcome
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, mapping, string_map
from gitopsd.core.operation import HookRun, Operation, Phase
from gitopsd.core.syncrequest import SyncRequest
from gitopsd.testing.builders import a_config_map, a_deployment, an_app, an_object
from tests.control.world import GivenWorld
from tests.core.making import want

GUESTBOOK = AppName("guestbook")


def hook(name: str, phases: str, *, policy: str = "", wave: int | None = None, timeout: str = "") -> JsonObject:
    annotations = {"argocd.argoproj.io/hook": phases}
    if policy:
        annotations["argocd.argoproj.io/hook-delete-policy"] = policy
    if wave is not None:
        annotations["argocd.argoproj.io/sync-wave"] = str(wave)
    if timeout:
        annotations["gitopsd.io/hook-timeout"] = timeout
    return an_object("Job", name, api_version="batch/v1", annotations=annotations)


def job(name: str) -> ObjectKey:
    return ObjectKey("batch", "Job", "default", name)


def operation(world: GivenWorld) -> Operation:
    found = world.status().operation
    assert found is not None
    return found


def run_of(world: GivenWorld, name: str) -> HookRun:
    return next(run for item, run in operation(world).hooks.items() if item.key.name == name)


async def finish(world: GivenWorld, name: str, failed: str = "") -> None:
    world.cluster.finish(job(name), failed=failed)
    await world.settle()


async def test_hooks_of_all_phases_run_around_the_objects(world: GivenWorld) -> None:
    world.git(a_config_map(), hook("before", "PreSync"), hook("after", "PostSync"), hook("never", "SyncFail"))
    async with world.running(an_app()):
        assert world.writes() == ["create before"]
        assert operation(world).message == "waiting for completion of hook batch/Job default/before"
        await finish(world, "before")
        assert world.writes() == ["create before", "apply settings", "create after"]
        await finish(world, "after")
        assert world.operations() == ["Succeeded"]
        assert operation(world).message == "1 object written, 2 hooks run"
        assert not world.cluster.has(job("never"))


async def test_a_hook_that_fails_stops_what_comes_after_it_and_sync_fail_hooks_run(world: GivenWorld) -> None:
    world.git(a_config_map(), hook("before", "PreSync"), hook("sorry", "SyncFail"))
    async with world.running(an_app()):
        await finish(world, "before", failed="BackoffLimitExceeded")
        assert world.writes() == ["create before", "create sorry"]
        assert world.operations() == []
        await finish(world, "sorry")
        assert world.operations() == ["Failed"]
        assert "batch/Job default/before (PreSync)" in operation(world).message


async def test_an_object_that_is_refused_runs_the_sync_fail_hooks_too(world: GivenWorld) -> None:
    world.git(a_config_map(), hook("sorry", "SyncFail"))
    world.cluster.refuse(ObjectKey("", "ConfigMap", "default", "settings"), "no")
    async with world.running(an_app()):
        await finish(world, "sorry")
        assert world.operations()[0] == "Failed"


async def test_a_hook_of_the_last_sync_is_deleted_before_the_next_one_makes_it(world: GivenWorld) -> None:
    world.git(a_config_map(data={"a": "1"}), hook("before", "PreSync"))
    async with world.running(an_app()):
        await finish(world, "before")
        world.cluster.writes.clear()
        await world.push(a_config_map(data={"a": "2"}), hook("before", "PreSync"))
        assert world.writes() == ["delete before", "create before"]
        await finish(world, "before")
        assert world.operations() == ["Succeeded", "Succeeded"]


@pytest.mark.parametrize(
    ("policy", "failed", "there"),
    [
        ("HookSucceeded", "", False),
        ("HookSucceeded", "no", True),
        ("HookFailed", "", True),
        ("HookFailed", "no", False),
        ("BeforeHookCreation", "", True),
    ],
)
async def test_a_hook_is_deleted_as_its_policy_says(world: GivenWorld, policy: str, failed: str, there: bool) -> None:
    world.git(a_config_map(), hook("before", "PreSync", policy=policy))
    async with world.running(an_app(automated=True)):
        await finish(world, "before", failed)
        assert world.cluster.has(job("before")) is there


async def test_a_hook_that_vanishes_counts_by_what_was_seen_of_it(world: GivenWorld) -> None:
    world.git(a_config_map(), hook("before", "PreSync"))
    async with world.running(an_app()):
        world.cluster.finish(job("before"))
        world.cluster.remove(job("before"))
        await world.settle()
        assert world.operations() == ["Succeeded"]


async def test_a_hook_that_is_deleted_before_its_end_fails_the_sync(world: GivenWorld) -> None:
    world.git(a_config_map(), hook("before", "PreSync"))
    async with world.running(an_app()):
        world.cluster.remove(job("before"))
        await world.settle()
        assert world.operations()[:1] == ["Failed"]
        assert "deleted before its end" in "".join(str(item.message) for item in world.status().conditions)


async def test_a_hook_that_takes_too_long_is_ended(world: GivenWorld) -> None:
    world.git(a_config_map(), hook("before", "PreSync", timeout="1m"))
    async with world.running(an_app()):
        await world.settle(61)
        assert world.operations()[:1] == ["Failed"]
        assert "it did not end within 60 s" in world.condition(ConditionType.SYNC_ERROR)


async def test_what_a_hook_printed_is_kept(world: GivenWorld) -> None:
    world.git(a_config_map(), hook("before", "PreSync", policy="HookSucceeded"))
    async with world.running(an_app()):
        owner = world.cluster.live(job("before"))
        pod = an_object("Pod", "before-x")
        world.cluster.plant(
            {
                **pod,
                "metadata": {
                    "name": "before-x",
                    "namespace": "default",
                    "ownerReferences": [
                        {
                            "apiVersion": "batch/v1",
                            "kind": "Job",
                            "name": "before",
                            "uid": owner.uid,
                            "controller": True,
                        }
                    ],
                },
                "spec": {"containers": [{"name": "main"}]},
            }
        )
        world.cluster.print_log(ObjectKey("", "Pod", "default", "before-x"), "main", "all migrated\n")
        await finish(world, "before")
        assert run_of(world, "before").log == "all migrated\n"
        assert not world.cluster.has(job("before"))


async def test_a_restart_goes_on_where_the_operation_was_and_runs_no_hook_twice(world: GivenWorld) -> None:
    world.git(a_config_map(), hook("before", "PreSync"), hook("after", "PostSync"))
    async with world.running(an_app()):
        remembered = world.statuses()
    world.cluster.finish(job("before"))
    async with world.running(an_app(), remembered=remembered):
        assert world.writes() == ["create before", "apply settings", "create after"]
        remembered = world.statuses()
    async with world.running(an_app(), remembered=remembered):
        await finish(world, "after")
        assert world.operations() == ["Succeeded"]
        assert world.writes() == ["create before", "apply settings", "create after"]


async def test_a_newer_commit_waits_for_the_hook_that_runs(world: GivenWorld) -> None:
    world.git(a_config_map(data={"a": "1"}), hook("before", "PreSync"))
    async with world.running(an_app()):
        await world.push(a_config_map(data={"a": "2"}), hook("before", "PreSync"))
        assert world.writes() == ["create before"]
        await finish(world, "before")
        assert world.operations() == ["Failed"]
        assert world.writes() == ["create before", "delete before", "create before"]
        await finish(world, "before")
        assert world.operations() == ["Failed", "Succeeded"]


async def test_without_a_journal_no_hook_begins(world: GivenWorld) -> None:
    world.git(a_config_map(), hook("before", "PreSync"))
    world.journal.fail_after(0)
    async with world.running(an_app()):
        assert world.writes() == []
        world.journal.heal()
        await world.settle(60)
        assert world.writes() == ["create before"]


async def test_healing_runs_no_hooks(world: GivenWorld) -> None:
    world.git(a_deployment(), hook("before", "PreSync"))
    async with world.running(an_app(self_heal=True)):
        await finish(world, "before")
        world.cluster.writes.clear()
        world.cluster.edit(
            ObjectKey("apps", "Deployment", "default", "web"), lambda body: body["spec"].update(replicas=7)
        )
        await world.settle()
        assert world.writes() == ["apply web"]


async def test_an_unknown_phase_stops_the_sync_and_is_named(world: GivenWorld) -> None:
    world.git(a_config_map(), hook("before", "PreSnyc"))
    async with world.running(an_app()):
        assert world.writes() == []
        assert "'PreSnyc', and there is no such phase" in world.status().conditions[0].message


async def test_a_hook_that_is_left_out_is_never_made(world: GivenWorld) -> None:
    world.git(a_config_map(), hook("before", "Skip"))
    async with world.running(an_app()):
        assert world.writes() == ["apply settings"]


async def test_it_goes_on_with_the_same_phase_after_its_owner_changed_something_else(world: GivenWorld) -> None:
    world.git(a_config_map(), hook("before", "PreSync"))
    async with world.running(an_app()):
        await world.configure(replace(an_app(), labels={"team": "a"}))
        await finish(world, "before")
        assert world.writes() == ["create before", "apply settings"]
        assert operation(world).phase is Phase.SUCCEEDED
        assert run_of(world, "before").outcome is HookOutcome.SUCCEEDED


async def test_a_post_sync_hook_that_fails_is_told_and_tried_again(world: GivenWorld) -> None:
    world.git(a_config_map(), hook("after", "PostSync"))
    async with world.running(an_app()):
        await finish(world, "after", failed="no")
        assert world.operations() == ["Failed"]
        assert "hook batch/Job default/after (PostSync)" in world.condition(ConditionType.SYNC_ERROR)
        await world.settle(60)
        assert world.writes() == ["apply settings", "create after", "delete after", "create after"]
        await finish(world, "after")
        assert world.operations() == ["Failed", "Succeeded"]
        assert world.condition(ConditionType.SYNC_ERROR) == ""


async def test_a_hook_never_takes_the_place_of_somebody_elses_object(world: GivenWorld) -> None:
    world.cluster.plant(an_object("Job", "before", api_version="batch/v1"))
    world.git(a_config_map(), hook("before", "PreSync"))
    async with world.running(an_app()):
        assert world.writes() == []
        assert world.operations()[:1] == ["Failed"]
        assert "there is one already, and it is nobody's" in world.condition(ConditionType.SYNC_ERROR)
        world.cluster.remove(job("before"))
        await world.settle(300)
        assert world.writes() == ["create before"]


async def test_a_hook_that_helm_left_is_replaced(world: GivenWorld) -> None:
    world.cluster.plant(an_object("Job", "before", api_version="batch/v1", annotations={"helm.sh/hook": "pre-install"}))
    world.git(a_config_map(), hook("before", "PreSync"))
    async with world.running(an_app()):
        assert world.writes() == ["delete before", "create before"]


def theirs(name: str) -> JsonObject:
    """The hook as another gitopsd made it, which works on the same application."""
    body = hook(name, "PreSync")
    marks = {
        **string_map(body, "metadata", "annotations"),
        OPERATION: "their-operation/PreSync",
        TRACKING_ID: f"guestbook:batch/Job:default/{name}",
    }
    return {**body, "metadata": {**mapping(body, "metadata"), "namespace": "default", "annotations": marks}}


THEIRS = (
    "waits for batch/Job default/before, which another operation (their-operation) made and which runs: "
    "another gitopsd may be at work on this application"
)


async def test_two_daemons_on_one_cluster_let_each_others_hooks_run(world: GivenWorld) -> None:
    world.cluster.plant(theirs("before"))
    world.git(a_config_map(), hook("before", "PreSync"))
    async with world.running(an_app()):
        assert world.writes() == []
        assert operation(world).message == THEIRS
        await finish(world, "before")
        assert world.writes() == ["delete before", "create before"]
        await finish(world, "before")
        assert world.operations() == ["Succeeded"]


async def test_who_ends_a_sync_that_waits_for_anothers_hook_leaves_that_alone(world: GivenWorld) -> None:
    world.cluster.plant(theirs("before"))
    world.git(a_config_map(), hook("before", "PreSync"))
    async with world.running(an_app(automated=False)):
        await world.supervisor.operations.sync(GUESTBOOK, SyncRequest(initiated_by="somebody"))
        await world.settle()
        await world.supervisor.operations.terminate(GUESTBOOK)
        await world.settle()
        assert world.operations() == ["Failed"]
        assert world.writes() == []


async def test_of_two_daemons_that_make_a_hook_at_once_the_later_one_waits(world: GivenWorld) -> None:
    world.git(a_config_map(), hook("before", "PreSync"))
    world.cluster.gate.hold("create")
    async with world.running(an_app()):
        world.cluster.plant(theirs("before"))
        world.cluster.gate.release("create")
        await world.settle()
        assert world.writes() == []
        assert operation(world).message == THEIRS
        await world.settle(100)
        await finish(world, "before")
        assert world.writes() == ["delete before", "create before"]
        assert run_of(world, "before").started_at > operation(world).started_at + timedelta(seconds=90)


async def test_a_hook_in_two_phases_runs_twice(world: GivenWorld) -> None:
    world.git(a_config_map(), hook("check", "PreSync,PostSync"))
    async with world.running(an_app()):
        await finish(world, "check")
        assert world.writes() == ["create check", "apply settings", "delete check", "create check"]
        await finish(world, "check")
        assert world.operations() == ["Succeeded"]


async def test_a_commit_that_changes_only_a_hook_is_what_the_next_sync_runs(world: GivenWorld) -> None:
    world.git(a_config_map(data={"a": "1"}), hook("old", "PreSync"))
    async with world.running(an_app()):
        await finish(world, "old")
        await world.push(a_config_map(data={"a": "1"}), hook("new", "PreSync"))
        await world.push(a_config_map(data={"a": "2"}), hook("new", "PreSync"))
        assert world.writes()[2:] == ["create new"]


async def test_a_kill_right_after_a_failed_sync_runs_its_hooks_no_sooner_again(world: GivenWorld) -> None:
    world.git(a_config_map(), hook("before", "PreSync"))
    async with world.running(an_app(retry=RetryPolicy(limit=0))):
        remembered = world.statuses()
        await finish(world, "before", failed="no")
        assert world.operations() == ["Failed"]
    async with world.running(an_app(retry=RetryPolicy(limit=0)), remembered=remembered):
        await world.settle(60)
        assert world.writes() == ["create before"]
        assert operation(world).phase is Phase.FAILED


async def test_a_plan_says_that_an_error_condition_would_not_let_it_be_carried_out(world: GivenWorld) -> None:
    world.git(a_config_map(), a_config_map("early", annotations={"argocd.argoproj.io/hook": "Presync"}))
    async with world.running(an_app(automated=False)):
        request = SyncRequest(initiated_by="somebody")
        shown = await world.supervisor.operations.plan(AppName("guestbook"), request)
        assert "ComparisonError: " in shown.blocked
        assert "there is no such phase" in shown.blocked
        with pytest.raises(OperationError, match="it cannot be synced"):
            await world.supervisor.operations.sync(AppName("guestbook"), request)


async def test_who_asks_while_an_operation_is_told_to_end_is_not_told_to_end_it_again(world: GivenWorld) -> None:
    world.git(a_config_map(), hook("before", "PreSync"))
    async with world.running(an_app()):
        await world.supervisor.operations.terminate(AppName("guestbook"))
        with pytest.raises(OperationError, match=r"and told to end: .*\. Try: wait for it \(.*--operation\)$"):
            await world.supervisor.operations.sync(AppName("guestbook"), SyncRequest(initiated_by="somebody"))


async def left_by_another(world: GivenWorld, *, over: bool) -> None:
    """A hook's Job is there that the application `gone` made."""
    body = hook("migrate", "PreSync")
    world.git(a_config_map(), body)
    world.cluster.plant(want(body, spec=an_app("gone")).hooks[0].object.document.body())
    if over:
        world.cluster.finish(job("migrate"))


async def test_what_a_hook_of_an_application_that_is_gone_left_is_replaced(world: GivenWorld) -> None:
    await left_by_another(world, over=True)
    async with world.running(an_app()):
        assert world.writes() == ["delete migrate", "create migrate"]


@pytest.mark.parametrize(("over", "others"), [(False, ()), (True, ("gone",))])
async def test_a_hook_of_another_that_runs_or_is_known_is_not_replaced(
    world: GivenWorld, over: bool, others: tuple[str, ...]
) -> None:
    await left_by_another(world, over=over)
    async with world.running(an_app(), *(an_app(name, automated=False) for name in others)):
        assert "there is one already, and it is gone's" in str(world.status().operation)
        assert "delete migrate" not in world.writes()
