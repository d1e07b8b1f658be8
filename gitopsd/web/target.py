"""Whom a request names: a route by its path, or by a whole URL."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

_AUTHORITY: Final = re.compile(rb"https?://[^/]*", re.IGNORECASE | re.ASCII)


class OriginForm:
    """Takes `GET http://host/metrics` as `GET /metrics`: a server must accept both (RFC 9112 3.2.2).

    No route goes by the host, so the one that is named is dropped without a look.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = scope.get("raw_path") or b""
        if found := _AUTHORITY.match(raw):
            raw = raw[found.end() :] or b"/"
            scope = {**scope, "raw_path": raw, "path": unquote(raw.decode("ascii", "replace"))}
        await self._app(scope, receive, send)
