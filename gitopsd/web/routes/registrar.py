"""The only way to declare a route: with its permission (advisory R9)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from fastapi import Depends, FastAPI
from starlette.responses import Response

from gitopsd.web.models.model import Model
from gitopsd.web.permission import Permission, Requirement

_Handler = TypeVar("_Handler", bound=Callable[..., Awaitable[Response]])


class Registrar:
    """Declares routes of one noun (`tag`) below `prefix`."""

    def __init__(self, app: FastAPI, tag: str, prefix: str = "") -> None:
        self._app = app
        self._tag = tag
        self._prefix = prefix

    def get(
        self,
        path: str,
        permission: Permission,
        *,
        model: type[Model] | None,
        others: Mapping[int, type[Model]] | None = None,
    ) -> Callable[[_Handler], _Handler]:
        """A route that changes nothing. `model` describes its answer (None: no JSON), `others` those of other codes."""
        return self._declare("GET", path, permission, status=200, model=model, others=others or {})

    def post(
        self, path: str, permission: Permission, status: int, *, model: type[Model], others: Mapping[int, type[Model]]
    ) -> Callable[[_Handler], _Handler]:
        """A route that changes something, and usually answers with `status`."""
        return self._declare("POST", path, permission, status=status, model=model, others=others)

    def delete(
        self, path: str, permission: Permission, status: int, *, model: type[Model], others: Mapping[int, type[Model]]
    ) -> Callable[[_Handler], _Handler]:
        """A route that takes something away, and usually answers with `status`."""
        return self._declare("DELETE", path, permission, status=status, model=model, others=others)

    def _declare(
        self,
        method: str,
        path: str,
        permission: Permission,
        *,
        status: int,
        model: type[Model] | None,
        others: Mapping[int, type[Model]],
    ) -> Callable[[_Handler], _Handler]:
        responses: dict[int | str, dict[str, Any]] = {code: {"model": other} for code, other in others.items()}

        def declare(handler: _Handler) -> _Handler:
            # Straight on the app, not on an included router: `permissions` has to see every route.
            self._app.add_api_route(
                self._prefix + path,
                handler,
                methods=[method],
                response_model=model,
                response_class=Response,
                status_code=status,
                responses=responses,
                tags=[self._tag],
                dependencies=[Depends(Requirement(permission))],
            )
            return handler

        return declare
