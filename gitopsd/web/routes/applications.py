"""Applications: list, look at one, refresh one."""

from __future__ import annotations

from typing import Annotated, Final

import anyio
import anyio.to_thread
from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gitopsd.core.appstatus import SyncCode
from gitopsd.core.health.status import HealthStatus
from gitopsd.web.answer import answer, encoded
from gitopsd.web.models.application import Application, Page, Refreshed, Summary
from gitopsd.web.models.error import ErrorAnswer
from gitopsd.web.paging import Filter, select
from gitopsd.web.permission import Permission
from gitopsd.web.routes.named import Name, found
from gitopsd.web.routes.registrar import Registrar
from gitopsd.web.services import Services

_LONGEST_WAIT: Final = 300.0
_ENCODERS: Final = 2


class ListQuery(BaseModel):
    """What to list. Repeat `sync` and `health` for several codes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(100, ge=1, le=1000, description="how many at the most")
    continue_: str = Field("", alias="continue", max_length=4096, description="the token of the page before")
    project: str = Field("", max_length=1024, description="of this project only")
    sync: list[SyncCode] = Field([], max_length=16)
    health: list[HealthStatus] = Field([], max_length=16)
    search: str = Field("", max_length=1024, description="part of the name, a repository or the namespace")


class RefreshQuery(BaseModel):
    """How to refresh."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hard: bool = Field(default=False, description="render without the cache")
    wait: float = Field(
        0.0,
        ge=0.0,
        le=_LONGEST_WAIT,
        allow_inf_nan=False,
        description="seconds to wait for a reconciliation that begins after this request",
    )


def add_application_routes(app: FastAPI, services: Services) -> None:
    """/api/v1/applications."""
    routes = Registrar(app, "applications", "/api/v1/applications")
    encoders = anyio.CapacityLimiter(_ENCODERS)

    @routes.get("", Permission.LOCAL, model=Page)
    async def list_applications(query: Annotated[ListQuery, Query()]) -> Response:
        """Summaries, sorted by name, a page at a time."""
        wanted = Filter(query.project, frozenset(query.sync), frozenset(query.health), query.search)
        applications = services.applications()

        def write() -> bytes:
            page = select(applications, wanted, query.limit, query.continue_)
            items = tuple(Summary.of(*applications[name]) for name in page.names)
            return encoded(Page(items=items, continue_=page.continue_, total=page.total))

        return answer(await anyio.to_thread.run_sync(write, limiter=encoders))

    @routes.get("/{name}", Permission.LOCAL, model=Application, others={404: ErrorAnswer})
    async def get_application(name: Name) -> Response:
        """One application: spec, status, its objects and what is below them."""
        spec, status = found(services, name)
        children = tuple(services.children(spec.name))
        verdicts = await services.judge.assess(children)

        def write() -> bytes:
            return encoded(Application.of(spec, status, children, verdicts))

        return answer(await anyio.to_thread.run_sync(write, limiter=encoders))

    @routes.post("/{name}/refresh", Permission.LOCAL, 202, model=Refreshed, others={200: Refreshed, 404: ErrorAnswer})
    async def refresh_application(name: Name, query: Annotated[RefreshQuery, Query()]) -> Response:
        """Look the repositories up and reconcile now: 202 at once, or 200 once it is done within `wait` seconds."""
        spec, _ = found(services, name)
        with services.reconciliations.awaited(spec.name) as waiter:
            services.refresh(spec.name, hard=query.hard)
            finished = await waiter.wait(query.wait) if query.wait else False
        spec, status = found(services, name)
        return answer(Refreshed(finished=finished, application=Summary.of(spec, status)), 200 if finished else 202)
