"""Applications are deleted: in order, once, whatever happens in between, and nothing else is touched."""

import re
from dataclasses import replace

import anyio
import pytest

from gitopsd.control.deletion import Leaving
from gitopsd.core.annotations import DELETION_APPROVED, HOOK, HOOK_DELETE_POLICY, OPERATION, SYNC_OPTIONS, SYNC_WAVE
from gitopsd.core.app import Dependency
from gitopsd.core.childapps import ChildRecord
from gitopsd.core.claims import Claims
from gitopsd.core.document import Document
from gitopsd.core.errors import ClusterError, OperationError, StoreError
from gitopsd.core.history import Deletion, DeletionPhase
from gitopsd.core.hook import HookOutcome
from gitopsd.core.ids import AppName, GroupKind, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, text
from gitopsd.core.project import DestinationServiceAccount, Impersonation, Project, Projects
from gitopsd.testing.builders import (
    a_config_map,
    a_definition,
    a_deployment,
    a_namespace,
    an_app,
    an_instance,
    an_object,
)
from gitopsd.testing.cluster import FakeCluster
from tests.control.deletion_world import WIDGET, DeletionWorld, Reaper, an_app_with_finalizer

APP = an_app_with_finalizer()
NAME = APP.name


@pytest.fixture
def world() -> DeletionWorld:
    """A cluster and a journal, both fakes, and nothing that runs yet."""
    return DeletionWorld()


def cm(name: str) -> ObjectKey:
    return ObjectKey("", "ConfigMap", "default", name)


def job(name: str) -> ObjectKey:
    return ObjectKey("batch", "Job", "default", name)


def hook(name: str, phase: str = "PreDelete", *, policy: str = "", wave: int | None = None) -> JsonObject:
    marks = {HOOK: phase, **({HOOK_DELETE_POLICY: policy} if policy else {})}
    return an_object("Job", name, api_version="batch/v1", wave=wave, annotations=marks)


async def deletions_of(world: DeletionWorld) -> dict[str, Deletion]:
    return {one.app: one for one in await world.journal.deletions()}


# Two ways in


async def test_an_entry_that_goes_takes_its_objects_along_if_it_had_a_finalizer(world: DeletionWorld) -> None:
    gone = world.deployed(APP, a_config_map("one"), a_config_map("last", wave=3))
    world.cluster.plant(a_config_map("strangers"))
    async with world.running(APP):
        await world.leaves(gone)

        assert world.writes() == ["delete last", "delete one"]
        assert [write.propagation for write in world.cluster.writes] == ["Foreground", "Foreground"]
        assert world.deletions.of(NAME) is None
        assert world.told[-1].done
        assert world.told[-1].removed
        assert world.cluster.has(cm("strangers"))
        assert await deletions_of(world) == {}
    assert world.bugs == []


async def test_without_a_finalizer_the_objects_stay(world: DeletionWorld) -> None:
    gone = world.deployed(an_app(), a_config_map("one"))
    async with world.running(an_app()):
        await world.leaves(gone)

        assert world.writes() == []
        assert not world.deletions.rests(NAME)


async def test_the_background_finalizer_deletes_in_the_background(world: DeletionWorld) -> None:
    spec = an_app_with_finalizer(background=True)
    gone = world.deployed(spec, a_config_map("one"))
    async with world.running(spec):
        await world.leaves(gone)

        assert [write.propagation for write in world.cluster.writes] == ["Background"]


async def test_an_application_that_was_deleted_rests_until_its_entry_is_another(world: DeletionWorld) -> None:
    spec = an_app()
    there = world.deployed(spec, a_config_map("one"))
    async with world.running(spec):
        await world.deletions.start(there, cascade="foreground", by="kim")
        await world.settle()

        assert world.writes() == ["delete one"]
        assert (world.of().phase, world.of().by, world.of().removed) == (DeletionPhase.DELETED, "kim", False)
        await world.leaves(left=[spec])
        assert world.deletions.rests(NAME)
    async with world.running(spec):
        assert world.deletions.rests(NAME)
        await world.leaves(left=[replace(spec, project="other")])
        assert not world.deletions.rests(NAME)
    async with world.running(spec):
        assert not world.deletions.rests(NAME)


async def test_a_deleted_application_is_forgotten_once_its_entry_goes(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"))
    async with world.running(APP):
        await world.deletions.start(there, cascade="orphan", by="kim")
        await world.settle()
        assert world.of().message == "its objects were left as they are"
        await world.leaves(there)

        assert world.deletions.of(NAME) is None
        assert world.writes() == []
        assert await deletions_of(world) == {}


async def test_the_finalizer_counts_even_if_the_entry_went_while_nobody_looked(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"))
    async with world.running(APP):
        await world.settle()
    async with world.running(kinds=there.reach.kinds):
        await world.settle()

        assert world.writes() == ["delete one"]
        assert await deletions_of(world) == {}


async def test_an_application_that_another_one_brought_and_nobody_can_read_did_not_leave(world: DeletionWorld) -> None:
    """The key of the state was lost: what its parent said of it comes back with the parent's next sync."""
    there = world.deployed(APP, a_config_map("one"))
    async with world.running(APP):
        await world.settle()
    manifest = Document(b'{"metadata":{"name":"guestbook"}}')
    await world.journal.save_child(ChildRecord(NAME, AppName("root"), manifest, "u", world.clock.now()))
    async with world.running(kinds=there.reach.kinds):
        await world.settle()
        await world.leaves()

        assert world.writes() == []
        assert world.deletions.of(NAME) is None


async def test_an_entry_that_goes_while_nobody_looks_runs_the_hooks_that_were_deployed_last(
    world: DeletionWorld,
) -> None:
    world.deployed(APP, a_config_map("one"))
    await world.remember(APP, a_config_map("one"), hook("bye"))
    async with world.running(APP):
        await world.settle()
    async with world.running():
        await world.settle()
        assert world.writes() == ["create bye"]
        world.cluster.finish(job("bye"))
        await world.settle()

        assert world.writes() == ["create bye", "delete one"]


async def test_a_finalizer_that_was_taken_away_counts_no_more(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"))
    async with world.running(APP):
        await world.leaves(left=[an_app()])
    async with world.running(kinds=there.reach.kinds):
        await world.settle()

        assert world.writes() == []


async def test_an_unknown_cascade_is_refused(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"))
    async with world.running(APP):
        with pytest.raises(OperationError) as caught:
            await world.deletions.start(there, cascade="sideways", by="kim")

        assert caught.value.reason == "Invalid"
        assert "foreground, background, orphan" in str(caught.value)
        assert not world.deletions.rests(NAME)


# Guards


async def test_when_most_applications_vanish_at_once_nothing_goes_until_somebody_confirms(world: DeletionWorld) -> None:
    specs = [an_app_with_finalizer(f"app-{number}") for number in range(5)]
    gone = [world.deployed(spec, a_config_map(f"of-{spec.name}")) for spec in specs]
    async with world.running(*specs):
        await world.leaves(*gone)

        assert world.writes() == []
        assert all(one.phase is DeletionPhase.HELD for one in world.deletions.all())
        assert "gitopsd app confirm-deletion app-3" in world.of("app-3").message
        await world.deletions.confirm(AppName("app-3"))
        await world.settle()
        assert world.writes() == ["delete of-app-3"]
    async with world.running(specs[0]):
        await world.settle()
        assert not world.deletions.rests(specs[0].name)  # it is back
        assert world.of("app-1").phase is DeletionPhase.HELD
        assert world.writes() == ["delete of-app-3"]


async def test_when_most_applications_vanish_between_two_starts_nothing_goes_either(world: DeletionWorld) -> None:
    specs = [an_app_with_finalizer(f"app-{number}") for number in range(5)]
    gone = [world.deployed(spec, a_config_map(f"of-{spec.name}")) for spec in specs]
    async with world.running(*specs):
        await world.settle()
    async with world.running(kinds=gone[0].reach.kinds):
        await world.settle()

        assert world.writes() == []
        assert [one.phase for one in world.deletions.all()] == [DeletionPhase.HELD] * 5


async def test_while_entries_cannot_be_read_nobody_has_left(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"))
    async with world.running(APP):
        await world.settle()
    async with world.running(kinds=there.reach.kinds, certain=False):
        await world.settle()
        assert not world.deletions.rests(NAME)
    async with world.running(certain=False):
        await world.settle()
        await world.leaves(left=[APP])  # it can be read again
        assert world.writes() == []
        await world.leaves(there, certain=False)
        assert world.writes() == []
        await world.leaves()

        assert world.writes() == ["delete one"]


async def test_an_entry_that_comes_back_before_anything_was_deleted_is_as_before(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one", annotations={SYNC_OPTIONS: "Delete=confirm"}))
    async with world.running(APP):
        await world.leaves(there)
        assert world.of().phase is DeletionPhase.WAITING
        await world.leaves(left=[APP])

        assert not world.deletions.rests(NAME)
        assert world.told[-1].phase is DeletionPhase.NONE
        assert (await deletions_of(world))[NAME].phase is DeletionPhase.ARMED
        assert world.writes() == []


async def test_an_entry_that_comes_back_too_late_begins_anew_when_all_is_gone(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"))
    world.hold(cm("one"))
    async with world.running(APP):
        await world.leaves(there)
        await world.leaves(left=[APP])
        assert world.deletions.rests(NAME)
        world.let_go(cm("one"))
        await world.settle()

        assert not world.deletions.rests(NAME)
        assert [one.phase for one in world.told[-2:]] == [DeletionPhase.DELETED, DeletionPhase.NONE]
        assert (await deletions_of(world))[NAME].phase is DeletionPhase.ARMED


async def test_a_confirmation_that_never_comes_is_waited_for_and_costs_nothing(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one", annotations={SYNC_OPTIONS: "Delete=confirm"}), a_config_map("two"))
    async with world.running(APP):
        await world.leaves(there)
        told, entries = len(world.told), len(world.journal.entries)
        await world.settle(24 * 3600)

        assert world.writes() == []
        assert (len(world.told), len(world.journal.entries)) == (told, entries)
        assert "Delete=confirm" in world.of().message
        await world.deletions.confirm(NAME)
        await world.settle()
        assert world.writes() == ["delete one", "delete two"]


async def test_the_approval_annotation_confirms(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one", annotations={SYNC_OPTIONS: "Delete=confirm"}))
    async with world.running(APP):
        await world.deletions.start(there, cascade="foreground", by="kim")
        await world.settle()
        assert world.writes() == []
        await world.leaves(left=[replace(APP, annotations={DELETION_APPROVED: "2031-01-01T00:00:00Z"})])

        assert world.writes() == ["delete one"]
        assert world.deletions.rests(NAME)


async def test_there_is_nothing_to_confirm_where_nothing_is_deleted(world: DeletionWorld) -> None:
    async with world.running(APP):
        with pytest.raises(OperationError) as caught:
            await world.deletions.confirm(NAME)
        assert caught.value.reason == "NothingInProgress"


async def test_there_is_nothing_to_confirm_where_nothing_asks(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"))
    world.hold(cm("one"))
    async with world.running(APP):
        await world.leaves(there)
        before = world.of()
        with pytest.raises(OperationError, match="nothing of its deletion waits") as caught:
            await world.deletions.confirm(NAME)
        assert (caught.value.reason, world.of()) == ("NothingInProgress", before)


async def test_orphaning_late_says_what_was_deleted_before_also_after_a_restart(world: DeletionWorld) -> None:
    there = world.deployed(
        APP, a_config_map("late", annotations={SYNC_WAVE: "1"}), a_config_map("held"), a_config_map("kept")
    )
    world.hold(cm("held"))
    world.hold(cm("late"))
    async with world.running(APP):
        await world.deletions.start(there, cascade="foreground", by="kim")
        await world.settle()
        assert world.of().left == frozenset({cm("late"), cm("held"), cm("kept")})
        world.let_go(cm("late"))
        await world.settle()
        assert world.of().left == frozenset({cm("held")})
    async with world.running(APP):
        await world.deletions.start(there, cascade="orphan", by="kim")
        await world.settle()
        assert world.of().message == (
            "its other objects were left as they are; deleted before, or as soon as nothing holds them: "
            "ConfigMap default/late, ConfigMap default/held, ConfigMap default/kept"
        )


async def test_an_object_that_another_application_wants_stays_and_is_named(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("shared"), a_config_map("own"))
    world.claims = lambda _app, _server, keys: Claims({key: "other" for key in keys if key.name == "shared"})
    async with world.running(APP):
        await world.leaves(there)

        assert world.writes() == ["delete own"]
        assert world.told[-1].kept == {"ConfigMap default/shared": "application other wants it too"}


async def test_while_nobody_knows_what_another_application_wants_nothing_is_deleted(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("shared"), a_config_map("own"))
    world.claims = lambda _app, _server, _keys: Claims({}, (AppName("other"),))
    async with world.running(APP) as deletions:
        await world.leaves(there)
        assert world.writes() == []
        assert world.of().message.startswith("waiting until other could be compared")
        world.claims = lambda _app, _server, keys: Claims({key: "other" for key in keys if key.name == "shared"})
        deletions.looked(AppName("other"))
        await world.settle(1)
        assert world.writes() == ["delete own"]


async def test_somebody_may_say_that_others_need_not_be_known(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("own"))
    world.claims = lambda _app, _server, _keys: Claims({}, (AppName("other"),))
    async with world.running(APP) as deletions:
        await world.leaves(there)
        assert world.writes() == []
        await deletions.confirm(APP.name)
        await world.settle()
        assert world.writes() == ["delete own"]


async def test_a_namespace_of_an_application_that_left_waits_for_somebodys_word(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_namespace("team"), a_config_map("own"))
    async with world.running(APP) as deletions:
        await world.leaves(there)
        assert world.writes() == []
        assert "everything in a Namespace is deleted with it" in world.of().message
        await deletions.confirm(APP.name)
        await world.settle()
        assert world.writes() == ["delete own", "delete team"]


async def test_a_namespace_of_an_application_that_is_deleted_by_name_goes(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_namespace("team"))
    async with world.running(APP) as deletions:
        await deletions.start(there, cascade="foreground", by="somebody")
        await world.settle()
        assert world.writes() == ["delete team"]


# In order


async def test_what_others_depend_on_goes_after_them(world: DeletionWorld) -> None:
    database = an_app_with_finalizer("database")
    web = replace(an_app_with_finalizer("web"), depends_on=(Dependency(AppName("database")),))
    gone = [world.deployed(database, a_config_map("data")), world.deployed(web, a_config_map("page"))]
    world.hold(cm("page"))
    async with world.running(database, web):
        await world.leaves(*gone)
        assert world.writes() == ["delete page"]
        assert world.of("database").message == "waiting until web is gone, which depends on it"
        world.let_go(cm("page"))
        await world.settle()

        assert world.writes() == ["delete page", "delete data"]


async def test_a_finalizer_that_never_goes_is_named_and_the_earlier_wave_stays(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("held", wave=2), a_config_map("base"))
    world.hold(cm("held"))
    async with world.running(APP):
        await world.leaves(there)
        await world.settle(3600)

        assert world.writes() == ["delete held"]
        assert (
            "ConfigMap default/held is being deleted since 00:00 UTC, held by finalizer example.org/x"
            in world.of().message
        )
        assert world.of().error == ""
        world.let_go(cm("held"))
        await world.settle()
        assert world.writes() == ["delete held", "delete base"]


async def test_a_namespace_stuck_in_deletion_is_told_with_what_is_left_in_it(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_namespace("stuck"))
    key = ObjectKey("", "Namespace", "", "stuck")
    world.hold(key)
    async with world.running(APP) as deletions:
        await deletions.start(there, cascade="foreground", by="somebody")
        await world.settle()
        said = "Some content in the namespace has finalizers remaining: example.org/x in 1 resource instances"
        condition: JsonObject = {"type": "NamespaceFinalizersRemaining", "status": "True", "message": said}
        world.cluster.set_status(key, {"conditions": [condition]})
        await world.settle()

        assert said in world.of().message
        world.let_go(key)
        await world.settle()
        assert world.told[-1].done


async def test_a_definition_that_was_removed_took_its_instances_along(world: DeletionWorld) -> None:
    world.cluster.plant(a_definition())
    world.cluster.establish(ObjectKey("apiextensions.k8s.io", "CustomResourceDefinition", "", "widgets.example.org"))
    there = world.deployed(APP, an_instance("first"), a_config_map("one"))
    assert WIDGET in there.reach.kinds
    instance = ObjectKey("example.org", "Widget", "default", "first")
    world.hold(instance)
    async with world.running(APP):
        await world.leaves(there)
        assert world.writes() == ["delete first"]
        world.let_go(instance)
        world.cluster.remove(ObjectKey("apiextensions.k8s.io", "CustomResourceDefinition", "", "widgets.example.org"))
        await world.settle()

        assert world.writes() == ["delete first", "delete one"]
        assert world.told[-1].done


# Faults


async def test_a_cluster_that_goes_down_in_between_is_waited_for(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("late", wave=1), a_config_map("early"))
    world.hold(cm("late"))
    async with world.running(APP):
        await world.leaves(there)
        waiting = world.of().message
        assert waiting
        world.cluster.go_down()
        await world.settle(600)
        assert "cannot be reached" in world.of().error
        assert re.fullmatch(r"tried again in \d+ s", world.of().message)
        world.cluster.come_up()
        await world.settle()
        assert (world.of().message, world.of().error) == (waiting, "")
        world.let_go(cm("late"))
        await world.settle()

        assert world.writes() == ["delete late", "delete early"]
        assert world.told[-1].error == ""


async def test_a_cluster_that_comes_back_is_asked_at_once(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"))
    world.cluster.go_down()
    async with world.running(APP):
        await world.leaves(there)
        await world.settle(3600)
        world.cluster.come_up()
        await world.settle(0.1)

        assert world.writes() == ["delete one"]


async def test_a_cluster_that_forgot_the_application_while_it_was_down_is_asked_at_once_too(
    world: DeletionWorld,
) -> None:
    there = world.deployed(APP, a_config_map("one"))
    world.cluster.go_down()
    async with world.running(APP):
        await world.leaves(there)
        await world.settle(3600)
        await world.cluster.forget(APP.name, {GroupKind("", "ConfigMap")})
        world.cluster.come_up()
        await world.settle(0.1)

        assert world.writes() == ["delete one"]


async def test_a_cluster_that_comes_back_and_goes_again_is_asked_at_once_each_time(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("late", wave=1), a_config_map("early"))
    world.hold(cm("late"))
    async with world.running(APP):
        await world.leaves(there)
        for _ in range(2):
            world.cluster.go_down()
            await world.settle(3600)
            assert "cannot be reached" in world.of().error
            world.cluster.come_up()
            await world.settle(0.1)
            assert world.of().error == ""


async def test_a_cluster_that_nobody_knows_any_more_ends_the_deletion_with_a_word(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"))
    async with world.running(APP):
        world.clusters.clear()
        await world.leaves(there)
        assert "cluster local is not known" in world.of().error
        await world.settle(120)

        assert world.deletions.of(NAME) is None
        assert world.told[-1].message == "given up: cluster local is not known; its objects stay"
        assert await deletions_of(world) == {}
        assert world.writes() == []


async def test_a_cluster_that_comes_a_moment_late_is_not_given_up(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"))
    async with world.running(APP):
        world.clusters.clear()
        await world.leaves(there)
        world.clusters.append(world.cluster)
        world.deletions.rewire()
        await world.settle()

        assert world.writes() == ["delete one"]


async def test_another_cluster_under_the_same_name_is_left_alone(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"))
    other = FakeCluster("local", server="https://other.example.org")
    for one in (there.wanted or world.wants(APP)).objects:
        other.plant(one.document.body())
    async with world.running(APP):
        world.clusters[:] = [other]
        await world.leaves(there)
        await world.settle(120)

        assert other.writes == []
        assert other.has(cm("one"))


async def test_an_object_that_the_api_server_refuses_to_delete_keeps_no_other_of_its_wave(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"), a_config_map("two"), a_config_map("base", wave=-1))
    denied = ClusterError("an admission webhook denied it", where="cluster local, ConfigMap default/one", status=403)
    world.cluster.fail_next("delete", denied)
    async with world.running(APP):
        await world.leaves(there)
        await world.settle(0)
        assert world.writes()[0] == "delete two"
        await world.settle(10)

        assert world.writes() == ["delete two", "delete one", "delete base"]
        assert any("an admission webhook denied it" in one.error for one in world.told)


async def test_a_kind_that_cannot_be_read_is_named_and_nothing_goes_meanwhile(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"), an_object("Secret", "key"))
    world.cluster.forbid(GroupKind("", "Secret"))
    async with world.running(APP):
        await world.leaves(there)
        assert world.writes() == []
        assert "Secret may not be listed" in world.of().message
        world.cluster.allow(GroupKind("", "Secret"))
        await world.settle()

        assert sorted(world.writes()) == ["delete key", "delete one"]


async def test_a_store_that_cannot_write_lets_nothing_begin(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"))
    async with world.running(APP):
        world.journal.fail()
        with pytest.raises(StoreError):
            await world.deletions.start(there, cascade="foreground", by="kim")
        assert not world.deletions.rests(NAME)
        await world.leaves(there)
        await world.settle(600)
        assert world.writes() == []
        assert "the disk is full" in world.of().error
        world.journal.heal()
        await world.settle(120)

        assert world.writes() == ["delete one"]


async def test_N1_what_is_deleted_is_deleted_as_the_service_account_of_the_project(world: DeletionWorld) -> None:
    accounts = (DestinationServiceAccount("*", "*", "team:deployer"),)
    world.projects = Projects({"default": Project("default", accounts=accounts)}, Impersonation(enabled=True))
    there = world.deployed(APP, a_config_map("one"), hook("bye"))
    async with world.running(APP):
        await world.leaves(there)
        world.cluster.finish(job("bye"))
        await world.settle()

        assert world.writes() == ["create bye", "delete one"]
        assert {write.user for write in world.cluster.writes} == {"system:serviceaccount:team:deployer"}


async def test_R2_a_project_that_lets_nobody_do_anything_keeps_the_deletion_waiting(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"), hook("bye"))
    world.projects = Projects({"default": Project("default", unenforced=("destinations",))})
    async with world.running(APP):
        await world.leaves(there)
        assert world.writes() == []
        assert "destinations" in world.of().error
        world.projects = Projects()
        world.deletions.rewire()
        await world.settle()

        assert world.writes() == ["create bye"]


# Hooks


async def test_hooks_run_before_and_after_the_objects_and_go_by_their_policies(world: DeletionWorld) -> None:
    there = world.deployed(
        APP,
        a_config_map("one"),
        hook("second", wave=2, policy="HookSucceeded"),
        hook("first"),
        hook("after", "PostDelete", policy="HookSucceeded"),
        hook("sync", "PostSync"),
    )
    async with world.running(APP):
        await world.leaves(there)
        assert world.writes() == ["create first"]
        for name in ("first", "second", "after"):
            world.cluster.finish(job(name))
            await world.settle()

        assert world.writes() == [
            "create first",
            "create second",
            "delete second",
            "delete one",
            "create after",
            "delete after",
        ]
        assert world.told[-1].done
        assert world.cluster.has(job("first"))
        assert not world.cluster.has(job("after"))


async def test_a_pre_delete_hook_that_fails_keeps_everything_and_is_tried_again(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"), hook("bye"))
    async with world.running(APP):
        await world.leaves(there)
        world.cluster.finish(job("bye"), failed="BackoffLimitExceeded")
        await world.settle()
        assert "BackoffLimitExceeded" in world.of().error
        assert world.writes() == ["create bye"]
        await world.settle(15)
        assert world.writes() == ["create bye", "delete bye", "create bye"]
        assert world.of().error == ""
        world.cluster.finish(job("bye"))
        await world.settle()

        assert world.writes()[3:] == ["delete one"]


async def test_a_failed_hook_is_tried_again_at_once_when_somebody_asks(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"), hook("bye"))
    async with world.running(APP):
        await world.deletions.start(there, cascade="foreground", by="kim")
        await world.settle()
        world.cluster.finish(job("bye"), failed="BackoffLimitExceeded")
        await world.settle()
        await world.deletions.start(there, cascade="foreground", by="kim")
        await world.settle()

        assert world.writes() == ["create bye", "delete bye", "create bye"]


async def test_who_cannot_wait_for_a_hook_may_leave_the_objects_instead(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"), hook("bye"))
    async with world.running(APP):
        await world.deletions.start(there, cascade="foreground", by="kim")
        await world.settle()
        await world.deletions.start(there, cascade="orphan", by="kim")
        await world.settle()

        assert world.of().done
        assert world.cluster.has(cm("one"))


async def test_an_object_is_not_deleted_once_somebody_says_that_all_shall_stay(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"), a_deployment("web"))
    async with world.running(APP):
        world.cluster.gate.hold("delete")
        await world.deletions.start(there, cascade="foreground", by="kim")
        await world.settle()
        await world.deletions.start(there, cascade="orphan", by="kim")
        world.cluster.gate.release("delete")
        await world.settle()

        assert world.of().done
        assert world.cluster.has(cm("one"))


async def test_objects_that_go_one_by_one_are_looked_at_a_few_times_a_second(world: DeletionWorld) -> None:
    names = [f"n{number:02}" for number in range(40)]
    there = world.deployed(APP, *(a_config_map(name) for name in names))
    for name in names:
        world.hold(cm(name))
    async with world.running(APP):
        await world.leaves(there)
        told = len(world.told)
        for name in names:
            world.let_go(cm(name))
            await world.settle(0.01)
        await world.settle()

        assert world.told[-1].done
        assert len(world.told) - told < 12


async def test_a_hook_does_not_take_the_place_of_a_strangers_object(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"), hook("bye"))
    world.cluster.plant(an_object("Job", "bye", api_version="batch/v1"))
    async with world.running(APP):
        await world.leaves(there)

        assert world.writes() == []
        assert "is not the application's" in world.of().error


async def test_what_a_hook_of_an_application_that_is_gone_left_is_in_nobodys_way(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"), hook("bye"))
    theirs = world.deployed(an_app_with_finalizer("gone"), hook("bye"))
    assert theirs.wanted is not None
    world.cluster.plant(theirs.wanted.hooks[0].object.document.body())
    world.known = {"guestbook", "gone"}
    async with world.running(APP):
        await world.leaves(there)
        assert "it belongs to gone" in world.of().error
        world.known = {"guestbook"}
        await world.settle(60)
        assert "it belongs to gone" in world.of().error  # nobody knows whether it is still needed
        world.cluster.finish(job("bye"))
        await world.settle(120)
        assert world.of().phase is DeletionPhase.PRE_DELETE
        assert world.writes()[:2] == ["delete bye", "create bye"]


async def test_what_a_hook_printed_is_kept_with_the_deletion(world: DeletionWorld) -> None:
    body = an_object("Pod", "bye", annotations={HOOK: "PreDelete"}, spec={"containers": [{"name": "main"}]})
    there = world.deployed(APP, a_config_map("one"), body)
    pod = ObjectKey("", "Pod", "default", "bye")
    async with world.running(APP):
        await world.leaves(there)
        world.cluster.print_log(pod, "main", "backed up\n")
        world.cluster.finish(pod)
        await world.settle()

        assert [run.log for run in world.told[-1].hooks.values()] == ["backed up\n"]


async def test_a_hook_whose_object_vanished_after_its_end_counts(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"), hook("bye"))
    async with world.running(APP):
        await world.leaves(there)
        world.cluster.gate.hold("observe")
        world.cluster.finish(job("bye"))
        world.cluster.remove(job("bye"))
        world.cluster.gate.release("observe")
        await world.settle()

        assert world.writes() == ["create bye", "delete one"]


# Killed at any moment


BODIES = (
    a_config_map("early", wave=-1),
    a_config_map("one"),
    a_deployment("web"),
    a_config_map("keep", annotations={SYNC_OPTIONS: "Delete=false"}),
    hook("before", policy="HookSucceeded"),
    hook("before-late", wave=1),
    hook("after", "PostDelete", policy="BeforeHookCreation,HookSucceeded"),
)


async def undisturbed() -> tuple[DeletionWorld, int]:
    world, reaper = await run_until_gone(-1)
    return world, reaper.count


async def run_until_gone(at: int) -> tuple[DeletionWorld, Reaper]:
    """Delete an application, killed at the given moment and started again; what is left then."""
    world, reaper = DeletionWorld(), Reaper(at)
    there = world.deployed(APP, *BODIES)
    await world.remember(APP, *BODIES)
    world.cluster.plant(a_config_map("strangers"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(world.run_jobs)
        async with world.running(APP):
            await world.settle()
        async with world.running(APP, reaper=reaper), anyio.create_task_group() as entry:
            entry.start_soon(world.leaves, there)
            with anyio.move_on_after(60):
                await reaper.came.wait()
            entry.cancel_scope.cancel()
        async with world.running(kinds=there.reach.kinds):
            await world.settle(60)
            assert world.deletions.of(NAME) is None
        tasks.cancel_scope.cancel()
    return world, reaper


def end_state(world: DeletionWorld) -> dict[ObjectKey, JsonObject | None]:
    """What is there, but for what every new object gets anew."""
    found: dict[ObjectKey, JsonObject | None] = {}
    for key in world.cluster.keys(""):
        body = world.cluster.body(key)
        assert body is not None
        found[key] = {name: value for name, value in body.items() if name != "metadata"}
    return found


async def test_killed_at_any_moment_it_ends_the_same_and_runs_no_hook_twice() -> None:
    calm, moments = await undisturbed()
    assert moments > 20
    expected = end_state(calm)
    assert {key.name for key in expected} >= {"keep", "strangers", "before-late"}
    for at in range(1, moments + 1):
        world, reaper = await run_until_gone(at)

        assert reaper.came.is_set(), at
        created = [write for write in world.writes() if write.startswith("create")]
        assert sorted(created) == ["create after", "create before", "create before-late"], at
        assert end_state(world) == expected, at
        own = [write for write in world.writes() if write.startswith("delete")]
        assert len(own) == len(set(own)), at
        assert world.bugs == [], at
        assert await world.journal.deletions() == [], at


async def test_a_hook_carries_the_id_of_its_deletion(world: DeletionWorld) -> None:
    there = world.deployed(APP, hook("bye"))
    async with world.running(APP):
        await world.leaves(there)

        body = world.cluster.body(job("bye"))
        assert body is not None
        assert text(body, "metadata", "annotations", OPERATION) == f"{world.of().id}/PreDelete"
        assert [run.outcome for run in world.of().hooks.values()] == [HookOutcome.RUNNING]


async def test_while_it_waits_it_does_nothing(world: DeletionWorld) -> None:
    there = world.deployed(APP, a_config_map("one"))
    world.hold(cm("one"))
    async with world.running(APP):
        await world.leaves(there)
        await world.settle(30)
        told, entries, judged = len(world.told), len(world.journal.entries), world.judge.asked
        await world.settle(24 * 3600)

        assert (len(world.told), len(world.journal.entries), world.judge.asked) == (told, entries, judged)


HANGING = 70  # more than passes run at once


async def test_many_deletions_that_hang_keep_no_other_waiting(world: DeletionWorld) -> None:
    hanging = [an_app_with_finalizer(f"stuck-{number}") for number in range(HANGING)]
    gone: list[Leaving] = []
    for spec in hanging:
        gone.append(world.deployed(spec, a_config_map(f"of-{spec.name}")))
        world.hold(cm(f"of-{spec.name}"))
    others = [an_app(f"other-{number}") for number in range(HANGING + 1)]
    async with world.running(APP, *hanging, *others):
        await world.leaves(*gone, left=[APP, *others])
        assert len(world.writes()) == HANGING
        there = world.deployed(APP, a_config_map("one"))
        await world.leaves(there, left=others)

        assert world.writes()[HANGING:] == ["delete one"]
