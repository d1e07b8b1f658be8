"""The configuration changes while the daemon runs: it is taken over, or the old one goes on and says so."""

from __future__ import annotations

import signal

import yaml

from gitopsd.testing.faultproxy import FaultProxy
from gitopsd.testing.gitserver import GitServer
from tests.e2e.child import child
from tests.e2e.conditions import healthy, says, synced
from tests.e2e.manifests import config_map
from tests.e2e.world import World, watching


def two_maps(world: World) -> None:
    world.commit({"one/map.yaml": config_map("one"), "two/map.yaml": config_map("two")})
    world.application("one", prune=True)


async def test_a_changed_file_is_taken_over_by_itself_and_on_sighup(world: World) -> None:
    two_maps(world)
    async with child(world) as daemon:
        await daemon.until_synced("one")
        world.application("two")
        world.write()
        await daemon.until_synced("one", "two")
        await daemon.until_line("configuration reloaded", '"changed": true')
        daemon.restart_log()
        daemon.signal(signal.SIGHUP)
        await daemon.until_line("configuration reloaded", '"changed": false')


async def test_a_broken_file_changes_nothing_and_says_where_and_what(world: World) -> None:
    two_maps(world)
    async with child(world) as daemon:
        await daemon.until_synced("one")
        await daemon.until_line('"ready"')
        world.path.write_text(world.path.read_text().replace("reconcile:", "reconsile:"))
        await daemon.until_line("the old one goes on", "gitopsd.yaml:", "reconsile", "reconcile")
        assert "gitopsd_config_last_reload_successful 0.0" in (await daemon.get("/metrics", public=True)).text
        commit = world.commit({"one/more.yaml": config_map("more")})
        await daemon.refresh("one")
        await daemon.until_line('"synced"', commit[:7])
        world.write()
        await daemon.until_line("configuration reloaded")
        assert "gitopsd_config_last_reload_successful 1.0" in (await daemon.get("/metrics", public=True)).text


async def test_a_file_that_is_gone_is_told_in_words_for_a_log(world: World) -> None:
    world.good()
    async with world.daemon() as daemon:
        written = world.path.read_bytes()
        world.path.unlink()
        assert not await daemon.daemon.reload()
        error = daemon.reloads()[-1]
        assert "the configuration cannot be read: No such file or directory" in error
        assert "Try: put a file there that gitopsd's user may read" in error
        assert "--config" not in error
        world.path.write_bytes(written)
        assert await daemon.daemon.reload()


async def test_a_daemon_starts_again_with_the_same_broken_file_only_to_say_what_is_wrong(world: World) -> None:
    two_maps(world)
    world.config["reconsile"] = {}
    async with child(world) as daemon:
        assert await daemon.ended(30) != 0
        assert daemon.has_line("reconsile")


async def test_an_included_file_that_comes_changes_and_goes_is_followed(world: World) -> None:
    two_maps(world)
    world.commit({"elsewhere/map.yaml": config_map("elsewhere")})
    included = world.folder / "applications.d" / "two.yaml"
    included.parent.mkdir()
    world.config["include"] = ["applications.d/*.yaml"]
    world.application("two")
    entry = world.config["applications"].pop()
    async with world.daemon() as daemon, watching(daemon):
        await daemon.until("one", synced)
        included.write_text(yaml.safe_dump([entry]))
        await daemon.until("two", synced)
        included.write_text(yaml.safe_dump([{**entry, "source": {**entry["source"], "path": "elsewhere"}}]))
        await daemon.until("two", lambda status: "elsewhere" in [item.key.name for item in status.resources])
        included.unlink()
        await daemon.until_true(lambda: world.full("two") not in daemon.statuses)
        assert daemon.status("one").sync.value == "Synced"


async def test_a_secret_file_that_changes_is_taken_over(world: World) -> None:
    world.commit({"app/map.yaml": config_map("one"), "good/map.yaml": config_map("good")})
    secret = world.folder / "password"
    secret.write_text("wrong")
    with GitServer(world.folder) as git:
        git.faults.username, git.faults.password = "ci", "right"
        url = git.url("repo.git")
        world.config["repositories"].append({"url": url, "username": "ci", "password": {"file": "./password"}})
        world.application("app", repo=url)
        world.application("good")
        async with world.daemon() as daemon, watching(daemon):
            await daemon.until("app", says("ComparisonError", "check username, password"))
            await daemon.until("good", synced, healthy)
            secret.write_text("right")
            await daemon.until("app", synced, healthy)


async def test_an_application_that_is_removed_leaves_its_objects_in_the_cluster(world: World) -> None:
    two_maps(world)
    world.application("two", prune=True, self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("one", synced)
        await daemon.until("two", synced)
        world.config["applications"].pop()
        assert await daemon.reload()
        await daemon.until_true(lambda: world.full("two") not in daemon.statuses)
        assert f'name="{world.full("two")}"' not in await daemon.metrics()
        assert await world.cluster.names(world.full("two"), "configmaps") == {"two"}
        world.application("two", prune=True)
        assert await daemon.reload()
        await daemon.until("two", synced)
        assert not [event for event in daemon.operations("two") if event.operation.results][1:]


async def test_an_application_that_changes_is_worked_on_anew_and_the_others_are_not_disturbed(world: World) -> None:
    two_maps(world)
    world.application("two", manual=True)
    async with world.daemon() as daemon:
        await daemon.until("one", synced, lambda status: status.decision == "in sync")
        await daemon.until("two", lambda status: status.sync.value == "OutOfSync")
        before = len(daemon.history("one"))
        world.config["applications"][1]["syncPolicy"]["automated"] = {}
        assert await daemon.reload()
        await daemon.until("two", synced)
        assert len(daemon.history("one")) == before


async def test_a_cluster_that_is_added_at_a_reload_is_used(world: World) -> None:
    two_maps(world)
    world.application("two", destination={"name": "second"})
    cluster = {"name": "second", "kubeconfig": str(world.kubeconfig)}
    world.config["clusters"].append(cluster)
    world.config["applications"].pop()
    world.config["clusters"].pop()
    async with world.daemon() as daemon:
        await daemon.until("one", synced)
        world.config["clusters"].append(cluster)
        world.application("two", destination={"name": "second"})
        assert await daemon.reload()
        await daemon.until("two", synced, healthy)
        assert 'gitopsd_cluster_up{name="second"' in await daemon.metrics()


async def test_a_daemon_whose_cluster_was_replaced_goes_on_well_and_ends_at_once(world: World) -> None:
    two_maps(world)
    async with child(world) as daemon:
        await daemon.until_synced("one")
        await daemon.until_line('"ready"')
        world.config["clusters"][0]["inFlight"] = 20
        world.write()
        await daemon.until_line("configuration reloaded", '"changed": true')
        await daemon.refresh("one")
        await daemon.until_synced("one")
        assert not daemon.has_line("internal error")
        daemon.signal(signal.SIGTERM)
        assert await daemon.ended(30) == 0


async def test_a_cluster_whose_address_is_corrected_is_found_without_a_restart(world: World) -> None:
    two_maps(world)
    right = world.config["clusters"]
    world.config["clusters"] = [{"name": "local", "server": "http://127.0.0.1:9"}]
    async with world.daemon() as daemon:
        await daemon.until("one", says("ComparisonError", "cluster local"))
        world.config["clusters"] = right
        assert await daemon.reload()
        await daemon.until("one", synced, healthy)


async def test_a_destination_without_a_cluster_is_a_configuration_error_at_reload(world: World) -> None:
    two_maps(world)
    async with world.daemon() as daemon:
        await daemon.until("one", synced)
        world.config["applications"][0]["destination"]["name"] = "nowhere"
        assert not await daemon.reload()
        assert "nowhere" in daemon.reloads()[-1]
        commit = world.commit({"one/more.yaml": config_map("more")})
        await daemon.live("one", commit)


async def test_the_link_swap_of_a_kubernetes_volume_is_a_reload(world: World) -> None:
    two_maps(world)
    volume = world.folder / "volume"
    first, second = volume / "..first", volume / "..second"
    first.mkdir(parents=True)
    (first / "gitopsd.yaml").write_text(world.write().read_text())
    (volume / "..data").symlink_to("..first")
    (volume / "gitopsd.yaml").symlink_to("..data/gitopsd.yaml")
    world.path = world.folder / "unused.yaml"
    world.application("two")
    second.mkdir()
    (second / "gitopsd.yaml").write_text(world.write().read_text())
    for folder in (first, second):
        text = (folder / "gitopsd.yaml").read_text()
        (folder / "gitopsd.yaml").write_text(text.replace("dir: ./state", f"dir: {world.folder / 'state'}"))
    async with world.daemon(volume / "gitopsd.yaml") as daemon, watching(daemon):
        await daemon.until("one", synced)
        (volume / "..next").symlink_to("..second")
        (volume / "..next").rename(volume / "..data")
        await daemon.until("two", synced)


async def test_reloads_in_the_middle_of_syncs_lose_nothing(world: World, proxy: FaultProxy) -> None:
    names = [f"app-{number}" for number in range(8)]
    world.commit({f"{name}/{n}.yaml": config_map(f"map-{n}") for name in names for n in range(5)})
    proxy.delay(0.05, times=60, matching=lambda request: request.method == "PATCH")
    for name in names:
        world.application(name)
    async with world.daemon() as daemon:
        for turn in range(6):
            world.config["reconcile"]["concurrency"] = 4 + turn
            world.config["applications"][turn]["labels"] = {"turn": str(turn)}
            assert await daemon.reload()
        await daemon.until_all(synced, healthy)
    for name in names:
        assert len(await world.cluster.names(world.full(name), "configmaps")) == 5
