"""A look into the running daemon: how much it logs, and where its time goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Final, Literal

import anyio.lowlevel
from fastapi import FastAPI, Query
from starlette.responses import Response, StreamingResponse

from gitopsd.ports.debugging import MOST_PROFILE_SECONDS, Debugging
from gitopsd.web.answer import answer
from gitopsd.web.models.debug import LogLevelAnswer, LogLevelBody
from gitopsd.web.models.error import ErrorAnswer
from gitopsd.web.permission import Permission
from gitopsd.web.problem import JSON, Problem
from gitopsd.web.routes.registrar import Registrar
from gitopsd.web.services import Services

_TYPES: Final = {"text": "text/plain; charset=utf-8", "html": "text/html; charset=utf-8", "speedscope": JSON}
_AT_ONCE: Final = 1 << 16


def add_debug_routes(app: FastAPI, services: Services) -> None:
    """/api/v1/debug."""
    routes = Registrar(app, "debug", "/api/v1/debug")

    def debugging() -> Debugging:
        if services.debugging is None:
            raise Problem.not_found("this daemon does not let itself be looked into")
        return services.debugging

    @routes.get("/log-level", Permission.LOCAL, model=LogLevelAnswer)
    async def log_level() -> Response:
        """What is logged now."""
        return answer(LogLevelAnswer.of(debugging().log_level()))

    @routes.post("/log-level", Permission.LOCAL, 200, model=LogLevelAnswer, others={422: ErrorAnswer})
    async def set_log_level(body: LogLevelBody) -> Response:
        """Log more, or less, until somebody says otherwise or for some time."""
        return answer(LogLevelAnswer.of(debugging().set_log_level(body.level, body.seconds)))

    @routes.get("/profile", Permission.LOCAL, model=None, others={409: ErrorAnswer})
    async def profile(
        seconds: Annotated[float, Query(gt=0, le=MOST_PROFILE_SECONDS)] = 10.0,
        format: Literal["text", "html", "speedscope"] = "text",  # noqa: A002  # the parameter's name in the URL
    ) -> Response:
        """Where the daemon's time goes from now on, for so many seconds. One is made at a time."""
        found = await debugging().profile(seconds, format)
        length = {"content-length": str(len(found))}
        return StreamingResponse(_parts(found), media_type=_TYPES[format], headers=length)


async def _parts(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), _AT_ONCE):
        yield data[start : start + _AT_ONCE]
        await anyio.lowlevel.checkpoint()
