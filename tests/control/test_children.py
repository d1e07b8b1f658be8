"""Applications that other applications have among their manifests."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from gitopsd.core.app import AppSpec
from gitopsd.core.appstatus import ResourceStatus, SyncCode
from gitopsd.core.conditions import ConditionType
from gitopsd.core.errors import ClusterError
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, text
from gitopsd.core.live import LiveObject
from gitopsd.core.operation import Phase, ResultCode
from gitopsd.core.permit import permit_object
from gitopsd.core.project import Project, Projects
from gitopsd.ports.cluster import Patch
from gitopsd.testing.applications import FakeReader, an_application
from gitopsd.testing.builders import a_config_map, a_deployment, an_app, an_object
from gitopsd.testing.health import FakeJudge
from tests.control.world import GivenWorld, config_map_key, deployment_key

pytestmark = pytest.mark.anyio
ROOT = AppName("root")


class Judge(FakeJudge):
    """Knows also the health of applications, as the bundled rules do."""

    async def assess(self, objects: Sequence[LiveObject]) -> Mapping[ObjectKey, Health | None]:
        """As `ports.HealthJudge` says."""
        found = dict(await super().assess(objects))
        for live in objects:
            if live.key.kind == "Application":
                status = text(live.document.body(), "status", "health", "status")
                found[live.key] = Health(
                    HealthStatus(status), text(live.document.body(), "status", "health", "message")
                )
        return found


@pytest.fixture
def world() -> Iterator[GivenWorld]:
    """A world in which applications can have applications."""
    made = GivenWorld()
    made.applications = FakeReader()
    made.judge = Judge()
    yield made
    assert made.bugs == []


def root(*, prune: bool = True, finalizer: bool = False, project: str = "default") -> AppSpec:
    """The application that the configuration has."""
    spec = an_app("root", prune=prune, project=project)
    policy = replace(spec.sync_policy, prune_limit=1.0)
    finalizers = ("resources-finalizer.argocd.argoproj.io",) if finalizer else ()
    return replace(spec, sync_policy=policy, finalizers=finalizers)


def given(world: GivenWorld, *names: str, finalizer: bool = False) -> None:
    """Each of these applications renders to a ConfigMap of its name, and root to them."""
    for name in names:
        world.renderer.give(name, [a_config_map(name)])
    world.git(*(an_application(name, finalizer=finalizer) for name in names), app="root")


def child(world: GivenWorld, name: str, parent: str = "root") -> ResourceStatus:
    """A child as its parent shows it."""
    return next(item for item in world.status(parent).resources if item.key.name == name)


def failure(world: GivenWorld, name: str, parent: str = "root") -> str:
    """Why the last sync could not make it a child; "" if it could."""
    operation = world.status(parent).operation
    assert operation is not None
    results = {key.name: result for key, result in operation.results.items()}
    return results[name].message if results[name].code is ResultCode.SYNC_FAILED else ""


def live_children(world: GivenWorld) -> Sequence[LiveObject]:
    """The children of root as its last pass saw them."""
    found = world.supervisor.comparison(ROOT).objects.values()
    return [item.live for item in found if item.live is not None]


def names(world: GivenWorld) -> set[str]:
    """All applications that are there."""
    return set(world.supervisor.applications())


async def test_an_application_among_the_manifests_is_one_from_then_on(world: GivenWorld) -> None:
    given(world, "shop", "blog")
    async with world.running(root()):
        assert names(world) == {"root", "shop", "blog"}
        assert world.cluster.has(config_map_key("shop"))
        assert world.cluster.keys("Application") == []
        status = world.status("root")
        assert (status.sync, status.health.status) == (SyncCode.SYNCED, HealthStatus.HEALTHY)
        assert child(world, "shop").sync is SyncCode.SYNCED
        assert world.operations("root") == [Phase.SUCCEEDED]


async def test_nothing_is_written_or_read_again_while_nothing_changes(world: GivenWorld) -> None:
    given(world, "shop")
    async with world.running(root()):
        assert isinstance(world.applications, FakeReader)
        reads, entries = world.applications.read_count, len(world.journal.entries)
        passes = world.passes("root")
        await world.settle(20)
        assert (world.applications.read_count, len(world.journal.entries)) == (reads, entries)
        assert world.passes("root") == passes


async def test_children_honour_waves(world: GivenWorld) -> None:
    world.cluster.controllers = False
    world.renderer.give("base", [a_deployment("base")])
    world.renderer.give("shop", [a_config_map("shop")])
    world.git(an_application("base", wave=0), an_application("shop", wave=1), app="root")
    async with world.running(root()):
        assert names(world) == {"root", "base"}
        operation = world.status("root").operation
        assert operation is not None
        assert "base" in operation.message
        assert world.status("root").health.status is HealthStatus.PROGRESSING
        world.cluster.settle(deployment_key("base"))
        await world.settle()
        assert names(world) == {"root", "base", "shop"}
        assert world.operations("root") == [Phase.SUCCEEDED]


async def test_a_wave_waits_for_the_first_sync_of_a_child_whose_git_does_not_answer(world: GivenWorld) -> None:
    world.renderer.fail("base")
    world.renderer.give("shop", [a_config_map("shop")])
    world.git(an_application("base", wave=0), an_application("shop", wave=1), app="root")
    async with world.running(root()):
        assert names(world) == {"root", "base"}
        found = child(world, "base").health
        assert found is not None
        assert found.status is HealthStatus.PROGRESSING
        assert found.message.startswith("not synced yet: ")


async def test_a_changed_child_is_waited_for_once_more(world: GivenWorld) -> None:
    """What was Healthy by the old spec says nothing of the new one."""
    other = "https://git.example.org/team/other.git"
    given(world, "base")
    async with world.running(root()):
        world.cluster.controllers = False
        commit = world.sources.repository(other).commit({"app.yaml": "other"})
        world.renderer.give("base", [a_config_map("base"), a_deployment("late")], commit=commit)
        world.renderer.give("shop", [a_config_map("shop")])
        await world.push(an_application("base", wave=0, repo=other), an_application("shop", wave=1), app="root")
        assert world.cluster.has(deployment_key("late"))
        assert "shop" not in names(world)
        world.cluster.settle(deployment_key("late"))
        await world.settle()
        assert "shop" in names(world)


async def test_a_change_of_its_manifest_reaches_the_child(world: GivenWorld) -> None:
    given(world, "shop")
    async with world.running(root()):
        uid = child(world, "shop")
        await world.push(an_application("shop", automated=False), app="root")
        found = world.supervisor.application(AppName("shop"))
        assert found is not None
        assert found[0].sync_policy.automated is None
        assert child(world, "shop").sync is SyncCode.SYNCED
        assert child(world, "shop").key == uid.key


async def test_what_becomes_of_a_child_shows_in_its_parent(world: GivenWorld) -> None:
    given(world, "shop")
    async with world.running(root()):
        world.cluster.make_unreadable(config_map_key().group_kind, "no permission")
        await world.settle(5)
        health = child(world, "shop").health
        assert health is not None
        assert health.status is world.status("shop").health.status


async def test_a_child_without_finalizer_leaves_its_objects(world: GivenWorld) -> None:
    given(world, "shop", "blog")
    async with world.running(root()):
        await world.push(an_application("blog"), app="root")
        assert names(world) == {"root", "blog"}
        assert world.cluster.has(config_map_key("shop"))
        assert [item.name for item in await world.journal.children()] == ["blog"]
        assert world.status("root").sync is SyncCode.SYNCED


async def test_a_child_with_a_finalizer_takes_its_objects_along(world: GivenWorld) -> None:
    given(world, "shop", "blog", finalizer=True)
    async with world.running(root()):
        await world.push(an_application("blog", finalizer=True), app="root")
        await world.settle(10)
        assert names(world) == {"root", "blog"}
        assert not world.cluster.has(config_map_key("shop"))
        assert world.cluster.has(config_map_key("blog"))
        assert [item.name for item in await world.journal.children()] == ["blog"]
        assert world.status("root").sync is SyncCode.SYNCED


async def test_a_child_is_there_until_its_objects_are_gone(world: GivenWorld) -> None:
    world.renderer.give("shop", [a_config_map("shop"), a_config_map("held")])
    world.git(an_application("shop", finalizer=True), a_config_map("other"), app="root")
    async with world.running(root()):
        held = config_map_key("held")
        world.cluster.edit(held, lambda body: body["metadata"].update(finalizers=["example.org/hold"]))
        await world.push(a_config_map("other"), app="root")
        await world.settle(5)
        assert names(world) == {"root", "shop"}
        assert world.status("shop").deletion is not None
        assert child(world, "shop").requires_pruning
        world.cluster.edit(held, lambda body: body["metadata"].pop("finalizers"))
        await world.settle(5)
        assert names(world) == {"root"}
        assert [item.key.name for item in world.status("root").resources] == ["other"]


async def test_a_child_that_somebody_deletes_comes_back_when_its_manifest_changes(world: GivenWorld) -> None:
    given(world, "shop")
    async with world.running(root()):
        await world.supervisor.operations.delete(AppName("shop"), cascade="foreground", by="ann")
        await world.settle(5)
        assert not world.cluster.has(config_map_key("shop"))
        health = child(world, "shop").health
        assert health is not None
        assert health.status is HealthStatus.MISSING
        await world.push(an_application("shop", prune=True), app="root")
        await world.settle(5)
        assert world.cluster.has(config_map_key("shop"))
        assert world.status("root").health.status is HealthStatus.HEALTHY


async def test_an_application_that_moves_from_the_configuration_into_git_keeps_its_objects(world: GivenWorld) -> None:
    given(world, "shop")
    async with world.running(root(), an_app("shop")):
        assert failure(world, "shop")
        uid = world.cluster.live(config_map_key("shop")).uid
        await world.configure(root())
        await world.settle(60)
        assert world.supervisor.spec(AppName("shop")) is not None
        assert world.cluster.live(config_map_key("shop")).uid == uid
        assert world.status("root").sync is SyncCode.SYNCED


async def test_a_deletion_of_a_child_goes_on_after_a_restart(world: GivenWorld) -> None:
    world.renderer.give("shop", [a_config_map("held")])
    world.git(an_application("shop", finalizer=True), a_config_map("other"), app="root")
    held = config_map_key("held")
    async with world.running(root()):
        world.cluster.edit(held, lambda body: body["metadata"].update(finalizers=["example.org/hold"]))
        await world.push(a_config_map("other"), app="root")
        await world.settle(5)
    async with world.running(root()):
        assert "shop" in names(world)
        world.cluster.edit(held, lambda body: body["metadata"].pop("finalizers"))
        await world.settle(5)
        assert names(world) == {"root"}
        assert list(await world.journal.children()) == []


async def test_a_kill_before_a_deletion_of_a_child_could_begin_does_not_lose_it(world: GivenWorld) -> None:
    given(world, "shop", "blog", finalizer=True)
    async with world.running(root()):
        statuses = world.statuses()
    record = next(item for item in await world.journal.children() if item.name == "shop")
    await world.journal.forget(record.name)
    await world.journal.save_child(replace(record, deleting=world.clock.now()))
    world.git(an_application("blog", finalizer=True), app="root")
    async with world.running(root(), remembered=statuses):
        await world.settle(5)
        assert names(world) == {"root", "blog"}
        assert not world.cluster.has(config_map_key("shop"))
        assert world.cluster.has(config_map_key("blog"))
        assert [item.name for item in await world.journal.children()] == ["blog"]


async def test_children_are_known_after_a_restart_before_anything_is_rendered(world: GivenWorld) -> None:
    given(world, "shop")
    async with world.running(root()):
        statuses = world.statuses()
    world.renderer.fail("root")
    async with world.running(replace(root(), sync_policy=an_app(automated=False).sync_policy), remembered=statuses):
        assert names(world) == {"root", "shop"}
        assert world.status("shop").sync is SyncCode.SYNCED
        told = [status.health.status for status in world.told("root")]
        assert HealthStatus.DEGRADED not in told


async def test_a_parent_stays_healthy_over_a_restart(world: GivenWorld) -> None:
    given(world, "shop")
    async with world.running(root()):
        statuses = world.statuses()
        world.events.clear()
    async with world.running(root(), remembered=statuses):
        assert {status.health.status for status in world.told("root")} == {HealthStatus.HEALTHY}
        assert world.operations("root") == []


async def test_a_sync_that_waits_for_a_wave_goes_on_after_a_restart(world: GivenWorld) -> None:
    world.cluster.controllers = False
    world.renderer.give("base", [a_deployment("base")])
    world.renderer.give("shop", [a_config_map("shop")])
    world.git(an_application("base", wave=0), an_application("shop", wave=1), app="root")
    async with world.running(root()):
        statuses = world.statuses()
    async with world.running(root(), remembered=statuses):
        assert names(world) == {"root", "base"}
        world.cluster.settle(deployment_key("base"))
        await world.settle()
        assert names(world) == {"root", "base", "shop"}
        assert world.operations("root") == [Phase.SUCCEEDED]


async def test_a_childs_child_works(world: GivenWorld) -> None:
    world.renderer.give("team", [an_application("shop", finalizer=True)])
    world.renderer.give("shop", [a_config_map("shop")])
    world.git(an_application("team", finalizer=True, prune=True), app="root")
    async with world.running(root(finalizer=True)):
        assert names(world) == {"root", "team", "shop"}
        assert world.status("root").health.status is HealthStatus.HEALTHY
        await world.configure()
        await world.settle(20)
        assert names(world) == set()
        assert not world.cluster.has(config_map_key("shop"))


async def test_children_are_deleted_in_reverse_waves_with_their_parent(world: GivenWorld) -> None:
    world.renderer.give("base", [a_config_map("base")])
    world.renderer.give("shop", [a_config_map("shop")])
    world.git(
        an_application("base", wave=0, finalizer=True), an_application("shop", wave=1, finalizer=True), app="root"
    )
    async with world.running(root(finalizer=True)):
        world.cluster.writes.clear()
        await world.configure()
        await world.settle(20)
        assert world.writes() == ["delete shop", "delete base"]
        assert names(world) == set()
        assert list(await world.journal.children()) == []


async def test_a_deletion_that_hangs_below_is_named_at_the_top(world: GivenWorld) -> None:
    world.renderer.give("team", [an_application("shop", finalizer=True)])
    world.renderer.give("shop", [a_config_map("shop")])
    world.git(an_application("team", finalizer=True, prune=True), app="root")
    async with world.running(root(finalizer=True)):
        world.cluster.edit(
            config_map_key("shop"), lambda body: body["metadata"].update(finalizers=["example.org/hold"])
        )
        await world.configure()
        await world.settle(20)
        deletion = world.status("root").deletion
        assert deletion is not None
        for said in ("/team is being deleted", "/shop is being deleted", "shop is being deleted", "example.org/hold"):
            assert said in deletion.message
        world.cluster.edit(config_map_key("shop"), lambda body: body["metadata"].pop("finalizers"))
        await world.settle(20)
        assert names(world) == set()


async def test_children_of_a_parent_that_left_without_finalizer_stay(world: GivenWorld) -> None:
    given(world, "shop", finalizer=True)
    async with world.running(root()):
        await world.configure()
        await world.settle(5)
        assert names(world) == {"shop"}
    async with world.running():
        await world.settle(5)
        assert names(world) == {"shop"}
        assert world.cluster.has(config_map_key("shop"))


async def test_a_name_that_the_configuration_has_is_refused(world: GivenWorld) -> None:
    world.renderer.give("shop", [a_config_map("shop")])
    world.git(an_application("shop"), app="root")
    async with world.running(root(), an_app("shop")):
        assert failure(world, "shop") == (
            "app/0.yaml:1: root cannot have an application shop: there is another one of that name: "
            "the configuration has it, at gitopsd.yaml:7:5. Try: give one of the two another name"
        )
        assert world.status("shop").sync is SyncCode.SYNCED


async def test_what_the_configuration_has_comes_before_a_child_of_its_name(world: GivenWorld) -> None:
    given(world, "shop")
    async with world.running(root()):
        await world.configure(root(), an_app("shop"))
        found = world.supervisor.application(AppName("shop"))
        assert found is not None
        assert found[0].position.file == "gitopsd.yaml"
        assert world.status("root").sync is SyncCode.OUT_OF_SYNC
        await world.configure(root())
        assert world.status("root").sync is SyncCode.SYNCED
        assert "shop" in names(world)


async def test_a_name_that_another_parents_child_has_is_refused(world: GivenWorld) -> None:
    world.renderer.give("shop", [a_config_map("shop")])
    world.git(an_application("shop"), app="root")
    async with world.running(root()):
        world.renderer.give("second", [an_application("shop")])
        await world.configure(root(), replace(root(), name=AppName("second")))
        assert "root has it among its manifests" in failure(world, "shop", "second")
        assert world.status("root").sync is SyncCode.SYNCED


async def test_a_child_whose_parent_left_can_be_another_ones(world: GivenWorld) -> None:
    given(world, "shop", finalizer=True)
    second = replace(root(), name=AppName("second"))
    async with world.running(root()):
        world.renderer.give("second", [an_application("shop", finalizer=True, wave=3)])
        await world.configure(second)
        await world.settle(5)
        assert names(world) == {"second", "shop"}
        assert child(world, "shop", "second").wave == 3
        assert [item.parent for item in await world.journal.children()] == ["second"]
        assert world.cluster.has(config_map_key("shop"))
        await world.configure(root(), second)
        assert "second has it among its manifests" in failure(world, "shop")


async def test_of_two_parents_that_begin_at_once_one_gets_the_child(world: GivenWorld) -> None:
    given(world, "shop")
    world.renderer.give("second", [an_application("shop")])
    async with world.running(root(), replace(root(), name=AppName("second"))):
        failures = [failure(world, "shop", parent) for parent in ("root", "second")]
        assert sorted(map(bool, failures)) == [False, True]
        assert len(await world.journal.children()) == 1


async def test_a_kill_right_after_a_child_was_kept_costs_nothing(world: GivenWorld) -> None:
    """It is there after the restart, and the sync is done again."""
    given(world, "shop")
    world.renderer.gate.hold("shop")
    async with world.running(root()):
        assert "shop" in names(world)
    world.renderer.gate.release("shop")
    async with world.running(root()):
        assert world.status("shop").sync is SyncCode.SYNCED
        assert world.status("root").health.status is HealthStatus.HEALTHY
        assert len(await world.journal.children()) == 1


async def test_sixty_children_cost_their_parent_few_looks(world: GivenWorld) -> None:
    given(world, *(f"a{number}" for number in range(60)))
    async with world.running(root()):
        await world.settle(10)
        assert world.status("root").health.status is HealthStatus.HEALTHY
        assert world.status("root").sync is SyncCode.SYNCED
        assert len(names(world)) == 61
        assert world.passes("root") < 30
        before = world.passes("root")
        await world.settle(30)
        assert world.passes("root") == before


async def test_one_name_in_two_namespaces_is_one_too_many(world: GivenWorld) -> None:
    world.renderer.give("shop", [a_config_map("shop")])
    world.git(an_application("shop", wave=0), an_application("shop", wave=1, namespace="second"), app="root")
    async with world.running(root()):
        operation = world.status("root").operation
        assert operation is not None
        assert "root has it also in namespace argocd" in operation.message


async def test_an_application_that_contains_itself_is_refused(world: GivenWorld) -> None:
    world.git(an_application("root"), app="root")
    async with world.running(root()):
        assert "application root would contain itself: root → root" in failure(world, "root")


async def test_a_circle_of_applications_is_refused_and_named(world: GivenWorld) -> None:
    world.renderer.give("team", [an_application("shop")])
    world.renderer.give("shop", [an_application("team")])
    world.git(an_application("team"), app="root")
    async with world.running(root()):
        assert "application team would contain itself: team → shop → team" in failure(world, "team", "shop")


async def test_a_child_that_would_wait_for_its_parent_is_refused(world: GivenWorld) -> None:
    world.renderer.give("shop", [a_config_map("shop")])
    world.git(an_application("shop", depends_on=("root",)), app="root")
    async with world.running(root()):
        assert "application shop would wait for itself: shop → root → shop" in failure(world, "shop")


async def test_siblings_can_wait_for_each_other(world: GivenWorld) -> None:
    world.renderer.give("base", [a_config_map("base")])
    world.renderer.give("shop", [a_config_map("shop")])
    world.git(an_application("shop", depends_on=("base",)), an_application("base"), app="root")
    async with world.running(root()):
        writes = [line for line in world.writes() if line in ("apply base", "apply shop")]
        assert writes == ["apply base", "apply shop"]


async def test_a_manifest_that_is_wrong_is_said_at_its_place_and_stops_no_other(world: GivenWorld) -> None:
    world.renderer.give("shop", [a_config_map("shop")])
    broken: JsonObject = {**an_application("broken"), "spec": {}}
    world.git(broken, an_application("shop"), app="root")
    async with world.running(root()):
        assert failure(world, "broken").startswith(
            "app/0.yaml:1: application broken cannot be used: spec has no source"
        )
        assert world.status("shop").sync is SyncCode.SYNCED
        assert names(world) == {"root", "shop"}


async def test_a_manifest_that_became_wrong_leaves_the_child_as_it_was(world: GivenWorld) -> None:
    given(world, "shop")
    async with world.running(root()):
        await world.push({**an_application("shop"), "spec": {}}, app="root")
        assert "spec has no source" in child(world, "shop").message + failure(world, "shop")
        assert world.status("shop").sync is SyncCode.SYNCED


async def test_a_child_that_cannot_be_read_any_more_is_shown_and_nothing_of_it_is_deleted(world: GivenWorld) -> None:
    given(world, "shop", finalizer=True)
    assert isinstance(world.applications, FakeReader)
    async with world.running(root()):
        world.applications.wrong["shop"] = "the cluster local is not configured"
        await world.supervisor.reread_children()
        await world.configure(root())
        assert "is not configured" in world.condition(ConditionType.INVALID_SPEC_ERROR, "shop")
        assert world.status("root").health.status is HealthStatus.DEGRADED
    async with world.running(root()):
        assert "is not configured" in world.condition(ConditionType.INVALID_SPEC_ERROR, "shop")
        del world.applications.wrong["shop"]
        await world.supervisor.reread_children()
        await world.configure(root())
        assert world.status("shop").sync is SyncCode.SYNCED
        assert world.cluster.has(config_map_key("shop"))


@pytest.mark.parametrize("project", ["default", "other"])
async def test_N4_a_child_of_another_project_is_refused(world: GivenWorld, project: str) -> None:
    world.settings = replace(world.settings, projects=Projects({"team": Project("team"), "other": Project("other")}))
    world.renderer.give("evil", [a_config_map("evil")])
    world.git(an_application("evil", project=project), app="root")
    async with world.running(root(project="team")):
        assert f"application evil must not be in project '{project}'" in failure(world, "evil")
        assert names(world) == {"root"}
        assert world.writes() == []


async def test_N4_projects_in_git_are_refused(world: GivenWorld) -> None:
    world.settings = replace(world.settings, projects=Projects({"team": Project("team")}))
    project = an_object("AppProject", "everything", api_version="argoproj.io/v1alpha1", namespace="argocd", spec={})
    world.git(project, app="root")
    async with world.running(root(project="team")):
        assert "AppProject everything may only come from the default project" in failure(world, "everything")
        assert world.writes() == []


async def test_N4_a_child_rests_when_its_parent_comes_into_another_project(world: GivenWorld) -> None:
    world.settings = replace(world.settings, projects=Projects({"team": Project("team")}))
    given(world, "shop")
    async with world.running(root()):
        await world.configure(root(project="team"))
        assert "must not be in project 'default'" in world.condition(ConditionType.INVALID_SPEC_ERROR, "shop")


async def test_a_journal_that_fails_keeps_the_child_out_until_it_works(world: GivenWorld) -> None:
    given(world, "shop")
    world.journal.fail_after(0)
    async with world.running(root()):
        assert names(world) == {"root"}
        world.journal.heal()
        await world.settle(60)
        assert names(world) == {"root", "shop"}


async def test_a_permit_for_another_object_is_none_for_a_child(world: GivenWorld) -> None:
    given(world, "shop")
    async with world.running(root()):
        cluster = world.supervisor._parts.clusters.find(name="local")
        with pytest.raises(PermissionError):
            await cluster.delete(permit_object(an_app("root"), config_map_key()), live_children(world)[0])
        assert names(world) == {"root", "shop"}


async def test_two_at_once_are_not_mixed_up(world: GivenWorld) -> None:
    given(world, "shop")
    async with world.running(root()):
        live = live_children(world)[0]
        assert live.key.name == "shop"
        cluster = world.supervisor._parts.clusters.find(name="local")
        gone = replace(live, uid="another")
        permit = permit_object(an_app("root"), live.key)
        await cluster.delete(permit, gone)
        with pytest.raises(ClusterError, match="another one by now"):
            await cluster.patch(permit, gone, Patch({"metadata": {"labels": {"a": "b"}}}))
        after = await cluster.patch(permit, live, Patch({"metadata": {"labels": {"a": "b"}}}))
        assert text(after.document.body(), "metadata", "labels", "a") == "b"
        assert "shop" in names(world)


async def test_children_are_in_no_namespace_that_a_cluster_could_leave_out(world: GivenWorld) -> None:
    world.cluster.narrow("default")
    given(world, "one", "two")
    async with world.running(root(finalizer=True)):
        assert world.status("root").sync is SyncCode.SYNCED
        assert set(world.supervisor.applications()) == {"root", "one", "two"}
        await world.configure()
        await world.settle(600)
        assert list(world.supervisor.applications()) == []
