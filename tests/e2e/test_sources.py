"""Applications of several sources, of bases and values from elsewhere, and with parameters that stand in git."""

from __future__ import annotations

from gitopsd.testing.gitserver import GitRepo, GitServer
from tests.e2e.conditions import healthy, quiet, says, synced
from tests.e2e.manifests import CHART, config_map, folder
from tests.e2e.world import World


async def value(world: World, app: str, name: str) -> object:
    found = await world.cluster.find(world.full(app), f"configmaps/{name}")
    return found["data"]["key"] if found else None


async def test_values_come_from_a_ref_source_and_its_commit_goes_live(world: World) -> None:
    values = GitRepo(world.folder / "values.git")
    values.commit({"prod/values.yaml": "greeting: from afar\n", "other.yaml": "a: 1\n"})
    world.config["repositories"].append({"url": str(values.path)})
    chart = world.commit({**folder("chart", CHART), "plain/map.yaml": config_map("plain")})
    sources = [
        {"repoURL": str(world.repo.path), "path": "chart", "helm": {"valueFiles": ["$values/prod/values.yaml"]}},
        {"repoURL": str(values.path), "targetRevision": "main", "ref": "values"},
        {"repoURL": str(world.repo.path), "path": "plain"},
    ]
    world.application("app", sources=sources)
    async with world.daemon() as daemon:
        status = await daemon.until("app", synced, healthy, quiet)
        assert status.revisions[0] == status.revisions[2] == chart
        assert await value(world, "app", f"{world.full('app')}-shop") == "from afar"
        assert await value(world, "app", "plain") == "1"
        values.commit({"prod/values.yaml": "greeting: moved\n"})
        await daemon.refresh("app")
        await daemon.until("app", synced, healthy)
        assert await value(world, "app", f"{world.full('app')}-shop") == "moved"


async def test_a_ref_that_no_source_has_is_named(world: World) -> None:
    world.good()
    world.commit(folder("chart", CHART))
    world.application("app", "chart", source={"helm": {"valueFiles": ["$nowhere/values.yaml"]}})
    async with world.daemon() as daemon:
        await daemon.until("app", says("ComparisonError", "$nowhere"))
        await daemon.goes_on()


async def test_the_same_object_from_two_sources_is_the_last_ones_and_said(world: World) -> None:
    world.commit({"one/map.yaml": config_map("twice", "first"), "two/map.yaml": config_map("twice", "second")})
    sources = [{"repoURL": str(world.repo.path), "path": path} for path in ("one", "two")]
    world.application("app", sources=sources)
    async with world.daemon() as daemon:
        await daemon.until("app", synced, says("RepeatedResourceWarning", "twice"))
        assert await value(world, "app", "twice") == "second"


async def test_parameters_that_stand_in_git_are_merged_over_the_applications(world: World) -> None:
    override = "helm: {parameters: [{name: greeting, value: from git}]}\n"
    commit = {**folder("chart", CHART), "chart/.argocd-source.yaml": override}
    world.commit(commit)
    world.application("app", "chart", source={"helm": {"releaseName": "mine"}})
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        assert await value(world, "app", "mine-shop") == "from git"
        own = f"chart/.argocd-source-{world.full('app')}.yaml"
        live = world.commit({own: override.replace("from git", "for this one")})
        await daemon.live("app", live)
        assert await value(world, "app", "mine-shop") == "for this one"


async def test_a_private_remote_base_is_fetched_and_its_commit_goes_live(world: World) -> None:
    base = GitRepo(world.folder / "base.git")
    base.commit({"deep/kustomization.yaml": "resources: [map.yaml]\n", "deep/map.yaml": config_map("base", "one")})
    with GitServer(world.folder) as git:
        git.faults.username, git.faults.password = "ci", "secret"
        url = git.url("base.git")
        world.config["repositories"].append({"url": url, "username": "ci", "password": "secret"})
        world.commit({"app/kustomization.yaml": f"resources: ['{url}//deep?ref=main']\nnamePrefix: my-\n"})
        world.application("app")
        async with world.daemon() as daemon:
            await daemon.until("app", synced, quiet)
            assert await value(world, "app", "my-base") == "one"
            base.commit({"deep/map.yaml": config_map("base", "two")})
            await daemon.refresh("app")
            await world.cluster.until(
                world.full("app"), "configmaps", lambda here: here["my-base"]["data"] == {"key": "two"}
            )


async def test_a_remote_base_without_its_password_says_so_and_works_once_it_is_there(world: World) -> None:
    world.good()
    base = GitRepo(world.folder / "base.git")
    base.commit({"kustomization.yaml": "resources: [map.yaml]\n", "map.yaml": config_map("base", "one")})
    with GitServer(world.folder) as git:
        git.faults.username, git.faults.password = "ci", "secret"
        url = git.url("base.git")
        world.commit({"app/kustomization.yaml": f"resources: ['{url}?ref=main']\n"})
        world.application("app")
        async with world.daemon() as daemon:
            await daemon.until("app", says("ComparisonError", "base.git"))
            await daemon.goes_on()
            world.config["repositories"].append({"url": url, "username": "ci", "password": "secret"})
            assert await daemon.reload()
            await daemon.refresh("app")
            await daemon.until("app", synced)


async def test_random_values_of_a_chart_are_drawn_once_and_said(world: World) -> None:
    secret = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: drawn}\n"
        "data: {key: '{{ randAlphaNum 20 }}', at: '{{ now | unixEpoch }}'}\n"
    )
    world.commit(folder("chart", {**CHART, "templates/drawn.yaml": secret}))
    world.application("app", "chart", self_heal=True)
    async with world.daemon() as daemon:
        await daemon.until("app", synced, says("RandomValueWarning", "templates/drawn.yaml: randAlphaNum"))
        first = (await world.cluster.get(world.full("app"), "configmaps/drawn"))["data"]
        await daemon.refresh("app", hard=True)
        await daemon.until("app", synced)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        await daemon.refresh("app", hard=True)
        assert (await world.cluster.get(world.full("app"), "configmaps/drawn"))["data"] == first


async def test_lookup_finds_nothing_unless_it_is_switched_on(world: World) -> None:
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: copy}\n"
        'data: {key: \'{{ dig "data" "key" "nothing" (lookup "v1" "ConfigMap" .Release.Namespace "other") }}\'}\n'
    )
    world.commit(folder("chart", {**CHART, "templates/copy.yaml": template}))
    world.application("app", "chart")
    await world.cluster.namespace(world.full("app"))
    body = {"metadata": {"name": "other"}, "data": {"key": "seen"}}
    await world.cluster.create(world.full("app"), "configmaps", body)
    async with world.daemon() as daemon:
        await daemon.until("app", synced)
        assert await value(world, "app", "copy") == "nothing"
    world.config["helm"] = {"lookup": True}
    async with world.daemon() as daemon:
        await daemon.refresh("app", hard=True)
        await daemon.until("app", synced)
        assert await value(world, "app", "copy") == "seen"
