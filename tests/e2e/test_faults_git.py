"""What goes wrong at git: the other applications go on, the status says what to do, nothing is lost."""

from __future__ import annotations

import pytest

from gitopsd.testing.gitserver import GitRepo, GitServer
from tests.e2e.conditions import at, healthy, out_of_sync, quiet, resource, says, synced
from tests.e2e.manifests import config_map
from tests.e2e.world import World


async def test_an_unknown_host_is_named_and_the_others_go_on(world: World) -> None:
    world.good()
    world.application("app", repo="https://no-such-host.invalid/team/app.git")
    async with world.daemon() as daemon:
        await daemon.until(
            "app",
            says("ComparisonError", "https://no-such-host.invalid/team/app.git", "cannot be reached", "Try: check"),
        )
        await daemon.goes_on()
        assert "gitopsd_git_lsremote_fail_total" in await daemon.metrics()


async def test_a_wrong_password_is_named_and_corrected_by_a_reload(world: World) -> None:
    world.good()
    world.commit({"app/one.yaml": config_map("one")})
    with GitServer(world.folder) as git:
        git.faults.username, git.faults.password = "ci", "correct"
        entry = {"url": git.url("repo.git"), "username": "ci", "password": "mistaken-canary"}
        world.config["repositories"].append(entry)
        world.application("app", repo=git.url("repo.git"))
        async with world.daemon() as daemon:
            status = await daemon.until("app", says("ComparisonError", "authentication failed", "Try: check username"))
            assert "mistaken-canary" not in repr(status)
            await daemon.goes_on()
            entry["password"] = "correct"
            assert await daemon.reload()
            await daemon.until("app", synced, healthy, quiet)


async def test_a_missing_branch_is_named_with_the_nearest_and_found_when_it_comes(world: World) -> None:
    world.good()
    world.commit({"app/one.yaml": config_map("one")}, branch="production")
    world.application("app", source={"targetRevision": "prodution"})
    async with world.daemon() as daemon:
        await daemon.until("app", says("ComparisonError", "prodution", "production"))
        await daemon.goes_on()
        commit = world.commit({"app/one.yaml": config_map("one")}, branch="prodution")
        await daemon.live("app", commit, healthy, quiet)


async def test_a_branch_that_is_deleted_takes_nothing_away(world: World) -> None:
    world.good()
    world.commit({"app/one.yaml": config_map("one")}, branch="feature")
    world.application("app", prune=True, source={"targetRevision": "feature"})
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        world.repo.git("update-ref", "-d", "refs/heads/feature")
        await daemon.refresh("app")
        await daemon.until("app", says("ComparisonError", "feature"))
        assert await world.cluster.names(world.full("app"), "configmaps") == {"one"}
        await daemon.goes_on()


async def test_a_missing_path_is_named_with_the_nearest_folder(world: World) -> None:
    world.good()
    world.commit({"envs/prod/one.yaml": config_map("one")})
    world.application("app", "envs/production")
    async with world.daemon() as daemon:
        await daemon.until("app", says("ComparisonError", "'envs/production' does not exist", "Try:", "envs"))
        await daemon.goes_on()
        commit = world.commit({"envs/production/one.yaml": config_map("one")})
        await daemon.live("app", commit, healthy, quiet)


async def test_a_folder_that_is_deleted_in_git_prunes_nothing(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one"), "other/two.yaml": config_map("two")})
    world.application("app", prune=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        world.commit({"app/one.yaml": None})
        await daemon.refresh("app")
        await daemon.until("app", says("ComparisonError", "'app' does not exist"))
        assert await world.cluster.names(world.full("app"), "configmaps") == {"one"}


@pytest.mark.parametrize(
    "emptied",
    [{"app/one.yaml": None, "app/README.md": "nothing here"}, {"app/one.yaml": "# all gone\n"}],
    ids=["files-removed", "file-emptied"],
)
async def test_a_repository_emptied_is_not_pruned(world: World, emptied: dict[str, str | bytes | None]) -> None:
    world.good()
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app", prune=True, self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        commit = world.commit(dict(emptied))
        await daemon.refresh("app")
        status = await daemon.until(
            "app", out_of_sync, at(commit), says("SyncError", "git has no objects", "allowEmpty")
        )
        assert resource(status, "one").requires_pruning
        await daemon.goes_on()
        assert await world.cluster.names(world.full("app"), "configmaps") == {"one"}
        commit = world.commit({"app/one.yaml": config_map("one")})
        await daemon.live("app", commit, quiet)


async def test_a_repository_emptied_is_pruned_with_allow_empty(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    world.application("app", syncPolicy={"automated": {"prune": True, "allowEmpty": True}})
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        commit = world.commit({"app/one.yaml": "# all gone\n"})
        await daemon.live("app", commit)
        await world.cluster.until(world.full("app"), "configmaps", lambda here: "one" not in here)


async def test_a_repository_without_any_branch_left_prunes_nothing(world: World) -> None:
    world.good()
    other = GitRepo(world.folder / "other.git")
    other.commit({"app/one.yaml": config_map("one")})
    world.config["repositories"].append({"url": str(other.path)})
    world.application("app", repo=str(other.path), prune=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        other.git("update-ref", "-d", "refs/heads/main")
        await daemon.refresh("app")
        await daemon.until("app", says("ComparisonError"))
        assert await world.cluster.names(world.full("app"), "configmaps") == {"one"}
        await daemon.goes_on()


async def test_a_server_that_hangs_holds_up_its_own_applications_only(world: World) -> None:
    world.config["git"] = {"timeout": "1s"}
    world.good()
    with GitServer(world.folder) as git:
        git.faults.hang = True
        world.application("app", repo=git.url("repo.git"))
        async with world.daemon() as daemon:
            await daemon.goes_on()
            await daemon.until("app", says("ComparisonError", "Try:"))
            git.faults.hang = False
            world.commit({"app/one.yaml": config_map("one")})
            git.over.set()
            await daemon.until("app", synced, healthy)


async def test_while_the_git_server_is_down_the_known_commit_is_kept_and_healed(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    with GitServer(world.folder) as git:
        world.application("app", repo=git.url("repo.git"), self_heal=True)
        async with world.daemon() as daemon:
            await daemon.until("app", synced)
            git.faults.status = 503
            await daemon.refresh("app")
            await daemon.until("app", synced, says("SourceWarning", "the last known commit is kept"))
            await world.cluster.patch(world.full("app"), "configmaps/one", {"data": {"key": "drift"}})
            await world.cluster.until(world.full("app"), "configmaps", lambda maps: maps["one"]["data"] == {"key": "1"})
            git.faults.status = 0
            commit = world.commit({"app/one.yaml": config_map("one", "new")})
            await daemon.live("app", commit, quiet)


async def test_a_forced_push_to_older_content_is_followed(world: World) -> None:
    first = world.commit({"app/one.yaml": config_map("one", "first")})
    world.application("app", prune=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        second = world.commit({"app/one.yaml": config_map("one", "second"), "app/two.yaml": config_map("two")})
        await daemon.live("app", second)
        world.repo.git("update-ref", "refs/heads/main", first)
        await daemon.live("app", first)
        assert await world.cluster.names(world.full("app"), "configmaps") == {"one"}
