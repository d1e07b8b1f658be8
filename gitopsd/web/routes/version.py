"""Which gitopsd answers."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.responses import Response

from gitopsd.web.answer import answer
from gitopsd.web.models.state import Version
from gitopsd.web.permission import Permission
from gitopsd.web.routes.registrar import Registrar
from gitopsd.web.services import Services


def add_version_routes(app: FastAPI, services: Services) -> None:
    """/api/v1/version."""
    routes = Registrar(app, "version", "/api/v1")

    @routes.get("/version", Permission.LOCAL, model=Version)
    async def version() -> Response:
        """The daemon's version."""
        return answer(Version(version=services.version))
