"""Users' jq expressions that name fields, as the control room asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gitopsd.core.fieldpath import Found
from gitopsd.core.jsonvalue import JsonObject


class FieldExpressions(Protocol):
    """Evaluates jq path expressions outside of this process."""

    async def paths(
        self, expressions: Sequence[str], bodies: Sequence[JsonObject]
    ) -> Sequence[Sequence[tuple[Found, ...] | str]]:
        """For each of `bodies`, for each of `expressions` in order: the fields that it names there, or why it could not
        be evaluated. Never raises: an evaluator that died or hangs is such a reason.
        """
        ...
