"""Objects that leave git while nobody can tell whether they exist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from gitopsd.core.annotations import HOOK
from gitopsd.core.appstatus import AppStatus, SyncCode
from gitopsd.core.conditions import ConditionType
from gitopsd.core.customization import HealthTimeout
from gitopsd.core.health.status import progressing
from gitopsd.core.health.timing import Timing
from gitopsd.core.ids import AppName, GroupKind, ObjectKey
from gitopsd.core.ignore import KindPattern
from gitopsd.testing.applications import FakeReader
from gitopsd.testing.builders import a_config_map, a_namespace, an_app, an_object
from tests.control.world import GivenWorld

SERVICES = GroupKind("", "Service")
LEFT = ObjectKey("", "Service", "default", "left")
APP = an_app(automated=True, prune=True)


async def deployed(world: GivenWorld) -> Mapping[AppName, AppStatus]:
    """A ConfigMap and a Service are there; then the Service leaves git while no daemon runs."""
    world.git(a_config_map(), an_object("Service", "left", namespace="default"))
    async with world.running(APP):
        assert world.cluster.has(LEFT)
        statuses = world.statuses()
    world.git(a_config_map())
    return statuses


@pytest.mark.parametrize("namespace", ["", "default"])
async def test_what_cannot_be_read_is_remembered_over_restarts_and_pruned_when_it_can(
    world: GivenWorld, namespace: str
) -> None:
    statuses = await deployed(world)
    world.cluster.make_unreadable(SERVICES, "it may not be listed", namespace)
    for _ in range(2):
        async with world.running(APP, remembered=statuses):
            await world.settle(30)
            assert world.status().sync is SyncCode.SYNCED
            assert "Service default/left: it left git" in world.condition(ConditionType.UNREADABLE_RESOURCE_WARNING)
            statuses = world.statuses()
    world.cluster.allow(SERVICES)
    async with world.running(APP, remembered=statuses):
        await world.settle(30)
        assert not world.cluster.has(LEFT)
        assert world.condition(ConditionType.UNREADABLE_RESOURCE_WARNING) == ""
        assert [item.key.kind for item in world.status().resources] == ["ConfigMap"]


async def test_a_deletion_waits_for_what_left_git_and_cannot_be_read(world: GivenWorld) -> None:
    world.applications = FakeReader()
    statuses = await deployed(world)
    world.cluster.make_unreadable(SERVICES, "it may not be listed", "default")
    spec = replace(APP, finalizers=("resources-finalizer.argocd.argoproj.io",))
    async with world.running(spec, remembered=statuses):
        await world.settle(30)
        await world.configure()
        await world.settle(60)
        assert list(world.supervisor.applications()) == ["guestbook"]
        assert world.cluster.has(LEFT)
        world.cluster.allow(SERVICES)
        await world.settle(600)
        assert list(world.supervisor.applications()) == []
        assert not world.cluster.has(LEFT)


async def test_a_deletion_waits_for_what_was_in_a_namespace_that_is_not_looked_at_any_more(world: GivenWorld) -> None:
    world.applications = FakeReader()
    statuses = await deployed(world)
    world.cluster.narrow("elsewhere")
    spec = replace(APP, finalizers=("resources-finalizer.argocd.argoproj.io",))
    async with world.running(spec, remembered=statuses):
        await world.settle(30)
        assert world.status().sync is SyncCode.UNKNOWN
        await world.configure()
        await world.settle(60)
        assert list(world.supervisor.applications()) == ["guestbook"]
    async with world.running(remembered=world.statuses()):
        await world.settle(60)
        assert world.cluster.has(LEFT)


async def test_a_hook_that_nobody_would_see_blocks_the_sync_before_it_begins(world: GivenWorld) -> None:
    migrate = a_config_map("migrate", namespace="web", annotations={HOOK: "PreSync"})
    farewell = a_config_map("farewell", namespace="web", annotations={HOOK: "PostDelete"})
    world.cluster.make_unreadable(GroupKind("", "ConfigMap"), "it may not be listed", "web")
    world.cluster.plant(a_namespace("web"))
    world.git(a_config_map(), migrate, farewell)
    async with world.running(APP):
        await world.settle(300)
        said = world.condition(ConditionType.COMPARISON_ERROR)
        assert "hook ConfigMap web/migrate: ConfigMap in namespace web cannot be read: it may not be listed" in said
        assert "farewell" not in said
        assert world.writes() == []
        world.cluster.allow(GroupKind("", "ConfigMap"))
        await world.settle(60)
        assert world.writes() == ["create migrate", "apply settings"]


async def test_what_is_out_of_sight_is_not_looked_at_for_what_its_health_was(world: GivenWorld) -> None:
    world.judge.given[SERVICES] = progressing("not yet")
    timing = Timing(timeouts=(HealthTimeout(KindPattern("", "*"), 60),))
    world.settings = replace(world.settings, timing=timing)
    statuses = await deployed(world)
    world.cluster.make_unreadable(SERVICES, "it may not be listed", "default")
    async with world.running(APP, remembered=statuses):
        await world.settle(30)
        before = world.passes()
        await world.settle(90)
        assert world.passes() - before <= 1
        assert [item.until for item in world.status().resources if item.out_of_sight] == [None]


async def test_what_was_there_is_remembered_over_other_rules_for_health(world: GivenWorld) -> None:
    world.applications = FakeReader()
    world.git(a_config_map(), an_object("Service", "left", namespace="default"))
    spec = replace(APP, finalizers=("resources-finalizer.argocd.argoproj.io",))
    async with world.running(spec):
        world.cluster.narrow("elsewhere")
        world.supervisor.rejudge()
        await world.settle(30)
        await world.configure()
        await world.settle(600)
        assert list(world.supervisor.applications()) == ["guestbook"]
        assert world.cluster.has(LEFT)


async def test_what_was_there_in_one_cluster_is_not_looked_for_in_another(world: GivenWorld) -> None:
    world.git(a_config_map(), an_object("Service", "left", namespace="default"))
    async with world.running(APP):
        statuses = world.statuses()
    world.git(a_config_map("new", namespace="team"))
    world.other_cluster.narrow("team")
    spec = replace(APP, destination=replace(APP.destination, name="other", server="", namespace="team"))
    async with world.running(spec, remembered=statuses):
        await world.settle(60)
        assert [item.key.name for item in world.status().resources] == ["new"]
        assert world.condition(ConditionType.UNREADABLE_RESOURCE_WARNING) == ""
