"""How many requests are answered at once."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from gitopsd.web.problem import Problem

_BUSY: Final = Problem(
    503, "busy", "too many requests at once", hint="try again in a moment", headers={"retry-after": "1"}
)


class Crowd:
    """Lets `most` requests in, and answers 503 to those beyond."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._inside >= self._most:
            await _BUSY.response()(scope, receive, send)
            return
        self._inside += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._inside -= 1
