"""The scrape of Prometheus."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import Response

from gitopsd.web.permission import Permission
from gitopsd.web.routes.registrar import Registrar
from gitopsd.web.services import Services


def add_metrics_routes(app: FastAPI, services: Services) -> None:
    """/metrics."""
    routes = Registrar(app, "metrics")

    @routes.get("/metrics", Permission.PUBLIC, model=None)
    async def metrics(request: Request) -> Response:
        """Every metric, as text or OpenMetrics by the Accept header."""
        content_type, body = await services.metrics(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})
