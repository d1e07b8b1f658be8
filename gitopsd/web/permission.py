"""Who may call a route: said once where it is declared, and checked when the app is made (advisories R8, R9)."""

from __future__ import annotations

import enum

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute

from gitopsd.web.problem import Problem


class Door(enum.Enum):
    """Where requests come in: a TCP address that anybody may reach, or the unix socket that only the owner can open."""

    PUBLIC = "public"
    LOCAL = "local"


class Permission(enum.Enum):
    """What a route asks of its caller."""

    PUBLIC = "public"
    """Nothing: it holds nothing that others may not see."""

    LOCAL = "local"
    """To have come through the unix socket."""


class Requirement:
    """The dependency that a route is declared with."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> None:
        """Refuse a caller without the permission, as if the route were not there."""
        if self.permission is Permission.LOCAL and door_of(request.app) is not Door.LOCAL:
            raise Problem.not_found("there is no such route")


def caller_of(_request: Request) -> str:
    """Who calls, as operations and history name them: whoever opens the unix socket is not known by a better name."""
    return "local"


def set_door(app: FastAPI, door: Door) -> None:
    """Say which door the app stands behind."""
    app.state.door = door


def door_of(app: FastAPI) -> Door:
    """The door of an app; the public one if nobody said so."""
    door = getattr(app.state, "door", None)
    return door if isinstance(door, Door) else Door.PUBLIC


def permissions(app: FastAPI) -> dict[tuple[str, str], Permission]:
    """(method, path) → permission of every route. Raises RuntimeError for a route that is declared without one."""
    found: dict[tuple[str, str], Permission] = {}
    for route in app.routes:
        if not isinstance(route, APIRoute):
            raise RuntimeError(f"{route!r} cannot carry a permission: declare it by the Registrar")  # noqa: TRY004  # the house is built wrong, whatever type it is
        asked = [item.dependency for item in route.dependencies if isinstance(item.dependency, Requirement)]
        if len(asked) != 1:
            raise RuntimeError(f"{route.path}: declare it by the Registrar, it has {len(asked)} permissions")
        for method in route.methods or ():
            found[method, route.path] = asked[0].permission
    return found
