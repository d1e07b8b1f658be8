"""What can be done to an application's live objects, and doing it."""

from __future__ import annotations

from typing import Annotated, Final

import anyio
import anyio.to_thread
from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gitopsd.control.actions import Actions, Offers
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.syncrequest import ObjectFilter
from gitopsd.web.answer import answer, encoded
from gitopsd.web.models.action import ActionDone, ResourceActions, RunBody
from gitopsd.web.models.error import ErrorAnswer
from gitopsd.web.permission import Permission, caller_of
from gitopsd.web.problem import Problem
from gitopsd.web.routes.named import Name, found
from gitopsd.web.routes.registrar import Registrar
from gitopsd.web.services import Services

_ENCODERS: Final = 2
_ANY: Final = "*"


class ObjectsQuery(BaseModel):
    """Which objects: with `kind` and `resourceName` exactly one, else all that fit. `group=` is the core group.

    `version` is taken as Argo CD's clients send it; an object is the same at each version.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: str | None = Field(None, max_length=1024)
    kind: str | None = Field(None, max_length=1024)
    namespace: str | None = Field(None, max_length=1024)
    resource_name: str | None = Field(None, alias="resourceName", max_length=1024)
    version: str = Field("", max_length=1024)

    def key(self) -> ObjectKey | None:
        """The one object; None where several may fit."""
        if self.kind is None or self.resource_name is None:
            return None
        return ObjectKey(self.group or "", self.kind, self.namespace or "", self.resource_name)

    def filter(self) -> ObjectFilter:
        """All that may fit."""
        parts = (self.group, self.kind, self.namespace, self.resource_name)
        group, kind, namespace, name = (_ANY if part is None else part for part in parts)
        return ObjectFilter(group, kind, namespace, name)


class ObjectQuery(BaseModel):
    """The object to act on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: str = Field("", max_length=1024)
    kind: str = Field(max_length=1024)
    namespace: str = Field("", max_length=1024)
    resource_name: str = Field(alias="resourceName", max_length=1024)
    version: str = Field("", max_length=1024)


def add_action_routes(app: FastAPI, services: Services) -> None:
    """/api/v1/applications/{name}/resource/actions."""
    routes = Registrar(app, "applications", "/api/v1/applications")
    encoders = anyio.CapacityLimiter(_ENCODERS)

    @routes.get(
        "/{name}/resource/actions",
        Permission.LOCAL,
        model=ResourceActions,
        others={403: ErrorAnswer, 404: ErrorAnswer},
    )
    async def list_actions(name: Name, query: Annotated[ObjectsQuery, Query()]) -> Response:
        """What can be done to an object, or to each of several; what cannot be done now says why."""
        actions, app_name = _actable(services, name)
        key = query.key()
        if key is not None:
            offers = Offers((await actions.offered(app_name, key),))
        else:
            offers = await actions.offers(app_name, query.filter())

        def write() -> bytes:
            return encoded(ResourceActions.of(app_name, offers))

        return answer(await anyio.to_thread.run_sync(write, limiter=encoders))

    @routes.post(
        "/{name}/resource/actions",
        Permission.LOCAL,
        200,
        model=ActionDone,
        others={400: ErrorAnswer, 403: ErrorAnswer, 404: ErrorAnswer, 409: ErrorAnswer},
    )
    async def run_action(
        name: Name, query: Annotated[ObjectQuery, Query()], body: RunBody, request: Request
    ) -> Response:
        """Run an action on one object, and say what it did and what git will set back."""
        actions, app_name = _actable(services, name)
        key = ObjectKey(query.group, query.kind, query.namespace, query.resource_name)
        done = await actions.run(app_name, key, body.action, body.parameters, by=caller_of(request))
        return answer(encoded(ActionDone.of(done)))


def _actable(services: Services, name: str) -> tuple[Actions, AppName]:
    spec, _ = found(services, name)
    if services.actions is None:
        raise Problem(501, "not-implemented", "this daemon runs no resource actions")
    return services.actions, spec.name
