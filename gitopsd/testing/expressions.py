"""jq path expressions without jq: a table from an expression to what it finds in an object."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import anyio.lowlevel

from gitopsd.core.fieldpath import Found
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.ports.expressions import FieldExpressions

Finds = Callable[[JsonObject], tuple[Found, ...]]


class FakeExpressions:
    """`ports.FieldExpressions`: `table` has what expressions find, any other is an error; `asked` counts bodies."""

    def __init__(self, table: Mapping[str, Finds]) -> None:
        self.table = dict(table)
        self.asked = 0

    async def paths(
        self, expressions: Sequence[str], bodies: Sequence[JsonObject]
    ) -> Sequence[Sequence[tuple[Found, ...] | str]]:
        """What each expression finds in each body."""
        await anyio.lowlevel.checkpoint()
        self.asked += len(bodies)
        return [[self._found(expression, body) for expression in expressions] for body in bodies]

    def _found(self, expression: str, body: JsonObject) -> tuple[Found, ...] | str:
        finds = self.table.get(expression)
        return "unexpected token" if finds is None else finds(body)


if TYPE_CHECKING:
    _: FieldExpressions = FakeExpressions({})
