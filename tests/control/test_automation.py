"""What syncs by itself, what holds it back, and what brings it back: windows, dependencies, the breaker, rollbacks."""

from dataclasses import replace

import anyio
import pytest

from gitopsd.core.annotations import SYNC_OPTIONS
from gitopsd.core.app import AppSpec, AutoRollback, Dependency, RetryPolicy
from gitopsd.core.appstatus import SyncCode
from gitopsd.core.breaker import BreakerSettings
from gitopsd.core.errors import ClusterError, OperationError
from gitopsd.core.hold import SyncSettings
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, mapping, string_map
from gitopsd.core.operation import Phase
from gitopsd.core.project import Project, Projects
from gitopsd.core.syncrequest import ObjectFilter, SyncRequest
from gitopsd.core.window import SyncWindow, WindowKind
from gitopsd.cron.schedules import CronSchedules
from gitopsd.testing.builders import A_REPOSITORY, a_config_map, a_deployment, an_app, an_object
from tests.control.deletion_world import FINALIZER
from tests.control.world import GivenWorld, deployment_key

GUESTBOOK = AppName("guestbook")
BY_HAND = SyncRequest(initiated_by="somebody")


def depending(name: str, *others: str) -> AppSpec:
    return replace(an_app(name), depends_on=tuple(Dependency(AppName(other)) for other in others))


def git(world: GivenWorld, **applications: list[JsonObject]) -> None:
    """One commit that every application has its objects at."""
    commit = world.sources.repository(A_REPOSITORY).commit({"app.yaml": str(applications)})
    for app, bodies in applications.items():
        world.renderer.give(app, bodies, commit=commit)


async def sync(world: GivenWorld, app: str = "guestbook", request: SyncRequest = BY_HAND) -> str:
    operation = await world.supervisor.operations.sync(AppName(app), request)
    await world.settle()
    return operation.id


async def test_an_application_waits_until_what_it_depends_on_is_synced_and_healthy(world: GivenWorld) -> None:
    world.cluster.controllers = False
    git(world, database=[a_deployment("db")], web=[a_config_map("web")])
    async with world.running(depending("web", "database"), an_app("database")):
        assert world.writes() == ["apply db"]
        assert world.status("web").blocked_by == ("waits for database (Progressing)",)
        world.cluster.settle(deployment_key("db"))
        await world.settle()
        assert world.writes() == ["apply db", "apply web"]
        assert world.status("web").blocked_by == ()


async def test_a_commit_to_both_reaches_the_one_that_is_waited_for_first(world: GivenWorld) -> None:
    git(world, database=[a_config_map("db")], web=[a_config_map("web")])
    async with world.running(depending("web", "database"), an_app("database")):
        world.cluster.writes.clear()
        git(world, database=[a_config_map("db", data={"new": "1"})], web=[a_config_map("web", data={"new": "1"})])
        world.supervisor.refresh(AppName("web"))
        await world.settle()
        assert world.writes() == ["apply db", "apply web"]


async def test_somebody_may_sync_what_waits_for_others(world: GivenWorld) -> None:
    world.cluster.controllers = False
    git(world, database=[a_deployment("db")], web=[a_config_map("web")])
    async with world.running(depending("web", "database"), an_app("database")):
        await sync(world, "web")
        assert world.writes() == ["apply db", "apply web"]


def windowed(*windows: SyncWindow) -> Projects:
    return Projects({"default": Project("default", windows=windows)})


async def test_outside_of_its_windows_nothing_is_synced_until_one_opens(world: GivenWorld) -> None:
    world.schedules = CronSchedules()
    world.settings = replace(
        world.settings, projects=windowed(SyncWindow(WindowKind.ALLOW, "10 0 * * *", 3600.0, applications=("*",)))
    )
    world.git(a_config_map())
    async with world.running(an_app()):
        assert world.writes() == []
        assert len(world.status().blocked_by) == 1
        with pytest.raises(OperationError) as refused:
            await sync(world)
        assert refused.value.reason == "Blocked"
        await world.settle(600)
        assert world.writes() == ["apply settings"]


async def test_a_window_for_manual_syncs_lets_them_through(world: GivenWorld) -> None:
    world.schedules = CronSchedules()
    window = SyncWindow(WindowKind.DENY, "0 0 * * *", 7200.0, applications=("*",), manual_sync=True)
    world.settings = replace(world.settings, projects=windowed(window))
    world.git(a_config_map())
    async with world.running(an_app()):
        assert world.writes() == []
        await sync(world)
        assert world.writes() == ["apply settings"]


async def test_it_goes_back_to_what_was_healthy_if_a_sync_does_not_get_so_in_time(world: GivenWorld) -> None:
    spec = an_app()
    spec = replace(spec, sync_policy=replace(spec.sync_policy, auto_rollback=AutoRollback(60.0)))
    good = world.git(a_deployment(image="nginx:1"))
    async with world.running(spec):
        world.cluster.controllers = False
        await world.push(a_deployment(image="nginx:bad"))
        assert world.status().pin is None
        await world.settle(61)
        pin = world.status().pin
        assert pin is not None
        assert (pin.entry, pin.by) == (0, "autoRollback")
        assert "not Healthy within 60 s" in pin.reason
        world.cluster.settle(deployment_key())
        await world.settle()
        assert world.status().revisions == (good,)
        assert world.status().sync is SyncCode.SYNCED
        world.cluster.controllers = True
        commit = await world.push(a_deployment(image="nginx:2"))
        assert world.status().pin is None
        assert world.status().revisions == (commit,)


async def test_many_prunes_at_once_wait_for_somebody(world: GivenWorld) -> None:
    breaker = BreakerSettings(prune_share=0.2, prune_objects=4)
    world.settings = replace(world.settings, sync=SyncSettings(breaker=breaker))
    apps = ["a", "b", "c", "d"]
    objects = {app: [a_config_map(f"{app}{number}") for number in range(4)] for app in apps}
    git(world, **objects)
    async with world.running(*(an_app(app, prune=True) for app in apps)):
        git(world, **{app: objects[app][2:] for app in apps})
        world.supervisor.refresh(AppName("a"))
        await world.settle(30)
        deleted = [write for write in world.writes() if write.startswith("delete")]
        assert len(deleted) < 8
        waiting = [app for app in apps if world.status(app).blocked_by]
        assert waiting
        assert "sync.circuitBreaker" in world.status(waiting[0]).blocked_by[0]
        await sync(world, waiting[0], SyncRequest(initiated_by="somebody", prune=True))
        assert world.status(waiting[0]).sync is SyncCode.SYNCED
        assert not world.status(waiting[0]).blocked_by


async def test_where_nothing_waits_nothing_is_confirmed_and_the_breaker_stays_as_it_is(world: GivenWorld) -> None:
    breaker = BreakerSettings(prune_share=0.2, prune_objects=4)
    world.settings = replace(world.settings, sync=SyncSettings(breaker=breaker))
    apps = ["a", "b", "c", "d"]
    objects = {app: [a_config_map(f"{app}{number}") for number in range(4)] for app in apps}
    git(world, **objects)
    async with world.running(an_app("idle"), *(an_app(app, prune=True) for app in apps)):
        git(world, **{app: objects[app][2:] for app in apps})
        world.supervisor.refresh(AppName("a"))
        await world.settle(30)
        waiting = [app for app in apps if world.status(app).blocked_by]
        before = world.writes()
        with pytest.raises(OperationError, match="idle: nothing of it waits for a confirmation") as caught:
            await world.supervisor.operations.confirm(AppName("idle"))
        await world.settle()
        assert caught.value.reason == "NothingInProgress"
        assert world.writes() == before
        await sync(world, waiting[0], SyncRequest(initiated_by="somebody", prune=True))
        with pytest.raises(OperationError, match="nothing of it waits"):
            await world.supervisor.operations.confirm(AppName(waiting[0]))
        await world.supervisor.operations.confirm(AppName(waiting[1]))
        await world.settle()
        assert world.status(waiting[1]).sync is SyncCode.SYNCED


async def test_a_prune_that_asks_is_confirmed_once(world: GivenWorld) -> None:
    old = a_config_map("old", annotations={SYNC_OPTIONS: "Prune=confirm"})
    git(world, guestbook=[a_config_map("kept"), old])
    async with world.running(an_app(prune=True)):
        git(world, guestbook=[a_config_map("kept")])
        world.supervisor.refresh(GUESTBOOK)
        await world.settle()
        assert "delete old" not in world.writes()
        asking = world.status().operation
        assert asking is not None
        assert asking.message.endswith("(Prune=confirm): gitopsd app confirm-deletion guestbook")
        await world.supervisor.operations.confirm(GUESTBOOK)
        await world.settle()
        assert "delete old" in world.writes()
        with pytest.raises(OperationError, match="nothing of it waits"):
            await world.supervisor.operations.confirm(GUESTBOOK)


async def test_applications_that_left_all_at_once_are_confirmed_by_their_names(world: GivenWorld) -> None:
    specs = [replace(an_app(f"app-{number}"), finalizers=(FINALIZER,)) for number in range(5)]
    git(world, **{spec.name: [a_config_map(f"of-{spec.name}")] for spec in specs})
    async with world.running(*specs):
        world.supervisor.configure({})
        await world.settle()
        assert not any(write.startswith("delete") for write in world.writes())
        await world.supervisor.operations.confirm(AppName("app-3"))
        await world.settle()
        assert [write for write in world.writes() if write.startswith("delete")] == ["delete of-app-3"]


async def test_a_dry_run_changes_nothing_and_names_what_would_be_refused(world: GivenWorld) -> None:
    world.git(a_config_map("good"), a_config_map("bad"))
    world.cluster.refuse(ObjectKey("", "ConfigMap", "default", "bad"), "no")
    async with world.running(an_app(automated=False)):
        done = await world.supervisor.operations.sync(GUESTBOOK, replace(BY_HAND, dry_run=True))
        assert done.phase is Phase.FAILED
        assert "no" in done.message
        assert world.writes() == []
        assert world.status().operation is None


async def test_a_selective_sync_touches_what_it_names_and_writes_no_history(world: GivenWorld) -> None:
    world.git(a_config_map("one"), a_config_map("two"))
    async with world.running(an_app(automated=False)):
        await sync(world, request=replace(BY_HAND, resources=(ObjectFilter(name="two"),)))
        assert world.writes() == ["apply two"]
        assert (await world.supervisor.operations.history(GUESTBOOK)).entries == ()
        await sync(world)
        assert world.writes() == ["apply two", "apply one"]
        assert len((await world.supervisor.operations.history(GUESTBOOK)).entries) == 1


async def test_a_selective_sync_of_nothing_is_refused(world: GivenWorld) -> None:
    world.git(a_config_map("one"))
    async with world.running(an_app(automated=False)):
        for request in (replace(BY_HAND, resources=(ObjectFilter(name="tow"),)), replace(BY_HAND, labels={"a": "b"})):
            with pytest.raises(OperationError) as refused:
                await sync(world, request=request)
            assert refused.value.reason == "Invalid"


async def test_a_sync_to_a_revision_of_its_own_leaves_the_application_out_of_sync(world: GivenWorld) -> None:
    old = world.git(a_config_map(data={"v": "1"}))
    async with world.running(an_app(automated=False)):
        await sync(world)
        await world.push(a_config_map(data={"v": "2"}))
        await sync(world)
        await sync(world, request=replace(BY_HAND, revisions=(old,)))
        assert world.operations() == ["Succeeded"] * 3
        assert world.status().sync is SyncCode.OUT_OF_SYNC
        body = world.cluster.body(ObjectKey("", "ConfigMap", "default", "settings"))
        assert body is not None
        assert body["data"] == {"v": "1"}


async def test_a_sync_that_somebody_asked_for_is_tried_as_often_again_as_he_said(world: GivenWorld) -> None:
    world.git(a_config_map())
    world.cluster.refuse(ObjectKey("", "ConfigMap", "default", "settings"), "no")
    async with world.running(an_app(automated=False)):
        await sync(world, request=replace(BY_HAND, retries=2))
        await world.settle(120)
        assert world.operations() == ["Failed"] * 3


async def test_a_quota_that_is_raised_wakes_the_sync_at_once(world: GivenWorld) -> None:
    key = world.cluster.plant(an_object("ResourceQuota", "small"))
    error = ClusterError("exceeded quota: small, requested: configmaps=1", reason="Quota")
    world.cluster.fail_next("apply", error, times=6)
    world.git(a_config_map())
    async with world.running(an_app()):
        await world.settle(200)
        failures = world.operations()
        assert failures == ["Failed"] * len(failures)
        while len(world.operations()) < 6:
            world.cluster.edit(
                key, lambda body: body.update(spec={"hard": {"configmaps": str(len(world.operations()))}})
            )
            await world.settle(2)
        world.cluster.edit(key, lambda body: body.update(spec={"hard": {"configmaps": "99"}}))
        await world.settle(2)
        assert world.operations()[-1] == "Succeeded"


async def test_the_plan_of_a_rollback_shows_what_it_would_bring_back_and_changes_nothing(world: GivenWorld) -> None:
    world.git(a_config_map(data={"v": "1"}))
    async with world.running(an_app()):
        await world.push(a_config_map(data={"v": "2"}))
        shown = await world.supervisor.operations.plan(GUESTBOOK, replace(BY_HAND, history=0))
        assert [step.key.name for stage in shown.stages for step in stage.steps] == ["settings"]
        await world.settle(60)
        assert world.status().sync is SyncCode.SYNCED
        assert world.writes() == ["apply settings", "apply settings"]
        await world.supervisor.operations.rollback(GUESTBOOK, 0, replace(BY_HAND, plan=shown.id))
        await world.settle()
        assert world.status().pin is not None
        await world.supervisor.operations.unpin(GUESTBOOK)
        await world.settle()
        body = world.cluster.body(ObjectKey("", "ConfigMap", "default", "settings"))
        assert body is not None
        assert body["data"] == {"v": "2"}


async def test_an_entry_that_a_rollback_brought_back_is_known_to_be_healthy_too(world: GivenWorld) -> None:
    world.git(a_config_map(data={"v": "1"}))
    async with world.running(an_app()):
        await world.push(a_config_map(data={"v": "2"}))
        await world.supervisor.operations.rollback(GUESTBOOK, 0, BY_HAND)
        await world.settle()
        entries = (await world.supervisor.operations.history(GUESTBOOK)).entries
        assert [entry.rollback_of for entry in entries] == [None, None, 0]
        assert all(entry.healthy_at for entry in entries)


async def test_a_deleted_application_rests_until_its_entry_changes(world: GivenWorld) -> None:
    world.git(a_config_map())
    async with world.running(an_app()):
        await world.supervisor.operations.delete(GUESTBOOK, cascade="foreground", by="somebody")
        await world.settle()
        assert world.writes() == ["apply settings", "delete settings"]
        status = world.status()
        assert (status.sync, status.health.message) == (SyncCode.OUT_OF_SYNC, "its objects were deleted")
        with pytest.raises(OperationError):
            await sync(world)
        await world.settle(300)
        assert world.writes() == ["apply settings", "delete settings"]
        await world.configure(replace(an_app(), labels={"again": "yes"}))
        assert world.writes()[2:] == ["apply settings"]
        assert world.status().deletion is None


async def test_an_application_with_a_finalizer_takes_its_objects_with_it(world: GivenWorld) -> None:
    spec = replace(an_app(), finalizers=("resources-finalizer.argocd.argoproj.io",))
    world.git(a_config_map())
    async with world.running(spec):
        await world.configure()
        assert world.writes() == ["apply settings", "delete settings"]
        assert world.supervisor.applications() == {}


def deployed_value(world: GivenWorld) -> str:
    """Return what the ConfigMap settings holds in the cluster."""
    body = world.cluster.body(ObjectKey("", "ConfigMap", "default", "settings"))
    return string_map(mapping(body or {}, "data"))["v"]


async def test_a_dry_run_of_a_rollback_leaves_the_application_pinned_or_not_as_it_was(world: GivenWorld) -> None:
    world.git(a_config_map(data={"v": "1"}))
    async with world.running(an_app()):
        await world.push(a_config_map(data={"v": "2"}))
        await world.push(a_config_map(data={"v": "3"}))
        dry_run = replace(BY_HAND, dry_run=True)
        assert (await world.supervisor.operations.rollback(GUESTBOOK, 0, dry_run)).phase is Phase.SUCCEEDED
        await world.settle()
        assert world.status().pin is None
        assert deployed_value(world) == "3"
        await world.supervisor.operations.rollback(GUESTBOOK, 0, BY_HAND)
        await world.settle()
        await world.supervisor.operations.rollback(GUESTBOOK, 1, dry_run)
        await world.settle(60)
        pin = world.status().pin
        assert pin is not None
        assert pin.entry == 0
        assert deployed_value(world) == "1"


async def test_a_rollback_that_is_refused_pins_nothing(world: GivenWorld) -> None:
    world.git(a_config_map(data={"v": "1"}))
    async with world.running(an_app()):
        await world.push(a_config_map(data={"v": "2"}))
        with pytest.raises(OperationError, match="the plan that was shown is not what would be done now"):
            await world.supervisor.operations.rollback(GUESTBOOK, 0, replace(BY_HAND, plan="p1"))
        await world.settle(60)
        assert world.status().pin is None
        assert (await world.supervisor.operations.history(GUESTBOOK)).pin is None
        assert deployed_value(world) == "2"
        assert world.writes() == ["apply settings", "apply settings"], "not even for a moment"


async def test_a_refused_rollback_of_a_pinned_application_leaves_it_where_it_is_pinned(world: GivenWorld) -> None:
    world.git(a_config_map(data={"v": "1"}))
    async with world.running(an_app()):
        await world.push(a_config_map(data={"v": "2"}))
        await world.push(a_config_map(data={"v": "3"}))
        await world.supervisor.operations.rollback(GUESTBOOK, 1, BY_HAND)
        await world.settle()
        with pytest.raises(OperationError, match="the plan that was shown"):
            await world.supervisor.operations.rollback(GUESTBOOK, 0, replace(BY_HAND, plan="p1"))
        await world.settle(60)
        pin = world.status().pin
        assert pin is not None
        assert pin.entry == 1
        assert deployed_value(world) == "2"


async def test_what_another_revision_has_is_not_taken_for_what_an_application_is_pinned_to(world: GivenWorld) -> None:
    world.git(a_config_map(data={"v": "1"}))
    async with world.running(an_app()):
        first = world.status().revisions
        await world.push(a_config_map(data={"v": "2"}))
        await world.push(a_config_map(data={"v": "3"}))
        await world.supervisor.operations.rollback(GUESTBOOK, 1, BY_HAND)
        await world.settle()
        await world.supervisor.operations.sync(GUESTBOOK, replace(BY_HAND, revisions=first, dry_run=True))
        await world.settle(60)
        assert world.status().sync is SyncCode.SYNCED
        assert deployed_value(world) == "2"


async def test_a_refused_sync_to_an_old_revision_does_not_bring_it_by_automation(world: GivenWorld) -> None:
    world.git(a_config_map(data={"v": "1"}))
    async with world.running(an_app()):
        first = world.status().revisions
        await world.push(a_config_map(data={"v": "2"}))
        with pytest.raises(OperationError, match="the plan that was shown"):
            await world.supervisor.operations.sync(GUESTBOOK, replace(BY_HAND, revisions=first, plan="p1"))
        await world.settle(60)
        assert world.writes() == ["apply settings", "apply settings"]
        assert world.status().sync is SyncCode.SYNCED


async def test_a_plain_sync_beside_a_refused_one_to_an_old_revision_never_brings_the_old_one(world: GivenWorld) -> None:
    world.git(a_config_map(data={"v": "1"}))
    async with world.running(an_app(automated=False)):
        await sync(world)
        first = world.status().revisions
        await world.push(a_config_map(data={"v": "2"}))
        operations, refused = world.supervisor.operations, list[str]()

        async def ask(request: SyncRequest) -> None:
            try:
                await operations.sync(GUESTBOOK, request)
            except OperationError as error:
                refused.append(error.reason)

        async with anyio.create_task_group() as both:
            both.start_soon(ask, replace(BY_HAND, revisions=first, plan="p1"))
            both.start_soon(ask, BY_HAND)
        await world.settle(60)
        assert "PlanChanged" in refused
        assert deployed_value(world) == "2" or len(refused) == 2


async def test_an_application_that_waits_for_its_turn_says_how_many_are_before_it(world: GivenWorld) -> None:
    world.settings = replace(world.settings, concurrency=1)
    names = ["a", "b", "c"]
    git(world, **{name: [a_config_map(name)] for name in names})
    keys = [ObjectKey("", "ConfigMap", "default", name) for name in names]
    for key in keys:
        world.cluster.gate.hold(key)
    async with world.running(*(an_app(name) for name in names)):
        said = sorted(text for name in names if (text := world.status(name).decision))
        assert said == [
            "waits for its turn on the cluster local, 0 before it",
            "waits for its turn on the cluster local, 1 before it",
        ]
        for key in keys:
            world.cluster.gate.release(key)
        await world.settle()
        assert [world.status(name).sync for name in names] == [SyncCode.SYNCED] * 3


async def test_a_namespace_that_went_before_anybody_looked_at_it_is_no_reason_to_wait(world: GivenWorld) -> None:
    error = ClusterError("it is being terminated", reason="NamespaceTerminating")
    world.cluster.fail_next("apply", error)
    world.git(a_config_map())
    async with world.running(an_app(retry=RetryPolicy(-1, 3600.0, 2.0, 7200.0))):
        await world.settle(5)
        assert world.operations() == ["Failed", "Succeeded"]


async def test_what_seems_cured_and_is_not_is_tried_a_few_times_at_once_and_then_seldom(world: GivenWorld) -> None:
    error = ClusterError("it is being terminated", reason="NamespaceTerminating")
    world.cluster.fail_next("apply", error, times=100)
    world.git(a_config_map())
    async with world.running(an_app(retry=RetryPolicy(-1, 3600.0, 2.0, 7200.0))):
        await world.settle(60)
        assert len(world.operations()) == 4


async def test_a_namespace_that_the_sync_makes_itself_is_no_reason_to_wait(world: GivenWorld) -> None:
    world.cluster.fail_next("apply", ClusterError("it does not exist", reason="NamespaceMissing"))
    world.git(a_config_map())
    spec = an_app(retry=RetryPolicy(-1, 3600.0, 2.0, 7200.0), options={"CreateNamespace": "true"})
    async with world.running(spec):
        await world.settle(5)
        assert world.operations() == ["Failed", "Succeeded"]
