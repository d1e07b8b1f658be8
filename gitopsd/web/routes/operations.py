"""What an application is doing: look at it, confirm, terminate, unpin, delete."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final, Literal

import anyio
import anyio.to_thread
from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gitopsd.core.ids import AppName
from gitopsd.core.operation import Operation, Phase
from gitopsd.web.answer import answer
from gitopsd.web.models.application import OperationState
from gitopsd.web.models.error import ErrorAnswer
from gitopsd.web.models.history import DeletionAnswer
from gitopsd.web.models.syncrequest import Nothing
from gitopsd.web.permission import Permission, caller_of
from gitopsd.web.routes.named import Name, found, operable
from gitopsd.web.routes.registrar import Registrar
from gitopsd.web.services import Services

_LONGEST_WAIT: Final = 300.0
_MOST_WAITING: Final = 64
_CROWDED_WAIT: Final = 1.0
_ENCODERS: Final = 2
_REFUSED: Final = {404: ErrorAnswer, 409: ErrorAnswer}


class StateQuery(BaseModel):
    """What the caller has seen, and how long it waits for something else."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seen: str = Field("", max_length=64, description="the `version` that is known already")
    id: str = Field("", max_length=64, description="an operation that was asked for, to be told in `asked_operation`")
    wait: float = Field(
        0.0, ge=0.0, le=_LONGEST_WAIT, allow_inf_nan=False, description="seconds to wait while it is the `seen` one"
    )


class DeleteQuery(BaseModel):
    """How to delete."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cascade: Literal["foreground", "background", "orphan"] = Field(
        "foreground", description="how objects are deleted; orphan leaves them as they are"
    )


def add_operation_routes(app: FastAPI, services: Services) -> None:
    """/api/v1/applications/{name}/operation and /pin, and the deletion of an application."""
    routes = Registrar(app, "applications", "/api/v1/applications")
    encoders = anyio.CapacityLimiter(_ENCODERS)

    async def present(name: str, operation: str = "") -> OperationState:
        spec, status = found(services, name)
        ended = services.reconciliations.ended(spec.name)
        status = replace(status, operation=services.reconciliations.under_way(spec.name, status.operation))
        if status.operation is not None and status.operation.phase is Phase.PENDING:
            services.reconciliations.queued(spec.name)
        named = _asked(services, spec.name, operation, status.operation)
        return await anyio.to_thread.run_sync(lambda: OperationState.of(spec, status, ended, named), limiter=encoders)

    @routes.get("/{name}/operation", Permission.LOCAL, model=OperationState, others={404: ErrorAnswer})
    async def get_operation(name: Name, query: Annotated[StateQuery, Query()]) -> Response:
        """What the application is doing; with `seen`, only once that is something else or `wait` is over."""
        state = await present(name, query.id)
        if not query.wait or state.version != query.seen:
            return answer(state)
        # Whoever waits holds one of the places that all requests share: beyond some, nobody holds it for long.
        longest = query.wait if services.reconciliations.lookers < _MOST_WAITING else min(query.wait, _CROWDED_WAIT)
        with anyio.move_on_after(longest):
            while state.version == query.seen:
                with services.reconciliations.changed(found(services, name)[0].name) as happened:
                    state = await present(name, query.id)
                    if state.version == query.seen:
                        await happened.wait()
                        state = await present(name, query.id)
        return answer(state)

    @routes.delete("/{name}/operation", Permission.LOCAL, 202, model=OperationState, others=_REFUSED)
    async def terminate(name: Name) -> Response:
        """End the operation under way, and the hooks that it runs; or take back a sync that waits for its turn, which
        is the `asked_operation` then.
        """
        operations, app_name = operable(services, name)
        taken_back = await operations.terminate(app_name)
        if taken_back is None:
            return answer(await present(name), 202)
        services.reconciliations.taken_back(app_name)
        return answer(await present(name, taken_back.id), 202)

    @routes.post("/{name}/operation/confirm", Permission.LOCAL, 202, model=OperationState, others=_REFUSED)
    async def confirm(name: Name, _body: Nothing) -> Response:
        """Let the operation under way delete what waits for that (`Prune=confirm`, `Delete=confirm`)."""
        operations, app_name = operable(services, name)
        await operations.confirm(app_name)
        return answer(await present(name), 202)

    @routes.delete("/{name}/pin", Permission.LOCAL, 200, model=OperationState, others=_REFUSED)
    async def unpin(name: Name) -> Response:
        """Follow git again."""
        operations, app_name = operable(services, name)
        await operations.unpin(app_name)
        return answer(await present(name))

    @routes.delete("/{name}", Permission.LOCAL, 202, model=DeletionAnswer, others=_REFUSED)
    async def delete(name: Name, query: Annotated[DeleteQuery, Query()], request: Request) -> Response:
        """Delete its objects, or leave them, and let it rest; it is gone once its entry leaves the configuration."""
        operations, app_name = operable(services, name)
        deletion = await operations.delete(app_name, cascade=query.cascade, by=caller_of(request))
        return answer(DeletionAnswer.of(deletion), 200 if deletion.done else 202)


def _asked(services: Services, name: AppName, operation: str, present: Operation | None) -> Operation | None:
    """The operation of this id, as it stands or ended."""
    if not operation:
        return None
    if present is not None and present.id == operation:
        return present
    ended = services.reconciliations.asked(name, operation)
    return ended or (services.operations.outcome(name, operation) if services.operations is not None else None)
