"""Request bodies: bounded, timed and JSON, before any route sees them (advisory W1)."""

from __future__ import annotations

from typing import Final

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gitopsd.web.problem import JSON, Problem

MOST_BYTES: Final = 1 << 20
_READ_SECONDS: Final = 10.0
_READ_AT_ONCE: Final = 8


class BodyLimit:
    """Reads a body of at most `most_bytes` within `read_seconds`, and then calls the app with it.

    A body that says or proves to be longer is answered with 413, one that does not come with 408, one that is no JSON
    with 415: a page on another site can make a browser send forms and plain text here, but not JSON. `most_bytes` 0:
    none at all.
    """

    def __init__(self, app: ASGIApp, most_bytes: int, read_seconds: float = _READ_SECONDS) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._read_seconds = read_seconds
        self._readers = anyio.CapacityLimiter(_READ_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(Headers(scope=scope), receive)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        if body is not None:
            await self._app(scope, _Replay(body, receive), send)

    async def _read(self, headers: Headers, receive: Receive) -> bytes | None:
        """The body; None if the caller went away."""
        length = headers.get("content-length", "")
        if self._most_bytes == 0 or (length.isdecimal() and int(length) > self._most_bytes):
            raise self._too_large()
        if headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            raise Problem(415, "unsupported-media-type", "the body is not JSON", hint=f"send it as {JSON}")
        chunks: list[bytes] = []
        size = 0
        with anyio.move_on_after(self._read_seconds):
            async with self._readers:
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return None
                    chunks.append(message.get("body", b""))
                    size += len(chunks[-1])
                    if size > self._most_bytes:
                        raise self._too_large()
                    if not message.get("more_body", False):
                        return b"".join(chunks)
        raise Problem(408, "timeout", "the body did not come in time", headers={"connection": "close"})

    def _too_large(self) -> Problem:
        why = f"at most {self._most_bytes} bytes are read" if self._most_bytes else "no route here takes one"
        return Problem(413, "too-large", "the body is too large", why=why, headers={"connection": "close"})


class _Replay:
    """Gives the body that was read, and then what else comes."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        return await self._receive()


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0").strip() != "0"
