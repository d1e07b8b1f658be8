"""Objects that one application gives up and another one wants: they stay, whoever looks first."""

from collections.abc import Iterator
from dataclasses import replace

import anyio.lowlevel
import pytest

from gitopsd.core.app import AppSpec
from gitopsd.core.appstatus import SyncCode
from gitopsd.core.history import Deletion
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.jsonvalue import JsonObject, text
from gitopsd.core.syncrequest import SyncRequest
from gitopsd.testing.applications import FakeReader, an_application
from gitopsd.testing.builders import A_REPOSITORY, a_config_map, an_app
from gitopsd.testing.journal import FakeJournal
from tests.control.world import GivenWorld, config_map_key

pytestmark = pytest.mark.anyio
FINALIZER = "resources-finalizer.argocd.argoproj.io"
SHARED = config_map_key("shared")


@pytest.fixture
def world() -> Iterator[GivenWorld]:
    made = GivenWorld()
    made.applications = FakeReader()
    yield made
    assert made.bugs == []


def app(name: str, *, automated: bool = True, finalizer: bool = False) -> AppSpec:
    """An application that may prune everything."""
    spec = an_app(name, automated=automated, prune=automated)
    policy = replace(spec.sync_policy, prune_limit=1.0)
    return replace(spec, sync_policy=policy, finalizers=(FINALIZER,) if finalizer else ())


def commit(world: GivenWorld, **applications: list[JsonObject]) -> None:
    """One commit at which every application has its objects."""
    made = world.sources.repository(A_REPOSITORY).commit({"app.yaml": str(applications)})
    for name, bodies in applications.items():
        world.renderer.give(name, bodies, commit=made)


class SlowJournal(FakeJournal):
    """A journal in which the deletions of `slow` applications take so long that everybody else gets far meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.slow: set[AppName] = set()

    async def save_deletion(self, deletion: Deletion) -> None:
        for _ in range(500 if deletion.app in self.slow else 0):
            await anyio.lowlevel.checkpoint()
        await super().save_deletion(deletion)


def uid(world: GivenWorld, key: ObjectKey = SHARED) -> str:
    """Which object it is; "" if it is gone."""
    body = world.cluster.body(key)
    return text(body, "metadata", "uid") if body is not None else ""


def owner(world: GivenWorld, key: ObjectKey = SHARED) -> str:
    """Whose it is by its mark."""
    body = world.cluster.body(key)
    assert body is not None
    return text(body, "metadata", "annotations", "argocd.argoproj.io/tracking-id").partition(":")[0]


async def test_the_objects_of_an_application_that_is_renamed_stay_and_are_the_new_ones(world: GivenWorld) -> None:
    commit(world, old=[a_config_map("shared")], new=[a_config_map("shared")])
    async with world.running(app("old", finalizer=True)):
        before = uid(world)
        await world.configure(app("new", finalizer=True))
        await world.settle(5)
        assert uid(world) == before
        assert owner(world) == "new"
        assert set(world.supervisor.applications()) == {"new"}
        assert world.status("new").sync is SyncCode.SYNCED


async def test_an_edit_of_the_other_application_at_the_same_moment_takes_nothing_away_from_it(
    world: GivenWorld,
) -> None:
    commit(world, one=[a_config_map("shared")], two=[a_config_map("shared")])
    two = app("two", automated=False)
    async with world.running(app("one", finalizer=True), two):
        before = uid(world)
        await world.configure(replace(two, revision_history_limit=5))
        await world.settle(5)
        assert uid(world) == before


async def test_what_left_while_the_daemon_was_down_stays_if_another_application_wants_it(world: GivenWorld) -> None:
    commit(world, one=[a_config_map("shared")], two=[a_config_map("shared")])
    two = app("two", automated=False)
    async with world.running(app("one", finalizer=True), two):
        before = uid(world)
    async with world.running(two):
        await world.settle(5)
        assert uid(world) == before


async def test_nothing_is_deleted_before_it_is_known_which_applications_there_are(world: GivenWorld) -> None:
    world.journal = journal = SlowJournal()
    commit(world, one=[a_config_map("shared")], two=[a_config_map("shared")], new=[])
    two = app("two", automated=False)
    async with world.running(app("one", finalizer=True), two):
        before = uid(world)
    journal.slow.add(AppName("new"))
    async with world.running(two, app("new", finalizer=True)):
        await world.settle(5)
        assert uid(world) == before
        assert AppName("one") not in world.supervisor.applications()


async def test_what_an_application_that_left_wanted_stays_for_nobody(world: GivenWorld) -> None:
    commit(world, one=[a_config_map("shared")], two=[a_config_map("shared")])
    two = app("two", automated=False)
    async with world.running(app("one", finalizer=True), two):
        await world.configure(app("one", finalizer=True))
        await world.configure()
        await world.settle(5)
        assert uid(world) == ""


async def test_while_git_cannot_say_what_a_new_application_wants_nothing_is_deleted(world: GivenWorld) -> None:
    commit(world, old=[a_config_map("shared")])
    async with world.running(app("old", finalizer=True)):
        before = uid(world)
        other = "https://git.example.org/down.git"
        world.sources.fail(other)
        await world.configure(replace(app("new"), sources=an_app("new", repo=other).sources))
        await world.settle(60)
        assert uid(world) == before
        said = world.status("old").deletion
        assert said is not None
        assert "waiting until new could be compared" in said.message
        await world.supervisor.operations.confirm(AppName("old"))
        await world.settle(5)
        assert uid(world) == ""


async def test_an_object_that_moves_to_another_application_in_one_commit_is_the_same_object(world: GivenWorld) -> None:
    commit(world, one=[a_config_map("kept"), a_config_map("shared")], two=[a_config_map("other")])
    for last, first in (("one", "two"), ("two", "one")):  # whichever is looked at first
        async with world.running(app("one"), app("two")):
            before = uid(world)
            kept = {"one": [a_config_map("kept")], "two": [a_config_map("other")]}
            commit(world, **{**kept, first: [*kept[first], a_config_map("shared")]})
            world.supervisor.refresh(AppName(last))
            await world.settle(20)
            assert (uid(world), owner(world)) == (before, first)
            assert {world.status(name).sync for name in ("one", "two")} == {SyncCode.SYNCED}


async def test_a_prune_leaves_what_an_application_that_is_synced_by_hand_wants_too(world: GivenWorld) -> None:
    commit(world, one=[a_config_map("kept"), a_config_map("shared")], two=[a_config_map("shared")])
    async with world.running(app("one"), app("two", automated=False)):
        before = uid(world)
        commit(world, one=[a_config_map("kept")], two=[a_config_map("shared")])
        world.supervisor.refresh(AppName("one"))
        await world.settle(20)
        assert uid(world) == before
        plan = await world.supervisor.operations.plan(AppName("one"), SyncRequest(initiated_by="somebody", prune=True))
        assert plan.kept == {SHARED: "application two wants it too"}


@pytest.mark.parametrize("finalizer", [False, True])
async def test_a_child_that_moves_to_another_parent_in_one_commit_is_the_same_child(
    world: GivenWorld, finalizer: bool
) -> None:
    leaf = an_application("leaf", finalizer=finalizer)
    commit(world, one=[a_config_map("kept"), leaf], two=[a_config_map("other")], leaf=[a_config_map("shared")])
    async with world.running(app("one"), app("two")):
        before = uid(world)
        assert before
        commit(world, one=[a_config_map("kept")], two=[a_config_map("other"), leaf], leaf=[a_config_map("shared")])
        world.supervisor.refresh(AppName("one"))
        await world.settle(60)
        assert uid(world) == before
        assert [item.parent for item in await world.journal.children()] == ["two"]
        assert {world.status(name).sync for name in ("one", "two", "leaf")} == {SyncCode.SYNCED}
        assert not [write for write in world.writes() if write.startswith("delete")]
