"""A backup of the state, taken while the daemon works."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query
from starlette.responses import Response, StreamingResponse

from gitopsd.core.errors import StoreError
from gitopsd.web.models.error import ErrorAnswer
from gitopsd.web.permission import Permission
from gitopsd.web.problem import Problem
from gitopsd.web.routes.registrar import Registrar
from gitopsd.web.services import Services


def add_backup_routes(app: FastAPI, services: Services) -> None:
    """/api/v1/backup."""
    routes = Registrar(app, "backup", "/api/v1")

    @routes.get("/backup", Permission.LOCAL, model=None, others={500: ErrorAnswer})
    async def backup(with_key: Annotated[bool, Query(alias="withKey")] = False) -> Response:
        """The state as it is now, as one archive; with the key that it is encrypted with, if that is asked for."""
        if services.backups is None:
            raise Problem.not_found("this daemon makes no backups")
        try:
            pieces = await services.backups.make(with_key=with_key)
        except StoreError as error:
            raise Problem(500, "failed", error.what, where=error.where, why=error.why, hint=error.hint) from None
        return StreamingResponse(pieces, media_type="application/gzip")
