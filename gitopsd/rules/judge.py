"""The health of live objects by everything that judges it, in the order of docs/health.md."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import anyio.lowlevel

from gitopsd.core.customization import HealthRule
from gitopsd.core.health.assess import Tables, assess, no_tables, pending_deletion
from gitopsd.core.health.status import Health, unknown
from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.live import LiveObject
from gitopsd.plugin.health import HealthCheck
from gitopsd.ports import health as port
from gitopsd.rules.bundled import bundled_table
from gitopsd.rules.customizations import RuleBook
from gitopsd.rules.expressions import Expressions, Verdict
from gitopsd.rules.learning import learn

_REMEMBERED: Final = 50_000
_WITHOUT_A_PAUSE: Final = 100  # objects: some 5 ms
# A script that asks for the time may say something else of the same object later.
_ASKS_THE_TIME: Final = re.compile(r"\bos\b")
_NO_RULES: Final = RuleBook()

_Name = tuple[str, str, HealthRule]


class HealthJudge:
    """`ports.HealthJudge`: deletion, then users' rules, plugins' checks, users' tables, what is built in, bundled, and
    by custom; the first that has an opinion counts.

    `tables` are the user's own. Without `expressions` objects that have a rule of the user's are Unknown.
    """

    def __init__(
        self,
        *,
        rules: RuleBook = _NO_RULES,
        expressions: Expressions | None = None,
        checks: Sequence[HealthCheck] = (),
        tables: Tables = no_tables,
    ) -> None:
        self._rules = rules
        self._expressions = expressions
        self._tables = tables
        self._checks: dict[GroupKind, list[HealthCheck]] = {}
        self._verdicts: OrderedDict[_Name, Health | None] = OrderedDict()
        for check in checks:
            for group, kind in check.kinds:
                self._checks.setdefault(GroupKind(group, kind), []).append(check)

    async def assess(self, objects: Sequence[LiveObject]) -> Mapping[ObjectKey, Health | None]:
        """As the port says. Waits only where an expression is to be evaluated or a file of tables to be read."""
        await learn({live.key.group for live in objects})
        found: dict[ObjectKey, Health | None] = {}
        asked: list[tuple[LiveObject, HealthRule]] = []
        for number, live in enumerate(objects, start=1):
            rule = self._rules.find(live.key.group_kind)
            if rule is None:
                found[live.key] = self._without_rule(live)
            elif (deletion := pending_deletion(live.document.body()) if live.deleting else None) is not None:
                found[live.key] = deletion
            elif (name := _name(live, rule)) in self._verdicts:
                self._verdicts.move_to_end(name)
                found[live.key] = self._verdicts[name] or self._without_rule(live)
            else:
                asked.append((live, rule))
            if number % _WITHOUT_A_PAUSE == 0:
                await anyio.lowlevel.checkpoint()
        if asked:
            await self._ask(asked, found)
        return found

    async def _ask(self, asked: Sequence[tuple[LiveObject, HealthRule]], found: dict[ObjectKey, Health | None]) -> None:
        verdicts = await self._evaluated(asked)
        for number, ((live, rule), verdict) in enumerate(zip(asked, verdicts, strict=True), start=1):
            if verdict.lasting:
                self._remember(live, rule, verdict.health)
            found[live.key] = verdict.health or self._without_rule(live)
            if number % _WITHOUT_A_PAUSE == 0:
                await anyio.lowlevel.checkpoint()

    async def _evaluated(self, asked: Sequence[tuple[LiveObject, HealthRule]]) -> Sequence[Verdict]:
        if self._expressions is None:
            why = "the engine that evaluates users' rules is not there"
            return [Verdict(unknown(f"Health rule {rule.where}: {why}"), lasting=False) for _, rule in asked]
        return await self._expressions.health([(rule, live.document) for live, rule in asked])

    def _remember(self, live: LiveObject, rule: HealthRule, health: Health | None) -> None:
        timeless = rule.language != "lua" or not _ASKS_THE_TIME.search(rule.source)
        if live.uid and live.resource_version and timeless:
            self._verdicts[_name(live, rule)] = health
            if len(self._verdicts) > _REMEMBERED:
                self._verdicts.popitem(last=False)

    def _without_rule(self, live: LiveObject) -> Health | None:
        body = live.document.body()
        checks = self._checks.get(live.key.group_kind)
        table = self._tables(live.key.group, live.key.kind)
        if checks is None and table is None:
            return assess(body, tables=bundled_table)
        if live.deleting and (deletion := pending_deletion(body)) is not None:
            return deletion
        for check in checks or ():
            if (health := _checked(check, body)) is not None:
                return health
        return assess(body, tables=bundled_table) if table is None else table.judge(body)


def _name(live: LiveObject, rule: HealthRule) -> _Name:
    return live.uid, live.resource_version, rule


def _checked(check: HealthCheck, body: JsonObject) -> Health | None:
    try:
        found: object = check.judge(body)
    except Exception as error:  # noqa: BLE001 (the plugin's own code runs: whatever it raises is its failure)
        return unknown(f"Health check {check.name} failed: {type(error).__name__}")
    if found is None or isinstance(found, Health):
        return found
    return unknown(f"Health check {check.name} answered with a {type(found).__name__}")


if TYPE_CHECKING:
    _guard: port.HealthJudge = HealthJudge()
