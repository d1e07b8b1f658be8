"""What survives the end of the daemon: everything that git and the cluster hold, and nothing is written twice."""

from __future__ import annotations

import signal

from tests.e2e.child import child
from tests.e2e.conditions import healthy, out_of_sync, synced
from tests.e2e.manifests import CHART, KUSTOMIZE, config_map, deployment, folder
from tests.e2e.world import World

FIFTY = [f"app-{number:02d}" for number in range(50)]


async def test_after_a_restart_with_nothing_changed_nothing_is_written(world: World) -> None:
    world.commit(
        {"plain/one.yaml": config_map("one"), "plain/first.yaml": deployment("first")}
        | folder("k", KUSTOMIZE)
        | folder("chart", CHART)
    )
    world.application("plain", prune=True, self_heal=True)
    world.application("k", "k/overlays/prod", prune=True, self_heal=True)
    world.application("chart", prune=True, self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until_all(synced)
    before = await world.cluster.writes(world.user)
    async with world.daemon() as daemon:
        for name in ("plain", "k", "chart"):
            await daemon.until(name, synced)
            await daemon.refresh(name, hard=True)
            await daemon.until(name, synced)
            assert not daemon.operations(name)
    assert await world.cluster.writes(world.user) == before


async def test_drift_that_happened_while_it_was_down_is_healed_at_the_start(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one"), "app/two.yaml": config_map("two")})
    world.application("app", self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
    await world.cluster.patch(world.full("app"), "configmaps/one", {"data": {"key": "drift"}})
    await world.cluster.delete(world.full("app"), "configmaps/two")
    async with world.daemon() as daemon:
        await daemon.until("app", synced, healthy)
        assert (await world.cluster.get(world.full("app"), "configmaps/one"))["data"] == {"key": "1"}
        assert await world.cluster.names(world.full("app"), "configmaps") == {"one", "two"}


async def test_drift_that_happened_while_it_was_down_is_left_alone_without_self_heal(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
    await world.cluster.patch(world.full("app"), "configmaps/one", {"data": {"key": "drift"}})
    async with world.daemon() as daemon:
        await daemon.until("app", out_of_sync, lambda status: "selfHeal is off" in status.decision)
        assert (await world.cluster.get(world.full("app"), "configmaps/one"))["data"] == {"key": "drift"}


async def test_killed_in_the_middle_of_fifty_syncs_all_end_synced_and_a_further_restart_writes_nothing(
    world: World,
) -> None:
    files: dict[str, str] = {}
    for name in FIFTY:
        files |= {f"{name}/{number}.yaml": config_map(f"map-{number}", wave=str(number // 4)) for number in range(8)}
        world.application(name, prune=True, self_heal=True)
    world.commit(files)
    async with child(world) as daemon:
        await daemon.until(lambda child: 0 < len(child.at_rest()) < len(FIFTY))
        daemon.signal(signal.SIGKILL)
        await daemon.ended(30)
        begun = len(daemon.at_rest())
    assert begun < len(FIFTY)
    async with child(world) as daemon:
        await daemon.until_synced(*FIFTY)
        daemon.signal(signal.SIGTERM)
        assert await daemon.ended(30) == 0
    for name in FIFTY:
        assert len(await world.cluster.names(world.full(name), "configmaps")) == 8
    before = await world.cluster.writes(world.user)
    async with child(world) as daemon:
        await daemon.until_synced(*FIFTY)
        daemon.signal(signal.SIGTERM)
        assert await daemon.ended(30) == 0
    assert await world.cluster.writes(world.user) == before


async def test_what_is_known_of_an_application_is_shown_again_after_a_restart_before_it_is_looked_at(
    world: World,
) -> None:
    commit = world.commit({"app/one.yaml": config_map("one")})
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced, healthy)
    # The repository is away at the second start: what was known stays visible, with its last operation.
    world.repo.path.rename(world.folder / "elsewhere.git")
    async with world.daemon() as daemon:
        first = daemon.status("app")
        assert first.revisions == (commit,)
        assert first.operation is not None
        assert first.operation.phase.value == "Succeeded"
