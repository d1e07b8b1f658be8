"""An object that somebody else applied before: taken over at its first sync, or not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gitopsd.core.adoption import LAST_APPLIED, MIGRATION_MANAGER
from gitopsd.core.annotations import TRACKING_ID, tracking_id
from gitopsd.core.appstatus import SyncCode
from gitopsd.core.errors import ClusterError
from gitopsd.core.ids import AppName
from gitopsd.core.jsonvalue import mapping
from gitopsd.testing.builders import a_config_map, an_app
from gitopsd.testing.objects import SOMEBODY
from tests.control.world import GivenWorld, config_map_key

NAMED = {MIGRATION_MANAGER: SOMEBODY}
GIT = a_config_map(data={"a": "1"})


def data(world: GivenWorld) -> dict[str, Any]:
    """The data of the live ConfigMap."""
    body = world.cluster.body(config_map_key())
    assert body is not None
    return dict(mapping(body, "data"))


def left_behind(world: GivenWorld) -> None:
    """Somebody applied the object with one field more, and its application's mark on it."""
    before = a_config_map(data={"a": "1", "leftover": "yes"}, namespace="default")
    mark = tracking_id(AppName("guestbook"), config_map_key(), "default")
    annotations = {TRACKING_ID: mark, LAST_APPLIED: json.dumps(before)}
    world.cluster.plant(
        {**before, "metadata": {"name": "settings", "namespace": "default", "annotations": annotations}}
    )


async def test_what_somebody_left_behind_is_out_of_sync_and_goes_with_the_first_sync(world: GivenWorld) -> None:
    left_behind(world)
    world.git(GIT)
    async with world.running(an_app(automated=False, annotations=NAMED)):
        (resource,) = world.status().resources
        assert (world.status().sync, resource.changes) == (SyncCode.OUT_OF_SYNC, ("data.leftover",))
        assert world.writes() == []
        await world.configure(an_app(annotations=NAMED))
        await world.settle()
        assert data(world) == {"a": "1"}
        assert world.status().sync is SyncCode.SYNCED
        assert world.writes() == ["apply settings"]


@pytest.mark.parametrize(
    "spec",
    [an_app(), an_app(annotations=NAMED, options={"ClientSideApplyMigration": "false"})],
    ids=["a manager that nobody named", "switched off"],
)
async def test_what_is_not_taken_over_stays_and_is_no_difference(world: GivenWorld, spec: Any) -> None:
    left_behind(world)
    world.git(GIT)
    async with world.running(spec):
        assert world.status().sync is SyncCode.SYNCED
        assert world.writes() == []
        assert data(world) == {"a": "1", "leftover": "yes"}


async def test_a_first_sync_that_fails_is_tried_again(world: GivenWorld) -> None:
    left_behind(world)
    world.git(GIT)
    world.cluster.fail_next("apply", ClusterError("the object changed at the same time", retryable=True, status=409))
    async with world.running(an_app(annotations=NAMED)):
        await world.settle(60.0)
        assert data(world) == {"a": "1"}
        assert world.status().sync is SyncCode.SYNCED
