"""What differs between git and the cluster in one application."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Final

import anyio
import anyio.to_thread
from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gitopsd.core.compare import Comparison
from gitopsd.core.difference import ObjectDifferences, differing, object_differences
from gitopsd.core.ids import ObjectKey
from gitopsd.web.answer import answer, encoded
from gitopsd.web.models.difference import Differences, ObjectDifference
from gitopsd.web.models.error import ErrorAnswer
from gitopsd.web.permission import Permission
from gitopsd.web.routes.named import Name, found
from gitopsd.web.routes.registrar import Registrar
from gitopsd.web.services import Services

_ENCODERS: Final = 2
_MOST_FIELDS: Final = 5_000


class DifferencesQuery(BaseModel):
    """Which objects; all of the application without any of these. `group=` is the core group."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: str | None = Field(None, max_length=1024)
    kind: str | None = Field(None, max_length=1024)
    namespace: str | None = Field(None, max_length=1024)
    name: str | None = Field(None, max_length=1024)

    def asks_for(self, key: ObjectKey) -> bool:
        """Whether the object is among them."""
        wanted = (self.group, self.kind, self.namespace, self.name)
        return all(part is None or part == found for part, found in zip(wanted, key, strict=True))


def add_difference_routes(app: FastAPI, services: Services) -> None:
    """/api/v1/applications/{name}/differences."""
    routes = Registrar(app, "applications", "/api/v1/applications")
    encoders = anyio.CapacityLimiter(_ENCODERS)

    @routes.get("/{name}/differences", Permission.LOCAL, model=Differences, others={404: ErrorAnswer})
    async def get_differences(name: Name, query: Annotated[DifferencesQuery, Query()]) -> Response:
        """Every object that is not in sync, field by field, with who set what is live."""
        spec, status = found(services, name)
        comparison = services.comparison(spec.name)
        masked = services.masked_annotations()

        def write() -> bytes:
            items = tuple(ObjectDifference.of(each) for each in _told(comparison, query, masked))
            return encoded(Differences(application=spec.name, sync=status.sync, items=items))

        return answer(await anyio.to_thread.run_sync(write, limiter=encoders))


def _told(comparison: Comparison, query: DifferencesQuery, masked: frozenset[str]) -> Iterator[ObjectDifferences]:
    """Each object that is asked for; once there are enough fields, the rest are named without theirs."""
    left = _MOST_FIELDS
    for item in differing(comparison):
        if query.asks_for(item.key):
            told = object_differences(item, comparison.rules, masked) if left else ObjectDifferences(item)
            if not left:
                told = replace(told, truncated=True)
            left = max(0, left - len(told.fields))
            yield told
