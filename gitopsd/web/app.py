"""The ASGI app behind each door."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from gitopsd.core.errors import GitopsdError
from gitopsd.web import problem
from gitopsd.web.body import MOST_BYTES, BodyLimit
from gitopsd.web.bugs import BugGuard
from gitopsd.web.crowd import Crowd
from gitopsd.web.head import HeadAsGet
from gitopsd.web.headers import SecurityHeaders
from gitopsd.web.models.error import ErrorAnswer
from gitopsd.web.permission import Door, Permission, permissions, set_door
from gitopsd.web.routes.actions import add_action_routes
from gitopsd.web.routes.applications import add_application_routes
from gitopsd.web.routes.backup import add_backup_routes
from gitopsd.web.routes.clusters import add_cluster_routes
from gitopsd.web.routes.debug import add_debug_routes
from gitopsd.web.routes.differences import add_difference_routes
from gitopsd.web.routes.health import add_health_routes
from gitopsd.web.routes.history import add_history_routes
from gitopsd.web.routes.metrics import add_metrics_routes
from gitopsd.web.routes.operations import add_operation_routes
from gitopsd.web.routes.orphans import add_orphan_routes
from gitopsd.web.routes.repositories import add_repository_routes
from gitopsd.web.routes.syncs import add_sync_routes
from gitopsd.web.routes.tree import add_tree_routes
from gitopsd.web.routes.version import add_version_routes
from gitopsd.web.services import Services
from gitopsd.web.target import OriginForm

_AT_ONCE: Final = 128


def create_app(services: Services, door: Door) -> FastAPI:
    """The app for one door: probes and metrics on both, `/api/v1` on the unix socket alone.

    `.openapi()` describes it; no route serves that. Raises RuntimeError if a route is declared without its permission,
    or stands behind a door that its permission does not allow.
    """
    app = FastAPI(
        title="gitopsd",
        version=services.version,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        responses={422: {"model": ErrorAnswer}},
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(OriginForm),
            Middleware(HeadAsGet),
            Middleware(Crowd, most=_AT_ONCE),
            Middleware(BodyLimit, most_bytes=MOST_BYTES if door is Door.LOCAL else 0),
            Middleware(BugGuard, on_bug=services.on_bug),
        ],
        exception_handlers={
            problem.Problem: problem.on_problem,
            HTTPException: problem.on_http_exception,
            RequestValidationError: problem.on_invalid_request,
            GitopsdError: problem.on_gitopsd_error,
        },
    )
    set_door(app, door)
    add_health_routes(app, services)
    add_metrics_routes(app, services)
    if door is Door.LOCAL:
        add_application_routes(app, services)
        add_action_routes(app, services)
        add_sync_routes(app, services)
        add_operation_routes(app, services)
        add_history_routes(app, services)
        add_orphan_routes(app, services)
        add_difference_routes(app, services)
        add_cluster_routes(app, services)
        add_backup_routes(app, services)
        add_debug_routes(app, services)
        add_repository_routes(app, services)
        add_tree_routes(app, services)
        add_version_routes(app, services)
    for (method, path), permission in permissions(app).items():
        if door is Door.PUBLIC and permission is not Permission.PUBLIC:
            raise RuntimeError(f"{method} {path} may not stand behind the public door")
    return app
