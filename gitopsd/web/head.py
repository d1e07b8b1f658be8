"""HEAD: what load balancers probe with."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALLOW: Final = "allow"


class HeadAsGet:
    """Answers HEAD as GET without the body (RFC 9110 9.3.2), and names it wherever GET is named as allowed.

    Here and not at each route: HEAD needs the permission of its GET, and cannot be given another one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = scope["type"] == "http" and scope["method"] == "HEAD"

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.start":
                _allow_head(MutableHeaders(scope=message))
            elif head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"} if head else scope, receive, without_body)


def _allow_head(headers: MutableHeaders) -> None:
    allowed = [method.strip() for method in headers.get(_ALLOW, "").split(",")]
    if "GET" in allowed and "HEAD" not in allowed:
        headers[_ALLOW] = ", ".join([*allowed, "HEAD"])
