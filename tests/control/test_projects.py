"""What an application's project lets it do, and as whom."""

from dataclasses import replace

from gitopsd.core.app import AppSpec
from gitopsd.core.appstatus import SyncCode
from gitopsd.core.conditions import ConditionType
from gitopsd.core.operation import Phase
from gitopsd.core.project import DestinationServiceAccount, Impersonation, Project, Projects
from gitopsd.testing.builders import a_config_map, a_deployment, an_app
from gitopsd.testing.field_ownership import Body
from tests.control.world import GivenWorld, config_map_key

DEPLOYER = "system:serviceaccount:default:deployer"


def projects(*accounts: tuple[str, str, str], enforced: bool = True) -> Projects:
    """Impersonation enabled, and a project web with these accounts."""
    entries = tuple(DestinationServiceAccount(*account) for account in accounts)
    return Projects({"web": Project("web", accounts=entries)}, Impersonation(enabled=True, enforced=enforced))


def web(*, prune: bool = False, self_heal: bool = False) -> AppSpec:
    """An application of the project web."""
    return an_app(project="web", prune=prune, self_heal=self_heal)


def as_whom(world: GivenWorld) -> set[str]:
    """Who wrote, and who asked for dry-runs."""
    return {write.user for write in world.cluster.writes} | set(world.cluster.predicted_as)


async def test_N1_apply_prune_heal_and_dry_run_are_made_as_the_service_account(world: GivenWorld) -> None:
    world.settings = replace(world.settings, projects=projects(("*", "default", "deployer")))
    world.git(a_config_map(), a_deployment())
    async with world.running(web(prune=True, self_heal=True)):
        await world.push(a_deployment(image="nginx:2"))
        world.cluster.edit(config_map_key("web")._replace(group="apps", kind="Deployment"), _scale)
        await world.settle(10)
        assert {write.verb for write in world.cluster.writes} == {"apply", "delete"}
        assert world.cluster.predicted_as != []
        assert as_whom(world) == {DEPLOYER}
        assert world.status().sync is SyncCode.SYNCED


async def test_N1_the_namespace_is_made_as_the_service_account_too(world: GivenWorld) -> None:
    world.settings = replace(world.settings, projects=projects(("*", "*", "default:deployer")))
    world.git(a_config_map(namespace="fresh"))
    spec = an_app(project="web", namespace="fresh", options={"CreateNamespace": "true"})
    async with world.running(spec):
        assert world.writes() == ["apply fresh", "apply settings"]
        assert as_whom(world) == {DEPLOYER}


async def test_without_an_account_a_sync_fails_and_says_why(world: GivenWorld) -> None:
    world.settings = replace(world.settings, projects=projects(("*", "other", "deployer")))
    world.git(a_config_map())
    async with world.running(web()):
        assert world.writes() == []
        operation = world.status().operation
        assert operation is not None
        assert operation.phase is Phase.FAILED
        assert "project 'web' names no service account for the namespace 'default'" in operation.message
        assert "destinationServiceAccounts" in world.condition(ConditionType.SYNC_ERROR)


async def test_J14_without_an_account_no_dry_run_is_made_with_our_own_rights(world: GivenWorld) -> None:
    world.git(a_config_map(data={"a": "1"}))
    async with world.running(an_app()):
        pass
    world.settings = replace(world.settings, projects=projects())
    world.cluster.predicted_as.clear()
    world.cluster.writes.clear()
    world.cluster.edit(config_map_key(), lambda body: body["data"].update(a="another"))
    async with world.running(web(self_heal=True)):
        assert world.cluster.predicted_as == []
        assert world.writes() == []
        assert "names no service account" in world.status().resources[0].message


async def test_an_account_that_is_named_while_we_run_cures_the_failure(world: GivenWorld) -> None:
    world.settings = replace(world.settings, projects=projects())
    world.git(a_config_map())
    async with world.running(web()):
        assert world.writes() == []
        world.supervisor.tune(replace(world.settings, projects=projects(("*", "*", "deployer"))))
        await world.settle(400)
        assert as_whom(world) == {DEPLOYER}
        assert world.status().sync is SyncCode.SYNCED


async def test_not_enforced_our_own_rights_count_where_no_account_is_named(world: GivenWorld) -> None:
    world.settings = replace(world.settings, projects=projects(enforced=False))
    world.git(a_config_map())
    async with world.running(web()):
        assert as_whom(world) == {""}
        assert world.status().sync is SyncCode.SYNCED


async def test_a_project_that_becomes_restricted_while_we_run_lets_nothing_be_written(world: GivenWorld) -> None:
    world.settings = replace(world.settings, projects=projects(("*", "*", "deployer")))
    world.git(a_config_map())
    async with world.running(web()):
        world.cluster.writes.clear()
        restricted = Projects({"web": Project("web", unenforced=("sourceRepos",))})
        world.supervisor.tune(replace(world.settings, projects=restricted))
        await world.push(a_config_map(data={"a": "2"}))
        assert world.writes() == []
        assert "sourceRepos" in world.condition(ConditionType.SYNC_ERROR)


def _scale(body: Body) -> None:
    body["spec"]["replicas"] = 7
