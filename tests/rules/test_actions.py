"""Which actions an object has, and what users' scripts and plugins make of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from gitopsd.core.actions.action import Action, Change, Creation, Given, Merge, Parameter
from gitopsd.core.customization import ActionRule
from gitopsd.core.errors import OperationError, PluginError, RenderError
from gitopsd.core.ignore import KindPattern
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.live import LiveObject
from gitopsd.plugin.hookspecs import hookimpl
from gitopsd.plugin.manager import PluginManager
from gitopsd.render.pool import EnginePool
from gitopsd.rules.actions import ActionBook
from gitopsd.rules.actions_lua import ActionScripts, scripts_of
from gitopsd.rules.expressions import Expressions
from tests.rules.conftest import live

NOW = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
DISCOVERY = """
local actions = {}
local paused = obj.spec.paused == true
actions["resume"] = {["disabled"] = not paused, ["iconClass"] = "fa fa-play", ["displayName"] = "Go on"}
actions["size"] = {["params"] = {{["name"] = "replicas", ["default"] = tostring(obj.spec.replicas)}}}
return actions
"""
RESUME = "obj.spec.paused = nil; obj.status = {phase = 'Running'}; return obj"
SIZE = "obj.spec.replicas = tonumber(actionParams['replicas']); return obj"
JOB = """
local os = require("os")
local job = {}
job.apiVersion = "batch/v1"
job.kind = "Job"
job.metadata = {}
job.metadata.name = obj.metadata.name .. "-" .. os.date("!%Y")
job.spec = obj.spec.job
return {{["operation"] = "create", ["resource"] = job}}
"""


def rule(
    discovery: str = DISCOVERY, *, kind: str = "Widget", group: str = "example.org", merge: bool = False, **scripts: str
) -> ActionRule:
    return ActionRule(KindPattern(group, kind), discovery, tuple(scripts.items()), merge, "widget")


@pytest.fixture
def scripts(pool: EnginePool) -> ActionScripts:
    return ActionScripts(pool.ask)


async def run(book: ActionBook, one: LiveObject, name: str, given: Given | None = None) -> Sequence[Change]:
    action = next(action for action in await book.offered(one) if action.name == name)
    return await book.changes(one, action, given or {}, NOW)


async def test_discovery_says_what_can_be_done(scripts: ActionScripts) -> None:
    book = ActionBook([rule()], scripts)
    resume, size = await book.offered(live(spec={"replicas": 3}))
    assert (resume.name, resume.title, resume.icon) == ("resume", "Go on", "fa fa-play")
    assert "discovery.lua" in resume.disabled
    assert size == Action("size", parameters=(Parameter("replicas", "3"),))
    assert not (await book.offered(live(spec={"paused": True})))[0].disabled


async def test_what_a_script_changed_becomes_a_merge_patch(scripts: ActionScripts) -> None:
    book = ActionBook([rule(resume=RESUME, size=SIZE)], scripts)
    one = live(spec={"replicas": 3, "paused": True, "big": 9007199254740993, "empty": {}, "none": []})
    assert await run(book, one, "resume") == [Merge({"spec": {"paused": None}, "status": {"phase": "Running"}})]
    assert await run(book, one, "size", {"replicas": "5"}) == [Merge({"spec": {"replicas": 5}})]
    assert await run(book, one, "size", {"replicas": "3"}) == []


async def test_a_script_makes_new_objects(scripts: ActionScripts) -> None:
    book = ActionBook([rule("return {run = {}}", run=JOB)], scripts)
    spec = {"template": {"spec": {"volumes": [{"name": "a", "emptyDir": {}}], "args": []}}}
    (made,) = await run(book, live(spec={"job": spec}), "run")
    assert isinstance(made, Creation)
    assert made.body["kind"] == "Job"
    assert made.body["spec"] == spec


async def test_a_script_that_patches_another_object_is_refused(scripts: ActionScripts) -> None:
    book = ActionBook([rule("return {x = {}}", x="obj.metadata.name = 'other'; return obj")], scripts)
    with pytest.raises(OperationError, match="patches another object"):
        await run(book, live(spec={}), "x")


@pytest.mark.parametrize("script", ["return nothing.there", "while true do end", "return 5"])
async def test_a_script_that_fails_is_named_and_hurts_no_other(scripts: ActionScripts, script: str) -> None:
    book = ActionBook([rule(script), rule("return {x = {}}", kind="Gadget")], scripts)
    with pytest.raises(OperationError) as caught:
        await book.offered(live(spec={}))
    assert (caught.value.reason, caught.value.where) == ("Failed", "widget")
    assert caught.value.why
    assert [action.name for action in await book.offered(live("Gadget"))] == ["x"]


async def test_S1_a_script_that_fails_on_a_secret_tells_no_value(scripts: ActionScripts) -> None:
    book = ActionBook([rule("error(obj.data.password)", kind="Secret", group="")], scripts)
    with pytest.raises(OperationError) as caught:
        await book.offered(live("Secret", api_version="v1", data={"password": "c4n4ry"}))
    assert "c4n4ry" not in str(caught.value)


async def test_builtin_actions_are_replaced_or_merged_as_in_argo_cd(scripts: ActionScripts) -> None:
    deployment = live("Deployment", api_version="apps/v1", spec={"replicas": 2})
    mine = "return {restart = {displayName = 'Mine'}, warm = {}}"

    async def names(*rules: ActionRule) -> dict[str, str]:
        return {action.name: action.title for action in await ActionBook(rules, scripts).offered(deployment)}

    replaced = await names(rule(mine, kind="Deployment", group="apps"))
    assert replaced == {"restart": "Mine", "warm": ""}
    merged = await names(rule(mine, kind="Deployment", group="apps", merge=True))
    assert merged == {"restart": "Mine", "warm": "", "pause": "", "resume": "", "scale": ""}
    only_definitions = await names(rule("", kind="Deployment", group="apps", restart="return obj"))
    assert only_definitions.keys() == {"restart", "pause", "resume", "scale"}


async def test_an_action_without_a_definition_of_the_users_does_what_is_built_in(scripts: ActionScripts) -> None:
    book = ActionBook(
        [rule("return {scale = {params = {{name = 'replicas'}}}}", kind="Deployment", group="apps")], scripts
    )
    deployment = live("Deployment", api_version="apps/v1", spec={})
    assert await run(book, deployment, "scale", {"replicas": "2"}) == [Merge({"spec": {"replicas": 2}})]
    book = ActionBook([rule("return {warm = {}}")], scripts)
    with pytest.raises(OperationError) as caught:
        await run(book, live(), "warm")
    assert caught.value.reason == "NotFound"


async def test_the_rule_for_exactly_a_kind_comes_before_globs(scripts: ActionScripts) -> None:
    rules = [
        rule("return {any = {}}", kind="*", group="*.org"),
        rule("return {exact = {}}"),
        rule("return {second = {}}"),
    ]
    book = ActionBook(rules, scripts)
    assert [action.name for action in await book.offered(live())] == ["exact"]
    assert [action.name for action in await book.offered(live("Gadget"))] == ["any"]
    assert not book.knows(live("Pod", api_version="v1").key.group_kind)


async def test_without_the_engine_builtin_actions_work_and_scripts_say_why_not() -> None:
    book = ActionBook([rule()])
    assert len(await book.offered(live("Deployment", api_version="apps/v1"))) == 4
    with pytest.raises(OperationError, match="cannot be run"):
        await book.offered(live())


async def test_scripts_that_can_never_run_are_found_when_the_configuration_is_read(pool: EnginePool) -> None:
    wrong, right = rule("return {", x="obj."), rule()
    faults, _ = await Expressions(pool.ask).check([*scripts_of(wrong), *scripts_of(right)])
    assert [fault is None for fault in faults] == [False, False, True]
    assert faults[1] is not None
    assert faults[1].position.file == "widget: x"


class Provider:
    """Actions of a plugin, as a test wants them."""

    name = "widgets"
    kinds = (("example.org", "Widget"), ("apps", "Deployment"))

    def __init__(self, *, broken: bool = False, strange: bool = False) -> None:
        self.broken = broken
        self.strange = strange

    def offered(self, live: JsonObject) -> Sequence[Action]:
        if self.broken:
            raise ZeroDivisionError("c4n4ry")
        return "no list" if self.strange else [Action("polish"), Action("restart", title="Polish and restart")]  # type: ignore[return-value]  # what a plugin may do wrong

    def changes(self, live: JsonObject, action: str, given: Given, now: datetime) -> Sequence[Change]:
        return [Merge({"spec": {"polished": action}})]


async def test_a_plugin_brings_actions_before_those_that_are_built_in() -> None:
    book = ActionBook(providers=[Provider()])
    deployment = live("Deployment", api_version="apps/v1")
    assert [action.name for action in await book.offered(deployment)] == [
        "polish",
        "restart",
        "pause",
        "resume",
        "scale",
    ]
    assert await run(book, deployment, "restart") == [Merge({"spec": {"polished": "restart"}})]
    assert await run(book, deployment, "pause") == [Merge({"spec": {"paused": True}})]


@pytest.mark.parametrize("provider", [Provider(broken=True), Provider(strange=True)])
async def test_a_plugin_that_fails_is_named(provider: Provider) -> None:
    with pytest.raises(OperationError, match="widgets failed") as caught:
        await ActionBook(providers=[provider]).offered(live())
    assert "c4n4ry" not in str(caught.value)


def test_two_plugins_of_one_name_are_refused() -> None:
    class Plugin:
        @hookimpl
        def gitopsd_actions(self) -> Sequence[Provider]:
            return [Provider()]

    manager = PluginManager()
    manager.register(Plugin(), name="a")
    assert [provider.name for provider in manager.actions()] == ["widgets"]
    manager.register(Plugin(), name="b")
    with pytest.raises(PluginError, match="widgets"):
        manager.actions()


async def test_a_process_that_dies_is_the_actions_failure_and_the_next_one_runs(engine: str) -> None:
    hungry = "local t = {}; for i = 1, 100000000 do t[i] = string.rep('x', 100000) .. i end; return {}"
    async with EnginePool((engine, "rules"), memory_limit=256 << 20) as pool:
        book = ActionBook([rule(hungry), rule("return {x = {}}", kind="Gadget")], ActionScripts(pool.ask))
        with pytest.raises(OperationError) as caught:
            await book.offered(live())
        assert caught.value.reason == "Failed"
        assert [action.name for action in await book.offered(live("Gadget"))] == ["x"]


async def test_a_script_that_ends_the_process_again_and_again_is_not_run_any_more() -> None:
    asked: list[str] = []

    async def ask(method: str, params: JsonObject, *, deadline: float) -> JsonObject:
        asked.append(method)
        raise RenderError("the process ended", why="out of memory")

    book = ActionBook([rule()], ActionScripts(ask))
    for _ in range(5):
        with pytest.raises(OperationError):
            await book.offered(live())
    assert len(asked) == 3
