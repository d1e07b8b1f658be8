"""Repositories: which there are, and whether they can be reached."""

from __future__ import annotations

from typing import Final

import anyio
import anyio.to_thread
from fastapi import FastAPI
from starlette.responses import Response

from gitopsd.web.answer import answer, encoded
from gitopsd.web.models.repository import Repositories, Repository
from gitopsd.web.permission import Permission
from gitopsd.web.routes.registrar import Registrar
from gitopsd.web.services import Services

_ENCODERS: Final = 2


def add_repository_routes(app: FastAPI, services: Services) -> None:
    """/api/v1/repositories."""
    routes = Registrar(app, "repositories", "/api/v1/repositories")
    encoders = anyio.CapacityLimiter(_ENCODERS)

    @routes.get("", Permission.LOCAL, model=Repositories)
    async def list_repositories() -> Response:
        """Every repository that is configured or in use, with the state of its connection."""

        def write() -> bytes:
            return encoded(Repositories(items=tuple(Repository.of(status) for status in services.repositories())))

        return answer(await anyio.to_thread.run_sync(write, limiter=encoders))
