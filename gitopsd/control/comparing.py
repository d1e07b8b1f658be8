"""Compares one application with its cluster, asking as little as possible: field ownership first, then users'
expressions about what is left, then a dry-run of what is still in doubt.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import anyio.lowlevel

from gitopsd.core.compare import (
    NOTHING_COMPARED,
    NOTHING_EXPRESSED,
    Comparison,
    Expressed,
    ObjectComparison,
    Verdict,
    comparing,
    judged,
    reconsidered,
    rehearsal,
    respected,
)
from gitopsd.core.errors import SpecError
from gitopsd.core.fieldpath import Found
from gitopsd.core.ids import ObjectKey
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.live import Live, LiveObject, Prediction
from gitopsd.core.manifest import Desired, DesiredObject
from gitopsd.core.normalize import CompareRules
from gitopsd.ports.expressions import FieldExpressions

Predict = Callable[[Sequence[tuple[DesiredObject, LiveObject | None]]], Awaitable[Sequence[Prediction]]]
# Each takes well under a millisecond: others get their turn in between.
_AT_ONCE: Final = 20


@dataclass(frozen=True, slots=True)
class Comparer:
    """Compares by `rules`. `predict` asks for dry-runs (`ports.Cluster.predict`); without `expressions` rules that have
    jq expressions leave what they are about Unknown.
    """

    rules: CompareRules
    predict: Predict
    expressions: FieldExpressions | None = None

    async def compare(self, wanted: Desired, live: Live, previous: Comparison = NOTHING_COMPARED) -> Comparison:
        """The comparison, nothing in it UNDECIDED. Raises `ClusterError` if dry-runs cannot be made."""
        comparison = await _finished(comparing(wanted, live, previous, self.rules))
        doubtful = comparison.undecided
        if not doubtful:
            return comparison
        expressed, unknown = await self._expressed(doubtful)
        found = {item.key: item for item in unknown}
        for key, fields in expressed.items():
            found[key] = reconsidered(comparison.objects[key], self.rules, fields)
        rest = [found.get(item.key, item) for item in doubtful]
        rest = [item for item in rest if item.verdict is Verdict.UNDECIDED]
        found.update({item.key: item for item in await self._rehearsed(rest, expressed)})
        return comparison.with_verdicts(found.values())

    async def respected(self, desired: DesiredObject, live: LiveObject) -> DesiredObject:
        """What `RespectIgnoreDifferences=true` applies of an object that is there. Raises `SpecError` that says why its
        expressions could not be evaluated.
        """
        item = ObjectComparison(desired.key, desired, live, Verdict.UNDECIDED)
        expressed, unknown = await self._expressed([item])
        if unknown:
            raise SpecError(unknown[0].error)
        return respected(desired, live, self.rules, expressed.get(desired.key, NOTHING_EXPRESSED))

    async def _rehearsed(
        self, items: Sequence[ObjectComparison], expressed: Mapping[ObjectKey, Expressed]
    ) -> Sequence[ObjectComparison]:
        if not items:
            return ()
        asked = [(rehearsal(item, self.rules, expressed.get(item.key, NOTHING_EXPRESSED)), item.live) for item in items]
        answers = await self.predict(asked)
        found: list[ObjectComparison] = []
        for number, (item, answer) in enumerate(zip(items, answers, strict=True), 1):
            verdict = judged(item, answer, self.rules)
            if verdict.verdict is Verdict.CHANGED and item.key in expressed:
                verdict = await self._judged_by_expressions(item, answer)
            found.append(verdict)
            if number % _AT_ONCE == 0:
                await anyio.lowlevel.checkpoint()
        return found

    async def _judged_by_expressions(self, item: ObjectComparison, answer: Prediction) -> ObjectComparison:
        """The verdict once more, without the fields that the expressions name before and after."""
        current = answer.current or (item.live.document if item.live is not None else None)
        if current is None or answer.document is None:
            return judged(item, answer, self.rules)
        expressions = self.rules.object(item.key).jq
        before, after = await self._ask(item.key, expressions, [current.body(), answer.document.body()])
        if isinstance(before, str) or isinstance(after, str):
            return _unknown(item, before if isinstance(before, str) else str(after))
        return judged(item, answer, self.rules, Expressed(live=before, predicted=after))

    async def _expressed(
        self, items: Iterable[ObjectComparison]
    ) -> tuple[Mapping[ObjectKey, Expressed], Sequence[ObjectComparison]]:
        """What the expressions find in the objects that they are about, and the objects of which they say nothing."""
        groups: dict[tuple[str, ...], list[tuple[ObjectComparison, DesiredObject, LiveObject]]] = {}
        for item in items if any(rule.jq for rule in self.rules.ignore) else ():
            expressions = self.rules.object(item.key).jq
            if expressions and item.desired is not None and item.live is not None:
                groups.setdefault(expressions, []).append((item, item.desired, item.live))
        found: dict[ObjectKey, Expressed] = {}
        unknown: list[ObjectComparison] = []
        for expressions, members in groups.items():
            for start in range(0, len(members), _AT_ONCE):
                some = members[start : start + _AT_ONCE]
                key = some[0][0].key
                wanted = await self._ask(key, expressions, [desired.document.body() for _, desired, _ in some])
                there = await self._ask(key, expressions, [live.document.body() for _, _, live in some])
                for (item, _, _), before, after in zip(some, wanted, there, strict=True):
                    if isinstance(before, str) or isinstance(after, str):
                        unknown.append(_unknown(item, before if isinstance(before, str) else str(after)))
                    else:
                        found[item.key] = Expressed(desired=before, live=after)
        return found, unknown

    async def _ask(
        self, key: ObjectKey, expressions: Sequence[str], bodies: Sequence[JsonObject]
    ) -> Sequence[tuple[Found, ...] | str]:
        """For each body all fields that the expressions find, or what is wrong with one of them; `key` is one of the
        objects that they are about.
        """
        if self.expressions is None:
            return [self._wrong(key, expressions[0], "jq expressions need the engine, and there is none")] * len(bodies)
        answers: list[tuple[Found, ...] | str] = []
        for results in await self.expressions.paths(expressions, bodies):
            wrong = [
                (text, result) for text, result in zip(expressions, results, strict=True) if isinstance(result, str)
            ]
            fields = tuple(field for result in results if not isinstance(result, str) for field in result if field)
            answers.append(self._wrong(key, *wrong[0]) if wrong else fields)
        return answers

    def _wrong(self, key: ObjectKey, expression: str, why: str) -> str:
        rule = next(rule for rule in self.rules.ignore if expression in rule.jq and rule.fits(key))
        said = f"{rule.position}: ignoreDifferences: the jq expression {expression[:200]} cannot be used: {why}"
        return f"{said}. Try: correct it"


def refusing(error: SpecError) -> Predict:
    """Dry-runs where nobody may make one: each object is refused, because of `error`."""

    async def predict(objects: Sequence[tuple[DesiredObject, LiveObject | None]]) -> Sequence[Prediction]:
        await anyio.lowlevel.checkpoint()
        versions = [live.resource_version if live is not None else "" for _, live in objects]
        pairs = zip(objects, versions, strict=True)
        return [Prediction(desired.digest, version, None, str(error)) for (desired, _), version in pairs]

    return predict


def _unknown(item: ObjectComparison, why: str) -> ObjectComparison:
    return replace(item, verdict=Verdict.UNKNOWN, error=why)


async def _finished(steps: Generator[None, None, Comparison]) -> Comparison:
    number = 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            done: Comparison = end.value
            return done
        number += 1
        if number % _AT_ONCE == 0:
            await anyio.lowlevel.checkpoint()
