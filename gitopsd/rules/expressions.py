"""Users' expressions, evaluated by a process of its own (engine/PROTOCOL.md, the role `rules`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar, cast

import anyio
import orjson

from gitopsd.core.customization import HealthRule
from gitopsd.core.document import Document
from gitopsd.core.errors import GitopsdError
from gitopsd.core.fieldpath import Found
from gitopsd.core.health.status import Health, HealthStatus, unknown
from gitopsd.core.ids import Position
from gitopsd.core.jsonvalue import JsonObject, JsonValue, boolean, integer, objects, sequence, text
from gitopsd.ports.expressions import FieldExpressions
from gitopsd.rules.batches import Guilt, batches, halved

REQUEST_BYTES: Final = 4 << 20
"""Of the objects of one request: what the loop packs at once takes some 10 ms then."""
_REQUEST_OBJECTS: Final = 2000
_DEADLINE: Final = 20.0
_PATIENCE: Final = 60.0
_TRIES: Final = 40
_NO_TIME: Final = "there was no time for it, because others failed"

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")


class Ask(Protocol):
    """Asks the process: `render.pool.EnginePool.ask`."""

    async def __call__(self, method: str, params: JsonObject, *, deadline: float) -> JsonObject:
        """The result of `method` within `deadline` seconds. Raises `GitopsdError`; `retryable`: another try may do."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of an object (None: nothing). Not `lasting`: time or memory ran out, so ask again."""

    health: Health | None
    lasting: bool = True


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a rule or an expression cannot be used; `position` counts in its own source."""

    message: str
    position: Position


@dataclass(frozen=True, slots=True)
class _Asked:
    """One object and its rule."""

    rule: HealthRule
    document: Document


@dataclass(frozen=True, slots=True)
class _Way(Generic[_Item, _Answer]):
    """How items are asked for: `size` in bytes, the `name` of the expression that is to blame, `ask` for several at
    once, and what to answer `otherwise` (item, why, whether it would be the same again).
    """

    size: Callable[[_Item], int]
    name: Callable[[_Item], str]
    ask: Callable[[Sequence[_Item]], Awaitable[Sequence[_Answer]]]
    otherwise: Callable[[_Item, str, bool], _Answer]


class Expressions:
    """Judges health by users' rules, and finds the fields that jq expressions name (`ports.FieldExpressions`).

    Nothing but `check` raises. A request whose process dies or hangs is asked again in parts, until the guilty part is
    found; a rule or expression that was guilty thrice is not evaluated again.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._guilt = Guilt()

    async def health(self, asked: Sequence[tuple[HealthRule, Document]]) -> list[Verdict]:
        """What each rule says of its object. A rule that fails gives Unknown, as in Argo CD, and says why."""
        items = [_Asked(rule, document) for rule, document in asked]
        # By rule: a request that fails is then soon cut to the rule whose fault it is.
        order = sorted(range(len(items)), key=lambda number: (items[number].rule.where, items[number].rule.source))
        way = _Way(
            size=lambda item: len(item.document.raw),
            name=lambda item: f"{item.rule.language} {item.rule.source}",
            ask=self._judged,
            otherwise=lambda item, why, lasting: Verdict(_failed(item.rule, why), lasting),
        )
        answers = await self._in_batches([items[number] for number in order], way)
        found = dict(zip(order, answers, strict=True))
        return [found[number] for number in range(len(items))]

    async def paths(
        self, expressions: Sequence[str], bodies: Sequence[JsonObject]
    ) -> Sequence[Sequence[tuple[Found, ...] | str]]:
        """See `ports.FieldExpressions.paths`."""
        texts = [orjson.dumps(body) for body in bodies]
        columns = [await self._in_batches(texts, self._way_of(expression)) for expression in expressions]
        return [[column[number] for column in columns] for number in range(len(bodies))]

    async def check(
        self, rules: Sequence[HealthRule] = (), expressions: Sequence[str] = ()
    ) -> tuple[list[Fault | None], list[Fault | None]]:
        """Of each rule and each expression what keeps it from being evaluated at all, or None; nothing is run.

        Raises `GitopsdError` if they cannot be looked at.
        """
        params: JsonObject = {"rules": [_rule(rule) for rule in rules], "expressions": list(expressions)}
        result = await self._ask("check", params, deadline=_DEADLINE)
        wrong = [_fault(item, rule.where) for rule, item in zip(rules, objects(result, "rules"), strict=True)]
        return wrong, [_fault(item, "") for item in objects(result, "expressions")]

    def _way_of(self, expression: str) -> _Way[bytes, tuple[Found, ...] | str]:
        async def ask(part: Sequence[bytes]) -> Sequence[tuple[Found, ...] | str]:
            return await self._found(expression, part)

        return _Way(size=len, name=lambda _body: f"jq {expression}", ask=ask, otherwise=lambda _body, why, _again: why)

    async def _judged(self, items: Sequence[_Asked]) -> Sequence[Verdict]:
        numbers: dict[HealthRule, int] = {}
        for item in items:
            numbers.setdefault(item.rule, len(numbers))
        params: Mapping[str, object] = {
            "rules": [_rule(rule) for rule in numbers],
            "objects": [{"rule": numbers[item.rule], "object": orjson.Fragment(item.document.raw)} for item in items],
        }
        result = await self._ask("health", _json(params), deadline=_DEADLINE)
        return [_verdict(item.rule, found) for item, found in zip(items, objects(result, "healths"), strict=True)]

    async def _found(self, expression: str, texts: Sequence[bytes]) -> Sequence[tuple[Found, ...] | str]:
        params: Mapping[str, object] = {
            "expressions": [expression],
            "objects": [orjson.Fragment(each) for each in texts],
        }
        result = await self._ask("jq_paths", _json(params), deadline=_DEADLINE)
        return [_places(found) for found in sequence(result, "objects")]

    async def _in_batches(self, items: Sequence[_Item], way: _Way[_Item, _Answer]) -> list[_Answer]:
        """The answers for all `items`, asked in requests that are small enough."""
        found: dict[int, _Answer] = {}
        sound: list[int] = []
        for number, item in enumerate(items):
            if why := self._guilt.verdict(way.name(item)):
                found[number] = way.otherwise(item, why, True)
            else:
                sound.append(number)
        tries, until = _TRIES, anyio.current_time() + _PATIENCE
        waiting = batches(sound, lambda number: way.size(items[number]), REQUEST_BYTES, _REQUEST_OBJECTS)
        waiting.reverse()
        while waiting:
            part = waiting.pop()
            tries -= 1
            if tries < 0 or anyio.current_time() > until:
                found.update({number: way.otherwise(items[number], _NO_TIME, False) for number in part})
                continue
            try:
                answers = await way.ask([items[number] for number in part])
                found.update(zip(part, answers, strict=True))
            except (GitopsdError, ValueError) as error:
                if len(part) > 1:
                    waiting += reversed(halved(part, lambda number: way.name(items[number])))
                else:
                    found[part[0]] = self._blamed(items[part[0]], way, error)
        return [found[number] for number in range(len(items))]

    def _blamed(self, item: _Item, way: _Way[_Item, _Answer], error: GitopsdError | ValueError) -> _Answer:
        """What is answered for an item whose request failed though it was alone in it."""
        why, again = _reason(error)
        if again:
            self._guilt.add(way.name(item), why)
        return way.otherwise(item, why, again)


def _rule(rule: HealthRule) -> JsonObject:
    return {"language": rule.language, "source": rule.source, "open_libs": rule.open_libs}


def _json(params: Mapping[str, object]) -> JsonObject:
    """`params` with objects that are JSON text already; orjson copies those."""
    return cast(JsonObject, params)


def _reason(error: GitopsdError | ValueError) -> tuple[str, bool]:
    """Why a request failed, and whether it would again."""
    if isinstance(error, GitopsdError):
        why = f"{error.what}: {error.why}" if error.why else error.what
        return f"it could not be evaluated: {why}", not error.retryable
    return "it could not be evaluated: the answer does not fit the request", False


def _failed(rule: HealthRule, why: str) -> Health:
    return unknown(f"Health rule {rule.where}: {why}" if rule.where else f"Health rule: {why}")


def _verdict(rule: HealthRule, found: JsonObject) -> Verdict:
    if why := text(found, "error"):
        return Verdict(_failed(rule, why), lasting=not boolean(found, "passing"))
    status = text(found, "status")
    return Verdict(Health(HealthStatus(status), text(found, "message")) if status else None)


def _places(found: JsonValue) -> tuple[Found, ...] | str:
    (one,) = found if isinstance(found, list) else ({},)
    if why := text(one, "error"):
        return why
    return tuple(tuple(path) for path in sequence(one, "paths") if isinstance(path, list))


def _fault(found: JsonObject, where: str) -> Fault | None:
    message, case = text(found, "error"), integer(found, "case")
    if not message:
        return None
    return Fault(
        f"case {case}: {message}" if case else message,
        Position(where, integer(found, "line"), integer(found, "column")),
    )


if TYPE_CHECKING:

    def _guard(expressions: Expressions) -> FieldExpressions:
        return expressions
