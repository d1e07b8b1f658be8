"""Applications whose manifests come from Helm repositories and OCI registries."""

from __future__ import annotations

from gitopsd.testing.chartrepo import ChartRepository
from gitopsd.testing.registry import Registry
from tests.e2e.conditions import at, healthy, quiet, says, synced
from tests.e2e.manifests import config_map
from tests.e2e.world import World

_TEMPLATE = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n"
    'data:\n  key: "{{ .Chart.Version }} {{ .Values.greeting }}"\n'
)


def files(greeting: str = "hello") -> dict[str, str]:
    return {"templates/map.yaml": _TEMPLATE, "values.yaml": f"greeting: {greeting}\n"}


def chart(world: World, url: str, revision: str, *, self_heal: bool = False) -> None:
    """The application `app` of the chart `web`."""
    source = {"repoURL": url, "chart": "web", "targetRevision": revision, "helm": {"releaseName": "web"}}
    world.application("app", self_heal=self_heal, sources=[source])


async def value(world: World, name: str = "web") -> object:
    found = await world.cluster.find(world.full("app"), f"configmaps/{name}")
    return found["data"]["key"] if found else None


async def test_a_new_version_within_the_range_goes_live_and_what_is_gone_takes_nothing_away(world: World) -> None:
    world.good()
    with ChartRepository() as repository:
        repository.add("web", "1.0.0", files())
        chart(world, repository.url, "1.x")
        async with world.daemon() as daemon:
            await daemon.until("app", synced, healthy, quiet)
            assert await value(world) == "1.0.0 hello"
            digest = repository.add("web", "1.1.0", files("bye"))
            repository.add("web", "2.0.0", files("other"))
            await daemon.live("app", f"1.1.0@sha256:{digest}", healthy)
            assert await value(world) == "1.1.0 bye"
            repository.entries["web"] = [each for each in repository.entries["web"] if each["version"] == "2.0.0"]
            await daemon.refresh("app")
            await daemon.until("app", says("ComparisonError", "no version of the chart fits 1.x", "2.0.0"))
            assert await value(world) == "1.1.0 bye"
            await daemon.goes_on()


async def test_a_version_that_is_published_anew_goes_live(world: World) -> None:
    with ChartRepository() as repository:
        before = repository.add("web", "1.0.0", files())
        chart(world, repository.url, "1.0.0")
        async with world.daemon() as daemon:
            await daemon.until("app", synced, at(f"1.0.0@sha256:{before}"))
            after = repository.add("web", "1.0.0", files("again"))
            await daemon.live("app", f"1.0.0@sha256:{after}", healthy)
            assert await value(world) == "1.0.0 again"


async def test_a_repository_that_is_down_takes_nothing_away_and_drift_is_still_healed(world: World) -> None:
    with ChartRepository() as repository:
        digest = repository.add("web", "1.0.0", files())
        chart(world, repository.url, "^1", self_heal=True)
        async with world.daemon() as daemon:
            await daemon.until("app", synced, healthy)
            repository.faults.status = 500
            await daemon.refresh("app")
            await daemon.until("app", says("SourceWarning", "broken"), at(f"1.0.0@sha256:{digest}"))
            await world.cluster.delete(world.full("app"), "configmaps/web")
            await daemon.until_true(lambda: len(daemon.operations("app")) > 1)
            assert await value(world) == "1.0.0 hello"
            repository.faults.status = 0
            await daemon.refresh("app")
            await daemon.until("app", synced, quiet)


async def test_wrong_credentials_of_a_registry_are_named_and_corrected_by_a_reload(world: World) -> None:
    world.good()
    with Registry() as registry:
        registry.faults.username, registry.faults.password = "ci", "correct"
        registry.push_chart("charts/web", "1.0.0", files())
        host = registry.url("charts").removeprefix("oci://")
        entry = {"url": host, "type": "helm", "enableOCI": True, "username": "ci", "password": "mistaken-canary"}
        world.config["repositories"].append(entry)
        chart(world, host, "1.0.0")
        async with world.daemon() as daemon:
            status = await daemon.until("app", says("ComparisonError", "authentication failed", "Try: check username"))
            assert "mistaken-canary" not in repr(status)
            await daemon.goes_on()
            entry["password"] = "correct"
            assert await daemon.reload()
            await daemon.until("app", synced, healthy, quiet)
            assert await value(world) == "1.0.0 hello"


async def test_a_plain_artifact_of_a_registry_goes_live_and_follows_its_tag(world: World) -> None:
    with Registry() as registry:
        registry.push_files("team/app", "main", {"deploy/map.yaml": config_map("plain", "one")})
        source = {"repoURL": registry.url("team/app"), "targetRevision": "main", "path": "deploy"}
        world.application("app", sources=[source])
        async with world.daemon() as daemon:
            await daemon.until("app", synced, healthy, quiet)
            digest = registry.push_files("team/app", "main", {"deploy/map.yaml": config_map("plain", "two")})
            await daemon.live("app", digest)
            assert await value(world, "plain") == "two"


async def test_a_dependency_of_a_chart_in_git_is_fetched_from_its_repository(world: World) -> None:
    with ChartRepository() as repository:
        repository.add("web", "1.4.0", files())
        dependency = f"dependencies:\n- name: web\n  version: ^1\n  repository: {repository.url}\n"
        world.commit({"app/Chart.yaml": f"apiVersion: v2\nname: outer\nversion: 0.1.0\n{dependency}"})
        world.application("app", source={"helm": {"releaseName": "web"}})
        async with world.daemon() as daemon:
            await daemon.until("app", synced, healthy, quiet)
            assert await value(world) == "1.4.0 hello"
