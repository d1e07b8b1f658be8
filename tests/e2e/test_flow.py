"""The main flow: what is in git is in the cluster, and stays."""

from __future__ import annotations

import pytest

from gitopsd.testing.gitserver import GitServer
from tests.e2e.conditions import healthy, out_of_sync, quiet, resource, says, synced
from tests.e2e.manifests import CHART, JSONNET, KUSTOMIZE, config_map, folder
from tests.e2e.world import World


@pytest.mark.parametrize(
    ("files", "path", "source", "expected"),
    [
        pytest.param(
            {"app/one.yaml": config_map("one"), "app/deep/er/two.yaml": config_map("two")},
            "app",
            {"directory": {"recurse": True}},
            {"one": "1", "two": "1"},
            id="plain-recursive",
        ),
        pytest.param(folder("k", KUSTOMIZE), "k/overlays/prod", {}, {"prod-settings": "patched"}, id="kustomize"),
        pytest.param(
            folder("chart", CHART),
            "chart",
            {"helm": {"releaseName": "mine", "parameters": [{"name": "greeting", "value": "hi"}]}},
            {"mine-shop": "hi", "mine-cache": "small"},
            id="helm-with-subchart",
        ),
        pytest.param(folder("j", JSONNET), "j", {}, {"first": "1", "second": "2"}, id="jsonnet"),
    ],
)
async def test_an_application_of_each_kind_becomes_synced_and_healthy(
    world: World, files: dict[str, str], path: str, source: dict[str, object], expected: dict[str, str]
) -> None:
    commit = world.commit(files)
    world.application("app", path, source=source)
    async with world.daemon() as daemon:
        status = await daemon.until("app", synced, healthy)
        assert status.revisions == (commit,)
        assert quiet(status)
        found = {
            name: (await world.cluster.get(world.full("app"), f"configmaps/{name}"))["data"]["key"] for name in expected
        }
        assert found == expected
        assert await world.cluster.names(world.full("app"), "configmaps") == set(expected)


async def test_a_commit_goes_live(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one", "old")})
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        commit = world.commit({"app/one.yaml": config_map("one", "new"), "app/two.yaml": config_map("two")})
        await daemon.live("app", commit, healthy)
        assert (await world.cluster.get(world.full("app"), "configmaps/one"))["data"] == {"key": "new"}
        assert (await world.cluster.get(world.full("app"), "configmaps/two"))["data"] == {"key": "1"}


async def test_a_commit_is_noticed_without_being_asked_for(world: World) -> None:
    world.config["reconcile"] |= {"refreshInterval": "1s", "jitter": "0s"}
    world.commit({"app/one.yaml": config_map("one", "old")})
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        commit = world.commit({"app/one.yaml": config_map("one", "new")})
        await daemon.until("app", synced, lambda status: status.revisions == (commit,))


async def test_with_an_interval_of_0_no_repository_is_asked_but_by_a_refresh(world: World) -> None:
    world.config["reconcile"] |= {"refreshInterval": 0}
    with GitServer(world.folder) as git:
        url = git.url("repo.git")
        world.config["repositories"].append({"url": url})
        world.commit({"app/one.yaml": config_map("one", "old")})
        world.application("app", repo=url)
        world.good()
        async with world.daemon() as daemon:
            await daemon.until("app", synced)
            asked = len(git.seen)
            await daemon.goes_on()
            assert len(git.seen) == asked
            await daemon.live("app", world.commit({"app/one.yaml": config_map("one", "new")}))


async def test_a_deleted_object_comes_back(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app", self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        before = await world.cluster.get(world.full("app"), "configmaps/one")
        await world.cluster.delete(world.full("app"), "configmaps/one")

        def back(here: object) -> bool:
            return (
                isinstance(here, dict) and "one" in here and here["one"]["metadata"]["uid"] != before["metadata"]["uid"]
            )

        await world.cluster.until(world.full("app"), "configmaps", back)
        await daemon.until("app", synced, healthy)


async def test_drift_is_healed_and_what_git_does_not_say_is_left_alone(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one", "git")})
    world.application("app", self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        patch = {"data": {"key": "drift", "more": "mine"}, "metadata": {"labels": {"somebody": "else"}}}
        await world.cluster.patch(world.full("app"), "configmaps/one", patch)
        here = await world.cluster.until(
            world.full("app"), "configmaps", lambda maps: maps["one"]["data"]["key"] == "git"
        )
        await daemon.until("app", synced)
        assert here["one"]["data"]["more"] == "mine"
        assert here["one"]["metadata"]["labels"] == {"somebody": "else"}


async def test_without_self_heal_drift_is_shown_and_stays(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one", "git")})
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        await world.cluster.patch(world.full("app"), "configmaps/one", {"data": {"key": "drift"}})
        status = await daemon.until("app", out_of_sync)
        assert resource(status, "one").changes == ("data.key",)
        assert "selfHeal is off" in (await daemon.refresh("app")).decision
        assert (await world.cluster.get(world.full("app"), "configmaps/one"))["data"] == {"key": "drift"}


async def test_a_file_deleted_in_git_is_pruned(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one"), "app/two.yaml": config_map("two")})
    world.application("app", prune=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        commit = world.commit({"app/two.yaml": None})
        await daemon.live("app", commit, healthy)
        assert await world.cluster.names(world.full("app"), "configmaps") == {"one"}


async def test_a_file_deleted_while_the_daemon_was_down_is_pruned_at_the_next_start(world: World) -> None:
    secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: two}\n"
    world.commit({"app/one.yaml": config_map("one"), "app/two.yaml": secret})
    world.application("app", prune=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
    commit = world.commit({"app/two.yaml": None})
    async with world.daemon() as daemon:
        await daemon.until("app", synced, lambda status: status.revisions == (commit,))
        await world.cluster.until(world.full("app"), "secrets", lambda secrets: not secrets)


async def test_without_prune_what_left_git_stays_and_shows_it(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one"), "app/two.yaml": config_map("two")})
    world.application("app")
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        world.commit({"app/two.yaml": None})
        await daemon.refresh("app")
        status = await daemon.until("app", out_of_sync)
        assert resource(status, "two").requires_pruning
        assert "prune is off" in status.decision
        assert await world.cluster.names(world.full("app"), "configmaps") == {"one", "two"}


async def test_an_object_that_says_prune_false_stays(world: World) -> None:
    kept = config_map("kept", sync_options="Prune=false")
    world.commit({"app/one.yaml": config_map("one"), "app/kept.yaml": kept, "app/gone.yaml": config_map("gone")})
    world.application("app", prune=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        commit = world.commit({"app/kept.yaml": None, "app/gone.yaml": None})
        await daemon.refresh("app")
        status = await daemon.until("app", out_of_sync, lambda status: len(status.resources) == 2)
        assert status.revisions == (commit,)
        assert resource(status, "kept").requires_pruning
        assert await world.cluster.names(world.full("app"), "configmaps") == {"one", "kept"}


async def test_an_object_of_somebody_else_in_the_same_namespace_is_left_alone(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one"), "app/two.yaml": config_map("two")})
    world.application("app", prune=True, self_heal=True)
    await world.cluster.namespace(world.full("app"))
    theirs = await world.cluster.create(world.full("app"), "configmaps", {"metadata": {"name": "theirs"}})
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        commit = world.commit({"app/two.yaml": None})
        status = await daemon.live("app", commit)
        assert [item.key.name for item in status.resources] == ["one"]
        now = await world.cluster.get(world.full("app"), "configmaps/theirs")
        assert now["metadata"] == theirs["metadata"]


async def test_a_manual_application_is_only_compared(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app", manual=True)
    async with world.daemon() as daemon:
        status = await daemon.until("app", out_of_sync)
        assert "automated sync is off" in status.decision
        await daemon.refresh("app")
        assert await world.cluster.find(world.full("app"), "/api/v1/namespaces/" + world.full("app")) is None
    assert await world.cluster.writes(world.user) == []


async def test_the_namespace_is_made_with_its_labels_and_never_tracked(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    metadata = {"labels": {"team": "web"}, "annotations": {"example.org/why": "asked"}}
    world.application("app", syncPolicy={"syncOptions": ["CreateNamespace=true"], "managedNamespaceMetadata": metadata})
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        namespace = await world.cluster.do("GET", f"/api/v1/namespaces/{world.full('app')}")
        assert namespace["metadata"]["labels"]["team"] == "web"
        assert namespace["metadata"]["annotations"] == {"example.org/why": "asked"}


async def test_a_missing_namespace_without_create_namespace_says_what_to_do(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app", syncPolicy={"syncOptions": []})
    async with world.daemon() as daemon:
        await daemon.until("app", says("SyncError", world.full("app"), "CreateNamespace=true"))


async def test_two_applications_of_one_repository_do_not_touch_each_other(world: World) -> None:
    world.commit({"left/one.yaml": config_map("one"), "right/one.yaml": config_map("one")})
    for name in ("left", "right"):
        world.application(name, prune=True, destination={"namespace": world.full("shared")})
    world.config["applications"][1]["source"]["path"] = "right"
    world.commit({"right/one.yaml": None, "right/two.yaml": config_map("two")})
    async with world.daemon() as daemon:
        await daemon.until("left", synced)
        await daemon.until("right", synced)
        assert await world.cluster.names(world.full("shared"), "configmaps") == {"one", "two"}
