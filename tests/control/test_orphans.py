"""Applications whose project asks for orphaned resources."""

from dataclasses import replace

from gitopsd.core.appstatus import SyncCode
from gitopsd.core.conditions import ConditionType
from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.project import IgnoredOrphan, OrphanedResources, Project, Projects
from gitopsd.testing.builders import a_config_map, an_app
from tests.control.world import GivenWorld, config_map_key

WARNING = ConditionType.ORPHANED_RESOURCE_WARNING


def asking(settings: OrphanedResources | None = OrphanedResources()) -> Projects:  # noqa: B008  # a frozen value
    """A project web that asks."""
    return Projects({"web": Project("web", orphaned=settings)})


def given(world: GivenWorld, settings: OrphanedResources | None = OrphanedResources()) -> None:  # noqa: B008  # frozen, so one default serves all
    """An application of the project web that deploys one ConfigMap."""
    world.settings = replace(world.settings, projects=asking(settings))
    world.git(a_config_map())


def orphans(world: GivenWorld) -> list[ObjectKey]:
    """What was found."""
    found = world.supervisor.orphaned(AppName("guestbook"))
    assert found is not None
    return [live.key for live in found.objects]


async def test_what_belongs_to_nobody_is_a_warning_that_comes_and_goes_with_it(world: GivenWorld) -> None:
    given(world)
    async with world.running(an_app(project="web")):
        assert world.condition(WARNING) == ""
        key = world.cluster.plant(a_config_map("left", namespace="default"))
        await world.settle()
        assert world.condition(WARNING).startswith("Application has 1 orphaned resources: ConfigMap default/left.")
        assert orphans(world) == [key]
        world.cluster.remove(key)
        await world.settle()
        assert (world.condition(WARNING), orphans(world)) == ("", [])


async def test_orphans_are_never_touched_and_change_no_other_verdict(world: GivenWorld) -> None:
    given(world)
    key = world.cluster.plant(a_config_map("left", namespace="default"))
    async with world.running(an_app(project="web", prune=True, self_heal=True)):
        await world.push(a_config_map(data={"a": "2"}))
        assert world.cluster.has(key)
        assert world.writes() == ["apply settings", "apply settings"]
        assert world.status().sync is SyncCode.SYNCED


async def test_without_warn_it_is_found_and_not_said(world: GivenWorld) -> None:
    given(world, OrphanedResources(warn=False))
    key = world.cluster.plant(a_config_map("left", namespace="default"))
    async with world.running(an_app(project="web")):
        assert orphans(world) == [key]
        assert world.condition(WARNING) == ""


async def test_nobody_looks_where_no_project_asks(world: GivenWorld) -> None:
    given(world, None)
    world.cluster.plant(a_config_map("left", namespace="default"))
    world.cluster.fail_next("strays", ClusterError("nobody may ask"))
    async with world.running(an_app(project="web")):
        assert (world.condition(WARNING), orphans(world)) == ("", [])
        passes = world.passes()
        world.cluster.plant(a_config_map("another", namespace="default"))
        await world.settle()
        assert world.passes() == passes


async def test_a_project_may_ask_and_cease_to_while_we_run(world: GivenWorld) -> None:
    given(world, None)
    world.cluster.plant(a_config_map("left", namespace="default"))
    async with world.running(an_app(project="web")):
        world.supervisor.tune(replace(world.settings, projects=asking()))
        await world.settle()
        assert "1 orphaned" in world.condition(WARNING)
        ignoring = OrphanedResources(ignore=(IgnoredOrphan(name="left"),))
        world.supervisor.tune(replace(world.settings, projects=asking(ignoring)))
        await world.settle()
        assert world.condition(WARNING) == ""
        world.supervisor.tune(replace(world.settings, projects=asking(None)))
        await world.settle()
        passes = world.passes()
        world.cluster.plant(a_config_map("another", namespace="default"))
        await world.settle()
        assert (world.passes(), orphans(world)) == (passes, [])


async def test_an_application_that_goes_leaves_orphans_and_takes_them_back_when_it_comes(world: GivenWorld) -> None:
    given(world)
    world.git(a_config_map("bills"), app="bank")
    apps = (an_app(project="web"), an_app("bank"))
    async with world.running(*apps):
        assert world.condition(WARNING) == ""
        await world.configure(apps[0])
        assert orphans(world) == [config_map_key("bills")]
        await world.configure(*apps)
        assert orphans(world) == []


async def test_an_application_that_only_rests_keeps_its_objects(world: GivenWorld) -> None:
    given(world)
    world.git(a_config_map("bills"), app="bank")
    async with world.running(an_app(project="web"), an_app("bank")):
        pass
    resting = an_app("bank", annotations={"argocd.argoproj.io/skip-reconcile": "true"})
    async with world.running(an_app(project="web"), resting):
        assert orphans(world) == []


async def test_a_failure_to_look_is_said_and_hurts_nothing_else(world: GivenWorld) -> None:
    given(world)
    world.cluster.fail_next("strays", ClusterError("no kinds are told"), times=2)
    async with world.running(an_app(project="web")):
        assert world.status().sync is SyncCode.SYNCED
        assert "cannot be looked for: no kinds are told" in "".join(
            item.message for status in world.told() for item in status.conditions
        )
