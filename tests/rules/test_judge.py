"""Who judges an object's health, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from gitopsd.core.health.status import Health, HealthStatus, degraded, healthy, suspended
from gitopsd.core.health.table import Case, Every, Table
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.live import LiveObject
from gitopsd.plugin import hookimpl
from gitopsd.plugin.health import HealthCheck
from gitopsd.plugin.manager import PluginManager
from gitopsd.rules.customizations import RuleBook
from gitopsd.rules.expressions import Expressions
from gitopsd.rules.judge import HealthJudge
from tests.rules.conftest import cel, live, lua

READY = {"conditions": [{"type": "Ready", "status": "True"}]}


class Check:
    """A plugin's judge that says, or raises, what a test wants."""

    def __init__(self, says: Any, name: str = "widgets") -> None:
        self.name = name
        self.kinds = [("example.org", "Widget"), ("apps", "Deployment")]
        self.says = says

    def judge(self, live: JsonObject) -> Health | None:
        if isinstance(self.says, Exception):
            raise self.says
        verdict: Health | None = self.says
        return verdict


class Counting:
    """Answers every rule with Degraded, and counts."""

    def __init__(self, answer: JsonObject) -> None:
        self.answer = answer
        self.objects = 0

    async def ask(self, method: str, params: JsonObject, *, deadline: float) -> JsonObject:
        listed = params["objects"]
        assert isinstance(listed, list)
        self.objects += len(listed)
        return {"healths": [self.answer for _ in listed]}


async def verdict(judge: HealthJudge, shown: LiveObject) -> Health | None:
    return (await judge.assess([shown]))[shown.key]


async def test_the_first_that_has_an_opinion_counts(expressions: Expressions) -> None:
    def tables(group: str, kind: str) -> Table | None:
        return Table((), Case(Every(()), HealthStatus.SUSPENDED, "by the table")) if kind == "Widget" else None

    rules = RuleBook([cel("has(object.spec) ? {'status': 'Degraded', 'message': 'by the rule'} : {}")])
    check: list[HealthCheck] = [Check(None)]
    judge = HealthJudge(rules=rules, expressions=expressions, checks=check, tables=tables)
    assert await verdict(judge, live(spec={})) == degraded("by the rule")
    assert await verdict(judge, live(status=READY, version="2")) == suspended("by the table")
    check = [Check(healthy("by the plugin"))]
    judge = HealthJudge(rules=rules, expressions=expressions, checks=check, tables=tables)
    assert await verdict(judge, live(spec={})) == degraded("by the rule")
    assert await verdict(judge, live(status=READY, version="2")) == healthy("by the plugin")
    assert await verdict(HealthJudge(), live(status=READY)) == healthy()
    assert await verdict(HealthJudge(), live("ConfigMap", api_version="v1")) is None


async def test_an_object_that_is_being_deleted_is_progressing_whatever_anybody_says(expressions: Expressions) -> None:
    rules = RuleBook([lua("return {status='Healthy'}")])
    for judge in (
        HealthJudge(rules=rules, expressions=expressions),
        HealthJudge(checks=[Check(healthy())]),
        HealthJudge(),
    ):
        found = await verdict(judge, live(deleting=True, status=READY))
        assert found is not None
        assert found.message == "Pending deletion"


async def test_a_verdict_is_asked_for_once_until_the_object_or_the_rule_changes() -> None:
    process = Counting({"status": "Degraded"})
    expressions = Expressions(process.ask)
    judge = HealthJudge(rules=RuleBook([cel("a")]), expressions=expressions)
    for version in ("1", "1", "2", "1"):
        assert await verdict(judge, live(version=version)) == degraded("")
    assert process.objects == 2
    await verdict(HealthJudge(rules=RuleBook([cel("b")]), expressions=expressions), live())
    assert process.objects == 3


@pytest.mark.parametrize(
    ("rule", "answer"),
    [(lua("return os.time() > 5"), {"status": "Degraded"}), (lua("x"), {"error": "not ready", "passing": True})],
    ids=["asks the time", "time ran out"],
)
async def test_a_verdict_that_may_change_by_itself_is_asked_for_again(rule: Any, answer: JsonObject) -> None:
    process = Counting(answer)
    judge = HealthJudge(rules=RuleBook([rule]), expressions=Expressions(process.ask))
    await judge.assess([live()])
    await judge.assess([live()])
    assert process.objects == 2


async def test_without_the_engine_objects_with_a_rule_are_unknown_and_others_are_judged() -> None:
    judge = HealthJudge(rules=RuleBook([lua("x")]))
    widget, other = live(), live("Gadget", status=READY)
    found = await judge.assess([widget, other])
    assert found[other.key] == healthy()
    unknown = found[widget.key]
    assert unknown is not None
    assert unknown.message == "Health rule health.lua: the engine that evaluates users' rules is not there"


@pytest.mark.parametrize(
    ("says", "message"),
    [
        (ValueError("secret words"), "Health check widgets failed: ValueError"),
        ("Healthy", "Health check widgets answered with a str"),
    ],
)
async def test_a_plugin_that_fails_is_named_and_its_object_unknown(says: Any, message: str) -> None:
    found = await verdict(HealthJudge(checks=[Check(says)]), live())
    assert found == Health(HealthStatus.UNKNOWN, message)


async def test_a_plugins_judge_comes_before_what_is_built_in_and_may_leave_it_to_that() -> None:
    deployment = live("Deployment", api_version="apps/v1", spec={"paused": True})
    assert await verdict(HealthJudge(checks=[Check(healthy())]), deployment) == healthy()
    found = await verdict(HealthJudge(checks=[Check(None)]), deployment)
    assert found is not None
    assert found.status is HealthStatus.SUSPENDED


def test_plugins_bring_health_checks_and_two_of_one_name_are_refused() -> None:
    class Plugin:
        def __init__(self, *checks: HealthCheck) -> None:
            self.checks = checks

        @hookimpl
        def gitopsd_health_checks(self) -> Sequence[HealthCheck]:
            return self.checks

    manager = PluginManager()
    manager.register(Plugin(Check(None, "a"), Check(None, "b")), name="one")
    assert [check.name for check in manager.health_checks()] == ["a", "b"]
    manager.register(Plugin(Check(None, "a")), name="two")
    with pytest.raises(Exception, match="two plugins bring a health check named 'a'"):
        manager.health_checks()


async def test_a_hundred_thousand_verdicts_do_not_grow_without_bound() -> None:
    process = Counting({"status": "Degraded"})
    judge = HealthJudge(rules=RuleBook([cel("a")]), expressions=Expressions(process.ask))
    for start in range(0, 60_000, 20_000):
        await judge.assess([live(name=f"n{number}") for number in range(start, start + 20_000)])
    await judge.assess([live(name="n0")])
    assert process.objects == 60_001
