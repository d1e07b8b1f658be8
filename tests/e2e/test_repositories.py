"""Credentials of repositories in a running daemon: templates, projects, Argo CD's Secrets; what is shown of them."""

from __future__ import annotations

import base64

import httpx

from gitopsd.testing.forge import Forge
from gitopsd.testing.gitserver import GitRepo, GitServer
from tests.cluster_fixture import ApiServer
from tests.e2e.conditions import healthy, quiet, says, synced
from tests.e2e.manifests import config_map
from tests.e2e.world import Running, World


def secret(name: str, kind: str = "repository", /, **data: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": {"argocd.argoproj.io/secret-type": kind}},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


async def repositories(daemon: Running) -> list[dict[str, object]]:
    transport = httpx.AsyncHTTPTransport(uds=str(daemon.daemon.socket_path))
    async with httpx.AsyncClient(transport=transport, base_url="http://gitopsd") as client:
        told = await client.get("/api/v1/repositories")
    assert "canary" not in told.text
    found: list[dict[str, object]] = told.json()["items"]
    return found


async def test_argo_cds_secrets_are_credentials_and_corrected_without_a_restart(
    world: World, api_server: ApiServer
) -> None:
    world.good()
    world.commit({"app/one.yaml": config_map("one")})
    namespace = world.full("argocd")
    api_server.do("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    path = f"/api/v1/namespaces/{namespace}/secrets"
    with GitServer(world.folder) as git:
        git.faults.username, git.faults.password = "ci", "correct-canary"
        host = f"http://127.0.0.1:{git.port}"
        api_server.do("POST", path, secret("creds", "repo-creds", url=host, username="ci", password="wrong-canary"))
        api_server.do("POST", path, secret("odd", url="file:///etc"))
        world.config["repositoriesFrom"] = [{"cluster": "local", "namespace": namespace}]
        world.application("app", repo=git.url("repo.git"))
        async with world.daemon() as daemon:
            status = await daemon.until("app", says("ComparisonError", "authentication failed"))
            assert "canary" not in repr(status)
            await daemon.goes_on()
            (used,) = [item for item in await repositories(daemon) if item["repo"] == git.url("repo.git")]
            assert used["inheritedFrom"] == host
            assert used["connectionState"]["status"] == "Failed"  # type: ignore[index]  # the answer is JSON
            right = base64.b64encode(b"correct-canary").decode()
            api_server.do("PATCH", f"{path}/creds", {"data": {"password": right}})
            assert await daemon.reload()
            await daemon.until("app", synced, healthy, quiet)
            (used,) = [item for item in await repositories(daemon) if item["repo"] == git.url("repo.git")]
            assert used["connectionState"]["status"] == "Successful"  # type: ignore[index]  # the answer is JSON


async def test_S15_a_repository_of_one_project_serves_no_application_of_another(world: World) -> None:
    world.good()
    world.commit({"app/one.yaml": config_map("one")})
    with GitServer(world.folder) as git:
        git.faults.username, git.faults.password = "ci", "canary"
        entry = {"url": git.url("repo.git"), "project": "payments", "username": "ci", "password": "canary"}
        world.config["repositories"].append(entry)
        world.application("app", repo=git.url("repo.git"))
        async with world.daemon() as daemon:
            await daemon.until("app", says("ComparisonError", "applications of project payments alone"))
            await daemon.goes_on()
            entry["project"] = "default"
            assert await daemon.reload()
            await daemon.until("app", synced, healthy, quiet)
            entry["project"] = "payments"
            assert await daemon.reload()
            await daemon.until("app", says("ComparisonError", "applications of project payments alone"))
            assert await world.cluster.find(world.full("app"), "configmaps/one")


async def test_a_github_app_of_a_template_opens_its_repositories(world: World) -> None:
    world.commit({"app/one.yaml": config_map("one")})
    with Forge(installations={"repo": 7}) as forge, GitServer(world.folder) as git:
        git.faults.accepts = forge.accepts
        (world.folder / "app.pem").write_text(forge.private_key)
        world.config["repositoryCredentials"] = [
            {
                "url": f"http://127.0.0.1:{git.port}",
                "githubAppID": 4711,
                "githubAppInstallationID": 7,
                "githubAppPrivateKey": {"file": "./app.pem"},
                "githubAppEnterpriseBaseUrl": forge.base_url,
            }
        ]
        world.application("app", repo=git.url("repo.git"))
        async with world.daemon() as daemon:
            await daemon.until("app", synced, healthy, quiet)
            assert {item["credentials"] for item in await repositories(daemon)} >= {"GitHub App"}


async def test_submodules_that_are_switched_on_come_without_a_commit(world: World) -> None:
    module = GitRepo(world.folder / "module.git")
    pinned = module.commit({"two.yaml": config_map("two")})
    world.commit({"app/one.yaml": config_map("one")})
    text = f'[submodule "m"]\n\tpath = app/m\n\turl = ../{module.path.name}\n'
    world.repo.git(
        "fast-import",
        "--quiet",
        stdin=(
            "commit refs/heads/main\ncommitter t <t@example.org> 1767225600 +0000\ndata 1\nm\nfrom refs/heads/main^0\n"
            f"M 100644 inline .gitmodules\ndata {len(text)}\n{text}\nM 160000 {pinned} app/m\n"
        ).encode(),
    )
    world.application("app", source={"directory": {"recurse": True}})
    world.config["repositories"].append({"url": str(module.path)})
    async with world.daemon() as daemon:
        assert len((await daemon.until("app", synced, healthy, quiet)).resources) == 1
        world.config["repositories"][0]["submodules"] = True
        world.write()
        assert await daemon.reload()
        await daemon.until("app", synced, healthy, quiet, lambda status: len(status.resources) == 2)
