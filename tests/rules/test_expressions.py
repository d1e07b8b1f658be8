"""Users' expressions in the real process, and what becomes of them when it dies."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence

import anyio
import pytest

from gitopsd.core.customization import HealthRule
from gitopsd.core.document import Document
from gitopsd.core.errors import RenderError
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.render.pool import EnginePool
from gitopsd.rules.expressions import Expressions, Verdict
from tests.rules.conftest import body, cel, document, lua

READY = """
hs = {}
if obj.status ~= nil and obj.status.conditions ~= nil then
  for i, condition in ipairs(obj.status.conditions) do
    if condition.type == "Ready" and condition.status == "False" then
      hs.status = "Degraded"
      hs.message = condition.message
      return hs
    end
  end
  hs.status = "Healthy"
  return hs
end
hs.status = "Progressing"
hs.message = "Waiting"
return hs
"""


async def one(expressions: Expressions, rule: HealthRule, shown: Document) -> Verdict:
    (verdict,) = await expressions.health([(rule, shown)])
    return verdict


async def test_lua_and_cel_judge_side_by_side_and_in_order(expressions: Expressions) -> None:
    broken = document(status={"conditions": [{"type": "Ready", "status": "False", "message": "no disk"}]})
    by_cel = cel("has(object.status) ? {'status': 'Suspended', 'message': object.metadata.name} : {}")
    verdicts = await expressions.health(
        [(lua(READY), broken), (by_cel, document()), (lua(READY), document()), (by_cel, broken)]
    )
    assert [verdict.health for verdict in verdicts] == [
        Health(HealthStatus.DEGRADED, "no disk"),
        None,
        Health(HealthStatus.PROGRESSING, "Waiting"),
        Health(HealthStatus.SUSPENDED, "web"),
    ]


async def test_a_rule_that_fails_makes_its_object_unknown_and_says_where(expressions: Expressions) -> None:
    wrong = lua("\nlocal x = obj.status.phase", where="customizations/example.org/Widget/health.lua")
    verdict = await one(expressions, wrong, document())
    assert verdict.health is not None
    assert verdict.health.status is HealthStatus.UNKNOWN
    assert verdict.health.message.startswith(
        "Health rule customizations/example.org/Widget/health.lua: line 2: attempt to index"
    )
    assert verdict.lasting


async def test_more_objects_than_one_request_holds_are_all_judged(expressions: Expressions) -> None:
    rule = cel("object.metadata.name")
    shown = [document(name="Healthy", filler="x" * 500_000), document(name="Degraded")] * 12
    verdicts = await expressions.health([(rule, each) for each in shown])
    assert [verdict.health.status for verdict in verdicts if verdict.health] == ["Healthy", "Degraded"] * 12


async def test_jq_paths_are_found_for_each_object_and_expression(expressions: Expressions) -> None:
    shown = body(spec={"containers": [{"name": "a", "image": "i"}, {"name": "b", "image": "j"}]})
    found = await expressions.paths(
        ['.spec.containers[] | select(.name == "b") | .image', ".spec.replicas", ".spec[] |", ".metadata.name[]"],
        [shown, body(spec={"containers": []})],
    )
    assert found[0][:2] == [(("spec", "containers", 1, "image"),), (("spec", "replicas"),)]
    assert found[1][:2] == [(), (("spec", "replicas"),)]
    assert "line 1, column 10: unexpected EOF" in str(found[0][2])
    assert "cannot iterate over: string" in str(found[1][3])


async def test_a_check_names_line_and_column_and_runs_nothing(expressions: Expressions) -> None:
    rules, paths = await expressions.check(
        [lua(READY), lua("x =\n= 1", where="a/health.lua"), lua("while true do end"), cel("object.")],
        [".a", ".a |\n| .b"],
    )
    assert [fault is None for fault in rules] == [True, False, True, False]
    assert rules[1] is not None
    assert str(rules[1].position) == "a/health.lua:2:1"
    assert paths[0] is None
    assert paths[1] is not None
    assert (paths[1].position.line, paths[1].position.column) == (2, 1)


async def test_D4_what_loops_ends_in_its_time_and_the_loop_of_the_daemon_runs_on(
    expressions: Expressions, pool: EnginePool
) -> None:
    await one(expressions, lua(READY), document())
    turns = 0

    async def count(scope: anyio.CancelScope) -> None:
        nonlocal turns
        with scope:
            while True:
                await anyio.sleep(0.01)
                turns += 1

    counting = anyio.CancelScope()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(count, counting)
        looped, judged = await expressions.health([(lua("while true do end"), document()), (lua(READY), document())])
        found = await expressions.paths(["def f: f; f", "[range(1e12)] | .[0]", ".kind"], [body()])
        counting.cancel()
    assert looped.health is not None
    assert looped.health.status is HealthStatus.UNKNOWN
    assert "not ready after 1s" in looped.health.message
    assert not looped.lasting
    assert judged.health == Health(HealthStatus.PROGRESSING, "Waiting")
    assert all(isinstance(each, str) for each in found[0][:2])
    assert found[0][2] == (("kind",),)
    assert turns > 30  # in some three seconds of endless loops


@pytest.mark.parametrize("expression", ['"x" * 1e9 | .a', 'reduce range(1e9) as $i ("x"; . + .) | .a'])
async def test_D4_what_eats_memory_fails_alone(expressions: Expressions, expression: str) -> None:
    (found,) = await expressions.paths([expression, ".kind"], [body()])
    assert isinstance(found[0], str)
    assert found[1] == (("kind",),)


@pytest.mark.parametrize(
    "reached",
    ["python", "python and python.eval", 'getmetatable("")', "io", "load", "loadstring", "os.execute", "os.exit"],
)
async def test_E10_a_script_reaches_nothing_outside(expressions: Expressions, reached: str) -> None:
    rule = lua(f"if ({reached}) == nil then return {{status = 'Healthy'}} end return {{status = 'Degraded'}}")
    assert (await one(expressions, rule, document())).health == Health(HealthStatus.HEALTHY)


async def test_E10_the_daemon_holds_no_interpreter_of_expressions() -> None:
    assert not {"lupa", "celpy", "cel", "jq", "simpleeval"} & set(sys.modules)


async def test_S4_the_error_of_an_expression_about_a_secret_shows_no_value(expressions: Expressions) -> None:
    secret = body("Secret", api_version="v1", data={"password": "aHVudGVyMg=="})
    shown = Document(json.dumps(secret).encode())
    verdict = await one(expressions, lua("error(obj.data.password)"), shown)
    found = await expressions.paths([".data.password | error", "getpath([.data.password])"], [secret])
    assert "aHVudGVyMg" not in f"{verdict}{found}"


async def test_a_process_that_is_killed_is_replaced_and_the_objects_are_judged(
    expressions: Expressions, pool: EnginePool
) -> None:
    await one(expressions, lua(READY), document())
    os.kill(pool.pids()[0], signal.SIGKILL)
    assert (await one(expressions, lua(READY), document())).health == Health(HealthStatus.PROGRESSING, "Waiting")


async def test_D4_what_cannot_be_ended_is_answered_and_its_process_replaced(
    expressions: Expressions, pool: EnginePool
) -> None:
    stuck = lua('return (("a"):rep(3000)):find((".-"):rep(8) .. "b")')
    await one(expressions, lua(READY), document())
    before = pool.pids()
    verdicts = await expressions.health([(stuck, document()), (lua(READY), document())])
    assert [verdict.health.status for verdict in verdicts if verdict.health] == ["Unknown", "Progressing"]
    assert await statuses(expressions, [lua(READY)]) == ["Progressing"]
    assert not set(before) & set(pool.pids())


class Deadly:
    """A process that dies of every request in which `poison` stands, and counts how often."""

    def __init__(self, poison: str, *, retryable: bool = False) -> None:
        self.poison, self.retryable = poison, retryable
        self.asked = self.deaths = 0

    async def ask(self, method: str, params: JsonObject, *, deadline: float) -> JsonObject:
        self.asked += 1
        given = params["rules"] if method == "health" else params["expressions"]
        assert isinstance(given, list)
        if self.poison in str(given):
            self.deaths += 1
            raise RenderError("it died", why="it ended with exit code 2", retryable=self.retryable)
        listed = params["objects"]
        assert isinstance(listed, list)
        if method == "health":
            return {"healths": [{"status": "Healthy"} for _ in listed]}
        return {"objects": [[{"paths": []}] for _ in listed]}


async def statuses(expressions: Expressions, rules: Sequence[HealthRule]) -> list[str]:
    verdicts = await expressions.health([(rule, document()) for rule in rules])
    return [verdict.health.status if verdict.health else "" for verdict in verdicts]


async def test_only_the_objects_of_the_rule_that_kills_the_process_are_unknown() -> None:
    process = Deadly("deadly")
    expressions = Expressions(process.ask)
    rules = [lua("a"), lua("deadly"), lua("b"), lua("c"), lua("a")] * 20
    assert await statuses(expressions, rules) == ["Healthy", "Unknown", "Healthy", "Healthy", "Healthy"] * 20
    before = process.deaths
    assert await statuses(expressions, rules) == ["Healthy", "Unknown", "Healthy", "Healthy", "Healthy"] * 20
    assert process.deaths == before  # thrice guilty: not sent again


async def test_a_process_that_is_not_there_makes_everything_unknown_in_few_requests() -> None:
    process = Deadly("", retryable=True)
    expressions = Expressions(process.ask)
    assert await statuses(expressions, [lua("a"), lua("b")] * 500) == ["Unknown"] * 1000
    assert process.asked <= 40
    assert all(isinstance(each, str) for (each,) in await expressions.paths([".a"], [body()] * 100))


async def test_an_answer_that_does_not_fit_is_a_failure_and_no_exception() -> None:
    async def ask(method: str, params: JsonObject, *, deadline: float) -> JsonObject:
        return {"healths": [], "objects": []}

    expressions = Expressions(ask)
    verdict = await one(expressions, lua("a"), document())
    assert verdict.health is not None
    assert "does not fit" in verdict.health.message
    assert await expressions.paths([".a"], [body()]) == [
        ["it could not be evaluated: the answer does not fit the request"]
    ]


async def test_a_document_that_is_no_object_hurts_itself_alone(expressions: Expressions) -> None:
    asked = [(lua(READY), document()), (lua(READY), Document(b"[]")), (lua(READY), Document(b"null"))]
    verdicts = await expressions.health(asked)
    assert [verdict.health.status for verdict in verdicts if verdict.health] == ["Progressing", "Unknown", "Unknown"]
