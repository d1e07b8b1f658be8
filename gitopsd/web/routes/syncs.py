"""Syncs of an application: planned, begun, rolled back."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import anyio
import anyio.to_thread
import orjson
from fastapi import FastAPI, Request
from starlette.responses import Response

from gitopsd.control.operations import Operations
from gitopsd.core.errors import GitopsdError, OperationError
from gitopsd.core.history import limited
from gitopsd.core.ids import AppName
from gitopsd.core.operation import Operation
from gitopsd.core.planview import PlanView
from gitopsd.core.rollback import entry_before
from gitopsd.core.syncrequest import SyncRequest
from gitopsd.web.answer import answer, encoded
from gitopsd.web.models.error import ErrorAnswer
from gitopsd.web.models.operation import OperationAnswer
from gitopsd.web.models.plan import PlanAnswer, PlanChangedAnswer
from gitopsd.web.models.syncrequest import PlanBody, RollbackBody, SyncBody
from gitopsd.web.permission import Permission, caller_of
from gitopsd.web.problem import JSON, Problem
from gitopsd.web.routes.named import Name, found, operable
from gitopsd.web.routes.registrar import Registrar
from gitopsd.web.services import Services

_ENCODERS: Final = 2
_REFUSED: Final = {400: ErrorAnswer, 404: ErrorAnswer, 409: PlanChangedAnswer}


def add_sync_routes(app: FastAPI, services: Services) -> None:
    """/api/v1/applications/{name}/plan, /sync and /rollback."""
    routes = Registrar(app, "applications", "/api/v1/applications")
    encoders = anyio.CapacityLimiter(_ENCODERS)

    async def planned(name: AppName, view: PlanView) -> bytes:
        return await anyio.to_thread.run_sync(lambda: encoded(PlanAnswer.of(name, view)), limiter=encoders)

    async def begun(name: AppName, operation: Operation) -> Response:
        services.reconciliations.begin(name, operation)
        body = await anyio.to_thread.run_sync(lambda: encoded(OperationAnswer.of(operation)), limiter=encoders)
        return answer(body, 200 if operation.phase.done else 202)

    async def refused(operations: Operations, name: AppName, asked: SyncRequest, error: OperationError) -> Response:
        """The error; with the plan of now where the one that was shown is out of date."""
        problem = Problem.of_operation(error)
        if error.reason != "PlanChanged":
            return problem.response()
        try:
            view = await operations.plan(name, replace(asked, plan=""))
        except GitopsdError:
            return problem.response()
        body = b'{"error":%b,"plan":%b}' % (orjson.dumps(problem.detail()), await planned(name, view))
        return Response(body, status_code=problem.status, media_type=JSON)

    @routes.post("/{name}/plan", Permission.LOCAL, 200, model=PlanAnswer, others={400: ErrorAnswer, 404: ErrorAnswer})
    async def plan(name: Name, body: PlanBody, request: Request) -> Response:
        """What such a sync would do now; changes nothing."""
        operations, app_name = operable(services, name)
        asked = body.request(caller_of(request))
        if body.rollback and body.id is None:
            asked = replace(asked, history=await _before(services, operations, app_name))
        view = await operations.plan(app_name, asked)
        return answer(await planned(app_name, view))

    @routes.post(
        "/{name}/sync", Permission.LOCAL, 202, model=OperationAnswer, others={200: OperationAnswer, **_REFUSED}
    )
    async def sync(name: Name, body: SyncBody, request: Request) -> Response:
        """Begin a sync: 202 while it runs or is Pending (its turn comes later), 200 if it is over, as a dry run is."""
        operations, app_name = operable(services, name)
        asked = body.request(caller_of(request))
        try:
            return await begun(app_name, await operations.sync(app_name, asked))
        except OperationError as error:
            return await refused(operations, app_name, asked, error)

    @routes.post(
        "/{name}/rollback", Permission.LOCAL, 202, model=OperationAnswer, others={200: OperationAnswer, **_REFUSED}
    )
    async def rollback(name: Name, body: RollbackBody, request: Request) -> Response:
        """Begin to bring a history entry back, and hold the application at it."""
        operations, app_name = operable(services, name)
        entry = body.id if body.id is not None else await _before(services, operations, app_name)
        asked = replace(body.request(caller_of(request)), history=entry)
        try:
            return await begun(app_name, await operations.rollback(app_name, entry, asked))
        except OperationError as error:
            return await refused(operations, app_name, asked, error)


async def _before(services: Services, operations: Operations, name: AppName) -> int:
    entry = entry_before(await operations.history(name))
    if entry is None:
        spec, _ = found(services, name)
        why = limited(spec.revision_history_limit)
        raise Problem(
            404,
            "not-found",
            "nothing else is kept that was deployed before" if why else "nothing else was deployed before",
            why=why,
            hint=f"`gitopsd app history {name}` shows what can be brought back",
        )
    return entry.id
