"""What nobody foresaw: told to the daemon, and to the caller only that it happened."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gitopsd.web.problem import INTERNAL


class BugGuard:
    """Answers 500 without details where a route raises; `on_bug(route, error)` gets them."""

    def __init__(self, app: ASGIApp, on_bug: Callable[[str, Exception], None]) -> None:
        self._app = app
        self._on_bug = on_bug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = False

        async def noting(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:  # noqa: BLE001  # one request's bug must end neither the connection's loop nor the daemon
            route = scope.get("route")
            self._on_bug(getattr(route, "path", "no route"), error)
            if not began:
                await INTERNAL.response()(scope, receive, send)
