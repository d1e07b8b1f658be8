"""Probes: is it alive, does it work."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import Response

from gitopsd.web.answer import answer
from gitopsd.web.models.state import Alive, Readiness
from gitopsd.web.permission import Door, Permission, door_of
from gitopsd.web.routes.registrar import Registrar
from gitopsd.web.services import Services


def add_health_routes(app: FastAPI, services: Services) -> None:
    """/healthz and /readyz."""
    routes = Registrar(app, "health")

    @routes.get("/healthz", Permission.PUBLIC, model=Alive, others={503: Alive})
    async def healthz(request: Request) -> Response:
        """200 if the daemon is alive, by the check that feeds systemd's watchdog; 503 where it has to be started anew.

        Only the unix socket is told why (R8).
        """
        why = services.not_alive()
        if not why:
            return answer(Alive())
        return answer(Alive(status="failed", reason=why if door_of(request.app) is Door.LOCAL else ""), 503)

    @routes.get("/readyz", Permission.PUBLIC, model=Readiness, others={503: Readiness})
    async def readyz(request: Request) -> Response:
        """200 if every application was looked at once, 503 until then. Only the unix socket is told why (R8)."""
        ready, reason = services.ready()
        shown = reason if door_of(request.app) is Door.LOCAL else ""
        return answer(Readiness(ready=ready, reason=shown), 200 if ready else 503)
