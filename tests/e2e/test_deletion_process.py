"""The whole daemon deletes applications: when their entries leave, when somebody asks, and after a kill in between."""

from __future__ import annotations

import signal

from gitopsd.core.ids import AppName
from tests.e2e.child import child
from tests.e2e.conditions import synced
from tests.e2e.manifests import config_map
from tests.e2e.test_operations import hook, job
from tests.e2e.world import World

FINALIZER = "resources-finalizer.argocd.argoproj.io"
HELD = "example.org/held"


async def test_an_application_whose_entry_left_is_deleted_wave_by_wave_though_the_daemon_is_killed(
    world: World,
) -> None:
    full = world.full("app")
    world.commit({"app/a.yaml": config_map("first", wave="0"), "app/b.yaml": config_map("second", wave="1")})
    world.application("app", finalizers=[FINALIZER], prune=True)
    for other in ("one", "two", "three"):
        world.good(other)
    async with child(world) as daemon:
        await daemon.until_synced("app", "one", "two", "three")
        stranger = {"metadata": {"name": "strangers"}, "data": {"a": "b"}}
        await world.cluster.create(full, "configmaps", stranger)
        await world.cluster.patch(full, "configmaps/second", {"metadata": {"finalizers": [HELD]}})
        world.config["applications"] = [entry for entry in world.config["applications"] if entry["name"] != full]
        world.write()
        await world.cluster.until(
            full, "configmaps", lambda found: found["second"]["metadata"].get("deletionTimestamp")
        )
        assert (await world.cluster.get(full, "configmaps/first"))["metadata"].get("deletionTimestamp") is None
        daemon.signal(signal.SIGKILL)
        await daemon.ended(30)
    async with child(world) as daemon:
        await daemon.until_synced("one")
        await world.cluster.patch(full, "configmaps/second", {"metadata": {"finalizers": None}})
        await world.cluster.until(full, "configmaps", lambda found: not {"first", "second"} & found.keys())
        assert await world.cluster.names(full, "configmaps") == {"strangers"}


async def test_without_a_finalizer_the_objects_of_an_entry_that_left_stay(world: World) -> None:
    world.commit({"app/a.yaml": config_map("first")})
    world.application("app", prune=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        world.config["applications"] = []
        await daemon.reload()
        await daemon.until_true(lambda: world.full("app") not in daemon.statuses)
    assert await world.cluster.names(world.full("app"), "configmaps") == {"first"}


async def test_somebody_deletes_an_application_with_its_hooks(world: World, kubelet: object) -> None:
    world.commit(
        {
            "app/a.yaml": config_map("first"),
            "app/bye.yaml": job("bye", hook("PreDelete")),
            "app/over.yaml": job("over", hook("PostDelete")),
        }
    )
    world.application("app", prune=True, self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        name = AppName(world.full("app"))
        await daemon.daemon.supervisor.operations.delete(name, cascade="foreground", by="somebody")
        await daemon.until("app", lambda status: status.deletion is not None and status.deletion.done, seconds=60)
        assert await world.cluster.names(world.full("app"), "configmaps") == set()
    writes = await world.cluster.writes(world.user)
    order = [line for line in writes if line.endswith(("jobs/bye", "configmaps/first", "jobs/over"))]
    assert [line for line in order if line.startswith(("create", "delete configmaps"))] == [
        "create jobs/bye",
        "delete configmaps/first",
        "create jobs/over",
    ]
