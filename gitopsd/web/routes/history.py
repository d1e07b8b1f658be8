"""What was deployed before."""

from __future__ import annotations

from typing import Annotated, Final

import anyio
import anyio.to_thread
from fastapi import FastAPI, Path
from starlette.responses import Response

from gitopsd.web.answer import answer, encoded
from gitopsd.web.models.error import ErrorAnswer
from gitopsd.web.models.history import History, HistoryManifests
from gitopsd.web.permission import Permission
from gitopsd.web.routes.named import Name, found, operable
from gitopsd.web.routes.registrar import Registrar
from gitopsd.web.services import Services

_ENCODERS: Final = 2
_LARGEST: Final = 2**53
Entry = Annotated[int, Path(alias="id", ge=0, le=_LARGEST, description="the history entry's id")]


def add_history_routes(app: FastAPI, services: Services) -> None:
    """/api/v1/applications/{name}/history."""
    routes = Registrar(app, "applications", "/api/v1/applications")
    encoders = anyio.CapacityLimiter(_ENCODERS)

    @routes.get("/{name}/history", Permission.LOCAL, model=History, others={404: ErrorAnswer})
    async def get_history(name: Name) -> Response:
        """The successful syncs that are remembered, oldest first, and what the application is held at."""
        operations, app_name = operable(services, name)
        return answer(History.of(await operations.history(app_name), found(services, name)[0].revision_history_limit))

    @routes.get("/{name}/history/{id}/manifests", Permission.LOCAL, model=HistoryManifests, others={404: ErrorAnswer})
    async def get_manifests(name: Name, entry: Entry) -> Response:
        """What one of them deployed, Secrets masked."""
        operations, app_name = operable(services, name)
        desired = await operations.manifests(app_name, entry)
        hidden = services.masked_annotations()

        def write() -> bytes:
            return encoded(HistoryManifests.of(entry, desired, hidden))

        return answer(await anyio.to_thread.run_sync(write, limiter=encoders))
