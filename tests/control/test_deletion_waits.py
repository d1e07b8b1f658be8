"""A deletion waits for applications that could not be compared: until that is known of each, or nobody wants it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from gitopsd.core.claims import Claims
from gitopsd.core.health.status import Health
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.live import LiveObject
from gitopsd.testing.applications import FakeReader
from gitopsd.testing.builders import A_REPOSITORY, a_config_map, an_app
from gitopsd.testing.health import FakeJudge
from tests.control.deletion_world import FINALIZER, DeletionWorld, an_app_with_finalizer
from tests.control.world import GivenWorld, config_map_key

OLD = replace(an_app("old"), finalizers=(FINALIZER,))
DOWN = "https://git.example.org/down.git"
NEW = replace(an_app("new"), sources=an_app("new", repo=DOWN).sources)
SHARED = config_map_key("shared")


@pytest.fixture
def world() -> Iterator[GivenWorld]:
    """A world in which git cannot say what the application `new` wants."""
    made = GivenWorld()
    made.applications = FakeReader()
    made.sources.fail(DOWN)
    made.renderer.give("old", [a_config_map("shared")], commit=made.sources.repository(A_REPOSITORY).commit({}))
    yield made
    assert made.bugs == []


async def old_waits_for_new(world: GivenWorld) -> None:
    """`old` left when `new` came."""
    await world.configure(NEW)
    await world.settle(60)
    said = world.status("old").deletion
    assert said is not None
    assert "waiting until new could be compared" in said.message
    assert world.cluster.has(SHARED)


async def test_an_application_that_left_the_configuration_is_waited_for_no_more(world: GivenWorld) -> None:
    async with world.running(OLD):
        await old_waits_for_new(world)
        await world.configure()
        await world.settle(5)
        assert not world.cluster.has(SHARED)
        assert world.supervisor.applications() == {}


async def test_an_application_that_is_deleted_itself_is_waited_for_no_more(world: GivenWorld) -> None:
    async with world.running(OLD):
        await old_waits_for_new(world)
        await world.supervisor.operations.delete(AppName("new"), cascade="foreground", by="kim")
        await world.settle(5)
        assert not world.cluster.has(SHARED)
        assert set(world.supervisor.applications()) == {"new"}


class SlowJudge(FakeJudge):
    """While it judges for the first time, the pass over another application ends."""

    def __init__(self, world: DeletionWorld) -> None:
        super().__init__()
        self.world = world
        self.unknown: tuple[AppName, ...] = (AppName("new"),)

    def claims(self, _name: AppName, _server: str, _keys: Collection[ObjectKey]) -> Claims:
        """Of `new` nobody knows what it wants, until that pass."""
        return Claims({}, self.unknown)

    async def assess(self, objects: Sequence[LiveObject]) -> Mapping[ObjectKey, Health | None]:
        if self.unknown:
            self.unknown = ()
            self.world.deletions.looked(AppName("new"))
        return await super().assess(objects)


async def test_an_application_that_is_compared_during_the_deletions_look_is_waited_for_no_more() -> None:
    world = DeletionWorld()
    judge = SlowJudge(world)
    world.judge, world.claims = judge, judge.claims
    spec = an_app_with_finalizer()
    leaving = world.deployed(spec, a_config_map("one"))
    async with world.running(spec):
        await world.leaves(leaving)
        assert judge.unknown == ()
        assert world.writes() == ["delete one"]
        assert world.deletions.of(spec.name) is None
    assert world.bugs == []
