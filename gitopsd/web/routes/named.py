"""The application that a route's path names."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from gitopsd.control.operations import Operations
from gitopsd.core.app import AppSpec
from gitopsd.core.appstatus import AppStatus
from gitopsd.core.ids import AppName
from gitopsd.web.problem import Problem
from gitopsd.web.services import Services

# A Kubernetes name has at most 253 characters; what is longer names no application.
Name = Annotated[str, Path(description="the application's name", max_length=1024)]


def found(services: Services, name: str) -> tuple[AppSpec, AppStatus]:
    """The application. Raises `Problem` (404)."""
    item = services.application(AppName(name))
    if item is None:
        raise Problem.not_found("there is no such application", hint="`gitopsd app list` shows their names")
    return item


def operable(services: Services, name: str) -> tuple[Operations, AppName]:
    """Who takes operations on the application. Raises `Problem` (404, 501)."""
    spec, _ = found(services, name)
    if services.operations is None:
        raise Problem(501, "not-implemented", "this daemon takes no operations")
    return services.operations, spec.name
