"""Orphaned resources of an application."""

from __future__ import annotations

from functools import partial
from typing import Final

import anyio
import anyio.to_thread
from fastapi import FastAPI
from starlette.responses import Response

from gitopsd.core.ids import AppName
from gitopsd.core.orphans import Orphaned
from gitopsd.web.answer import answer, encoded
from gitopsd.web.models.error import ErrorAnswer
from gitopsd.web.models.orphan import OrphanedResources
from gitopsd.web.permission import Permission
from gitopsd.web.problem import Problem
from gitopsd.web.routes.named import Name
from gitopsd.web.routes.registrar import Registrar
from gitopsd.web.services import Services

_ENCODERS: Final = 2


def add_orphan_routes(app: FastAPI, services: Services) -> None:
    """/api/v1/applications/{name}/orphaned-resources."""
    routes = Registrar(app, "applications", "/api/v1/applications")
    encoders = anyio.CapacityLimiter(_ENCODERS)

    @routes.get("/{name}/orphaned-resources", Permission.LOCAL, model=OrphanedResources, others={404: ErrorAnswer})
    async def get_orphaned_resources(name: Name) -> Response:
        """What belongs to nobody where the application deploys to, as its last pass found it."""
        found = services.orphaned(AppName(name))
        if found is None:
            raise Problem.not_found("there is no such application", hint="`gitopsd app list` shows their names")
        write = partial(_written, found)
        return answer(await anyio.to_thread.run_sync(write, limiter=encoders))


def _written(found: Orphaned) -> bytes:
    return encoded(OrphanedResources.of(found))
