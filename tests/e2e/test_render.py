"""`gitopsd render` with the repositories of Argo CD's Secrets in a real cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from gitopsd.testing.gitserver import GitServer
from tests.cluster_fixture import ApiServer
from tests.e2e.manifests import config_map
from tests.e2e.test_commands import gitopsd
from tests.e2e.test_repositories import secret
from tests.e2e.world import World


@contextmanager
def private_repository(world: World, api_server: ApiServer) -> Iterator[None]:
    """The application `app` of a repository whose password is in Argo CD's Secret, and `good`, which needs none."""
    world.good()
    world.commit({"app/one.yaml": config_map("one")})
    namespace = world.full("argocd")
    with GitServer(world.folder) as git:
        git.faults.username, git.faults.password = "ci", "canary"
        api_server.do("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        entry = secret("repo", url=git.url("repo.git"), username="ci", password="canary")
        api_server.do("POST", f"/api/v1/namespaces/{namespace}/secrets", entry)
        world.config["repositoriesFrom"] = [{"cluster": "local", "namespace": namespace}]
        world.application("app", repo=git.url("repo.git"))
        yield


async def test_an_application_is_rendered_with_the_repositories_of_argo_cds_secrets(
    world: World, api_server: ApiServer
) -> None:
    with private_repository(world, api_server):
        world.write()
        done = await gitopsd(world, "render", "--app", world.full("app"))
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"name: one" in done.stdout
        assert await world.cluster.writes(world.user) == []


async def test_secrets_that_may_not_be_read_are_told_and_what_needs_none_of_them_is_rendered(
    world: World, api_server: ApiServer
) -> None:
    with private_repository(world, api_server):
        poor = await anyio.to_thread.run_sync(api_server.user, f"no-secrets-{world.number}")
        world.config["clusters"] += [{"name": "poor", "kubeconfig": str(poor)}]
        await _told_that_it_was_not_read(world, "poor", "forbidden")


async def test_a_cluster_of_secrets_that_is_down_is_told_and_what_needs_none_of_them_is_rendered(
    world: World, api_server: ApiServer
) -> None:
    with private_repository(world, api_server):
        world.config["clusters"] += [{"name": "gone", "server": "https://127.0.0.1:1", "token": "t"}]
        await _told_that_it_was_not_read(world, "gone", "check that the API server runs")


async def _told_that_it_was_not_read(world: World, cluster: str, words: str) -> None:
    namespace = world.full("argocd")
    world.config["repositoriesFrom"] = [{"cluster": cluster, "namespace": namespace}]
    world.write()
    said = f"Argo CD's repositories in namespace {namespace} of cluster {cluster} not read, and what needs them fails: "
    good = await gitopsd(world, "render", "--app", world.full("good"))
    told = good.stderr.decode()
    assert good.returncode == 0, told
    assert b"name: one" in good.stdout
    assert said in told
    assert words in told
    done = await gitopsd(world, "render", "--app", world.full("app"))
    told = done.stderr.decode()
    assert (done.returncode, done.stdout) == (1, b"")
    assert told.index(said) < told.index("authentication failed"), "the cause comes first"
    # A folder is on this machine: no cluster is asked.
    (world.folder / "here").mkdir(exist_ok=True)
    (world.folder / "here" / "one.yaml").write_text(config_map("one"))
    folder = await gitopsd(world, "render", "here", "--config", "gitopsd.yaml")
    assert (folder.returncode, folder.stderr) == (0, b"")
