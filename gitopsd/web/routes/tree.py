"""The resource tree of an application."""

from __future__ import annotations

from typing import Final

import anyio
import anyio.to_thread
from fastapi import FastAPI
from starlette.responses import Response

from gitopsd.core.ids import AppName
from gitopsd.web.answer import answer
from gitopsd.web.models.error import ErrorAnswer
from gitopsd.web.models.tree import ApplicationTree, encoded_tree
from gitopsd.web.permission import Permission
from gitopsd.web.problem import Problem
from gitopsd.web.routes.named import Name
from gitopsd.web.routes.registrar import Registrar
from gitopsd.web.services import Services

_ENCODERS: Final = 2


def add_tree_routes(app: FastAPI, services: Services) -> None:
    """/api/v1/applications/{name}/resource-tree."""
    routes = Registrar(app, "applications", "/api/v1/applications")
    encoders = anyio.CapacityLimiter(_ENCODERS)

    @routes.get("/{name}/resource-tree", Permission.LOCAL, model=ApplicationTree, others={404: ErrorAnswer})
    async def get_resource_tree(name: Name) -> Response:
        """What the application manages, what is below it, and who sends traffic where."""
        sight = await services.tree(AppName(name))
        if sight is None:
            raise Problem.not_found("there is no such application", hint="`gitopsd app list` shows their names")
        return answer(await anyio.to_thread.run_sync(lambda: encoded_tree(sight.view()), limiter=encoders))
