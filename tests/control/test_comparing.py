"""How an application is compared: what is ignored, what is asked, what is left out, what nobody can tell."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from gitopsd.control.settings import SupervisorSettings
from gitopsd.core.app import AppSpec
from gitopsd.core.appstatus import SyncCode
from gitopsd.core.conditions import ConditionType
from gitopsd.core.customization import KindFilter, ResourceSettings
from gitopsd.core.fieldpath import Found, fields_at, parse_path
from gitopsd.core.health.status import HealthStatus
from gitopsd.core.ids import GroupKind, ObjectKey, Position
from gitopsd.core.ignore import IgnoreRule, KindPattern
from gitopsd.core.jsonvalue import JsonObject, mapping
from gitopsd.core.operation import Phase
from gitopsd.testing.builders import a_config_map, a_deployment, an_app, an_object
from gitopsd.testing.expressions import FakeExpressions
from tests.control.world import GivenWorld, config_map_key, deployment_key

DEPLOYMENT = GroupKind("apps", "Deployment")
WEB = deployment_key()
ANOTHER_REPOSITORY = "https://git.example.org/team/another.git"
EXTRANEOUS = {"argocd.argoproj.io/compare-options": "IgnoreExtraneous"}


def ignoring(
    *paths: str,
    jq: tuple[str, ...] = (),
    kind: str = "Deployment",
    spec: AppSpec | None = None,
    managers: tuple[str, ...] = (),
    options: Mapping[str, str] | None = None,
) -> AppSpec:
    app = spec or an_app(self_heal=True, options=options)
    rule = IgnoreRule(
        KindPattern("*", kind),
        paths=tuple(map(parse_path, paths)),
        jq=jq,
        managers=managers,
        position=Position("gitopsd.yaml", 9, 5),
    )
    return replace(app, ignore_differences=(*app.ignore_differences, rule))


def scale(world: GivenWorld, replicas: int) -> None:
    world.cluster.edit(WEB, lambda body: body["spec"].update(replicas=replicas))


def replicas(world: GivenWorld) -> object:
    return mapping(world.cluster.body(WEB), "spec").get("replicas")


def doubtful() -> JsonObject:
    """A Deployment that ownership never proves synced: its null was defaulted."""
    body: dict[str, Any] = dict(a_deployment())
    return {**body, "spec": {**body["spec"], "replicas": None}}


async def test_a_status_that_flaps_costs_no_dry_run(world: GivenWorld) -> None:
    world.git(doubtful())
    async with world.running(an_app()):
        assert world.status().sync is SyncCode.SYNCED
        before, passes = len(world.cluster.predicted), world.passes()
        for ready in (0, 1, 0):
            world.cluster.set_status(WEB, {"observedGeneration": 1, "readyReplicas": ready})
            await world.settle()
        assert world.passes() >= passes + 3
        assert len(world.cluster.predicted) == before


async def test_content_that_changes_is_judged_again(world: GivenWorld) -> None:
    world.git(doubtful())
    async with world.running(an_app()):
        before = len(world.cluster.predicted)
        world.cluster.edit(WEB, lambda body: body["metadata"].update(labels={"by": "somebody"}))
        await world.settle()
        assert len(world.cluster.predicted) == before + 1
        assert world.status().sync is SyncCode.SYNCED


async def test_an_ignored_field_that_an_autoscaler_changes_costs_nothing(world: GivenWorld) -> None:
    world.git(a_deployment())
    async with world.running(ignoring("spec.replicas")):
        world.cluster.writes.clear()
        for count in (3, 5):
            scale(world, count)
            await world.settle()
            assert world.status().sync is SyncCode.SYNCED
        assert (world.cluster.predicted, world.writes(), replicas(world)) == ([], [], 5)
        assert world.status().unused_ignores == ()


async def test_rules_of_the_system_count_as_those_of_the_application(world: GivenWorld) -> None:
    rule = IgnoreRule(KindPattern("apps", "Deployment"), paths=(("spec", "replicas"),))
    world.settings = SupervisorSettings(interval=180, jitter=0, resources=ResourceSettings(ignore_differences=(rule,)))
    world.git(a_deployment())
    async with world.running(an_app()):
        scale(world, 3)
        await world.settle()
        assert world.status().sync is SyncCode.SYNCED
        assert world.supervisor.unused_ignores() == ()
        world.supervisor.tune(replace(world.settings, resources=ResourceSettings()))
        await world.settle()
        assert world.status().sync is SyncCode.OUT_OF_SYNC


async def test_a_rule_of_the_system_that_no_application_needs_is_named(world: GivenWorld) -> None:
    rule = IgnoreRule(KindPattern("apps", "Deployment"), paths=(("spec", "absent"),))
    resources = ResourceSettings(ignore_differences=(rule,))
    world.settings = SupervisorSettings(interval=180, jitter=0, resources=resources)
    world.git(a_deployment())
    async with world.running(an_app()):
        (told,) = world.supervisor.unused_ignores()
        assert "apps/Deployment" in told
        assert "no application" in told


async def test_a_field_that_a_named_manager_owns_is_ignored(world: GivenWorld) -> None:
    world.git(a_deployment())
    async with world.running(ignoring(managers=("somebody",))):
        scale(world, 3)
        await world.settle()
        assert world.status().sync is SyncCode.SYNCED


async def test_beside_an_ignored_field_drift_is_healed(world: GivenWorld) -> None:
    world.git(a_deployment())
    async with world.running(ignoring("spec.replicas")):
        world.cluster.writes.clear()
        world.cluster.edit(WEB, lambda body: body["spec"].update(replicas=3, paused=True, template={}))
        await world.settle()
        assert world.writes() == ["apply web"]


@pytest.mark.parametrize(("options", "after"), [({}, 1), ({"RespectIgnoreDifferences": "true"}, 3)])
async def test_ignored_fields_are_applied_unless_they_are_respected(
    world: GivenWorld, options: dict[str, str], after: int
) -> None:
    world.git(a_deployment())
    async with world.running(ignoring("spec.replicas", options=options)):
        scale(world, 3)
        await world.settle()
        await world.push(a_deployment(image="nginx:2"))
        assert replicas(world) == after
        assert world.status().sync is SyncCode.SYNCED


async def test_an_object_says_itself_that_its_ignored_fields_are_respected(world: GivenWorld) -> None:
    mark = {"argocd.argoproj.io/sync-options": "RespectIgnoreDifferences=true"}
    world.git(a_deployment(annotations=mark))
    async with world.running(ignoring("spec.replicas")):
        scale(world, 3)
        await world.settle()
        await world.push(a_deployment(image="nginx:2", annotations=mark))
        assert replicas(world) == 3


def found(path: str) -> Any:
    steps = parse_path(path)

    def finds(body: JsonObject) -> tuple[Found, ...]:
        return tuple(fields_at(body, steps))

    return finds


async def test_fields_that_jq_finds_are_ignored_and_asked_for_only_where_something_differs(world: GivenWorld) -> None:
    world.expressions = asked = FakeExpressions({".spec.replicas": found("spec.replicas")})
    world.git(a_deployment())
    async with world.running(ignoring(jq=(".spec.replicas",))):
        assert asked.asked == 0
        scale(world, 3)
        await world.settle()
        assert (world.status().sync, asked.asked) == (SyncCode.SYNCED, 2)
        assert world.cluster.predicted == []
        world.cluster.edit(WEB, lambda body: body["spec"].update(paused=True, template={}))
        await world.settle()
        assert world.writes() == ["apply web", "apply web"]


async def test_fields_that_jq_finds_are_ignored_in_the_dry_runs_answer_too(world: GivenWorld) -> None:
    world.expressions = FakeExpressions({".metadata.labels": found("metadata.labels"), ".spec": found("spec.paused")})
    world.git(doubtful())
    async with world.running(ignoring(jq=(".metadata.labels", ".spec"))):
        await world.push({**doubtful(), "metadata": {"name": "web", "labels": {"new": "1"}}})
        assert world.status().sync is SyncCode.SYNCED
        assert world.writes() == ["apply web"]


async def test_a_jq_expression_that_cannot_be_used_is_named_with_its_place(world: GivenWorld) -> None:
    world.expressions = FakeExpressions({})
    world.git(a_deployment(), a_config_map())
    async with world.running(ignoring(jq=(".spec[",))):
        scale(world, 3)
        await world.settle()
        status = world.status()
        assert status.sync is SyncCode.UNKNOWN
        message = world.condition(ConditionType.COMPARISON_ERROR)
        assert "gitopsd.yaml:9:5" in message
        assert ".spec[" in message
        assert "unexpected token" in message
        assert {item.key.name: item.sync for item in status.resources} == {
            "web": SyncCode.UNKNOWN,
            "settings": SyncCode.SYNCED,
        }
        assert world.writes() == ["apply web", "apply settings"] or world.writes() == ["apply settings", "apply web"]


async def test_without_an_evaluator_jq_expressions_leave_what_differs_unknown(world: GivenWorld) -> None:
    world.git(a_deployment())
    async with world.running(ignoring(jq=(".spec.replicas",))):
        scale(world, 3)
        await world.settle()
        assert "engine" in world.condition(ConditionType.COMPARISON_ERROR)


async def test_rules_that_find_nothing_are_named(world: GivenWorld) -> None:
    world.git(a_deployment())
    spec = ignoring("spec.absent", spec=ignoring("data", kind="Secret", spec=ignoring("spec.replicas")))
    async with world.running(spec):
        nothing, absent = world.status().unused_ignores
        assert "gitopsd.yaml:9:5" in nothing
        assert "no such object" in nothing
        assert "no object that it means has such a field" in absent
        world.cluster.edit(WEB, lambda body: body["spec"].update(absent=True))
        await world.settle()
        assert len(world.status().unused_ignores) == 1


async def test_an_extraneous_object_that_may_stay_leaves_the_application_synced_and_its_health_counts(
    world: GivenWorld,
) -> None:
    world.git(a_config_map(), a_deployment(annotations=EXTRANEOUS))
    async with world.running(an_app()):
        await world.push(a_config_map())
        status = world.status()
        assert (status.sync, status.health.status) == (SyncCode.SYNCED, HealthStatus.HEALTHY)
        (left,) = [item for item in status.resources if item.key == WEB]
        assert (left.requires_pruning, left.tolerated) == (True, True)
        world.cluster.set_status(
            WEB,
            {
                "observedGeneration": 1,
                "conditions": [
                    {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "stuck"}
                ],
            },
        )
        await world.settle()
        assert world.status().health.status is HealthStatus.DEGRADED


async def test_an_object_of_another_application_is_a_warning_that_names_both(world: GivenWorld) -> None:
    world.git(a_config_map(), app="first")
    world.git(a_config_map(data={"colour": "red"}), app="second", repo=ANOTHER_REPOSITORY)
    async with world.running(an_app("first"), an_app("second", repo=ANOTHER_REPOSITORY)):
        told = {app: world.condition(ConditionType.SHARED_RESOURCE_WARNING, app) for app in ("first", "second")}
        assert sorted(filter(None, told.values())) == [next(filter(None, told.values()))], "only one lost it"
        assert all(word in "".join(told.values()) for word in ("first", "second", "settings"))


async def test_an_object_of_another_application_fails_the_sync_where_that_is_asked_for(world: GivenWorld) -> None:
    world.git(a_config_map(), app="first")
    async with world.running(an_app("first")):
        world.git(a_config_map(data={"colour": "red"}), app="second", repo=ANOTHER_REPOSITORY)
        second = an_app("second", repo=ANOTHER_REPOSITORY, options={"FailOnSharedResource": "true"})
        await world.configure(an_app("first"), second)
        operation = world.status("second").operation
        assert operation is not None
        assert operation.phase is Phase.FAILED
        assert "first" in operation.message
        assert world.writes() == ["apply settings"]


async def test_an_excluded_kind_is_neither_applied_nor_compared_and_named(world: GivenWorld) -> None:
    world.cluster.resources = ResourceSettings(exclusions=(KindFilter(kinds=("Deployment",)),))
    world.git(a_config_map(), a_deployment())
    async with world.running(an_app()):
        assert world.writes() == ["apply settings"]
        status = world.status()
        assert status.sync is SyncCode.SYNCED
        assert [item.key.kind for item in status.resources] == ["ConfigMap"]
        said = world.condition(ConditionType.EXCLUDED_RESOURCE_WARNING)
        assert "apps/Deployment default/web" in said
        assert "resources.inclusions" in said, "a kind may be left out by not being named there"
        world.cluster.resources = ResourceSettings()
        await world.push(a_config_map(), a_deployment())
        assert world.status().sync is SyncCode.SYNCED
        assert world.condition(ConditionType.EXCLUDED_RESOURCE_WARNING) == ""
        assert world.cluster.has(WEB)


async def test_a_kind_that_cannot_be_read_is_unknown_and_nothing_of_it_is_touched(world: GivenWorld) -> None:
    world.git(a_config_map("kept"), a_config_map("gone"), a_deployment())
    async with world.running(an_app(prune=True, self_heal=True)):
        world.cluster.make_unreadable(GroupKind("", "ConfigMap"), "the conversion webhook is down")
        world.cluster.writes.clear()
        await world.push(a_config_map("kept", {"colour": "red"}), a_deployment())
        status = world.status()
        assert status.sync is SyncCode.UNKNOWN
        message = world.condition(ConditionType.COMPARISON_ERROR)
        assert "ConfigMap cannot be read: the conversion webhook is down" in message
        codes = {item.key.name: item.sync for item in status.resources}
        assert codes["web"] is SyncCode.SYNCED
        assert codes["kept"] is SyncCode.UNKNOWN
        assert world.writes() == []
        world.cluster.allow(GroupKind("", "ConfigMap"))
        await world.settle(60)
        assert world.status().sync is SyncCode.SYNCED
        assert world.cluster.keys("ConfigMap") == [config_map_key("kept")]


async def test_a_secret_is_applied_with_its_text_as_data(world: GivenWorld) -> None:
    secret = ObjectKey("", "Secret", "default", "login")
    body = an_object("Secret", "login", stringData={"user": "me", "gone": "1"}, data={"user": "bm8=", "also": "eWVz"})
    world.git(body)
    async with world.running(an_app()):
        live = world.cluster.body(secret)
        assert mapping(live, "data") == {"user": "bWU=", "also": "eWVz", "gone": "MQ=="}
        assert "stringData" not in (live or {})
        await world.push(an_object("Secret", "login", stringData={"user": "me"}))
        assert mapping(world.cluster.body(secret), "data") == {"user": "bWU="}
        assert world.status().sync is SyncCode.SYNCED
