"""A proxy between a client and a real API server that fails on demand.

Speaks plain HTTP on loopback and passes on as the user of a kubeconfig, so that any client can be put behind it.
"""

from __future__ import annotations

import base64
import contextlib
import ssl
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp
import anyio
import yaml
from aiohttp import web

from gitopsd.core.jsonvalue import JsonValue, objects, text

_HOP_BY_HOP: Final = frozenset({"connection", "transfer-encoding", "content-length", "host", "keep-alive", "upgrade"})


@dataclass(frozen=True, slots=True)
class ProxiedRequest:
    """A request as the proxy got it. `query` holds the last value of each name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def is_watch(self) -> bool:
        """Whether it asks for a stream of events."""
        return self.query.get("watch") == "true"


Matching = Callable[[ProxiedRequest], bool]


def anything(_: ProxiedRequest) -> bool:
    """Every request."""
    return True


@dataclass(slots=True)
class _Fault:
    matching: Matching
    times: int
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(slots=True)
class _Strike:
    action: Callable[[ProxiedRequest], None]
    number: int
    matching: Matching
    after: bool


_BROKEN: Final = _Fault(anything, 1, 0, b"")


class FaultProxy:
    """Enter it with `async with`; then `url` is what to connect to, and `requests` all that came, in order."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        self._faults: list[_Fault] = []
        self._strikes: list[_Strike] = []
        self._open: list[tuple[web.BaseRequest, ProxiedRequest]] = []
        self._scopes: set[anyio.CancelScope] = set()
        self._streams: list[tuple[web.StreamResponse, ProxiedRequest]] = []
        self._port = 0
        self.requests: list[ProxiedRequest] = []
        self.forces: dict[str, str] = {}
        """Request headers (names in lower case) that the API server gets instead of the client's."""

    async def __aenter__(self) -> Self:
        self._server, context = await anyio.to_thread.run_sync(_upstream, self._kubeconfig)
        self._connector = aiohttp.TCPConnector(ssl=context, limit=0)
        self._session = aiohttp.ClientSession(connector=self._connector, auto_decompress=False, read_bufsize=2**18)
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            # First, and at once: a request that is cancelled ends TLS politely, which may outlive the loop it needs.
            await self._connector.close(abort_ssl=True)
            await self.stop()
            await self._session.close()

    @property
    def url(self) -> str:
        """Where it listens, also while it is stopped."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen, on the same port each time."""
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Refuse connections, and break those that are open."""
        self.drop(anything)
        for scope in self._scopes:
            scope.cancel()  # whose client has gone waits for the API server, maybe for ever
        await self._runner.cleanup()

    def answer(
        self,
        status: int,
        *,
        times: int = 1,
        matching: Matching = anything,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer the next `times` matching requests with `status` and `body`, and do not pass them on."""
        self._faults.append(_Fault(matching, times, status, body, headers or {}))

    def abort(self, *, times: int = 1, matching: Matching = anything) -> None:
        """Break the connection at the next `times` matching requests, without an answer."""
        self._faults.append(_Fault(matching, times, 0, b""))

    def delay(self, seconds: float, *, times: int = 1, matching: Matching = anything) -> None:
        """Pass the next `times` matching requests on only after `seconds`."""
        self._faults.append(_Fault(matching, times, -1, b"", seconds=seconds))

    def strike(
        self,
        action: Callable[[ProxiedRequest], None],
        number: int,
        *,
        matching: Matching = anything,
        after: bool = False,
    ) -> None:
        """Do `action` at the `number`-th matching request from now on, which gets no answer: before the API server
        hears of it, or (`after`) when it has done what it was asked for.
        """
        self._strikes.append(_Strike(action, number, matching, after))

    def heal(self) -> None:
        """No faults any more, save for connections that are broken already."""
        self._faults.clear()
        self._strikes.clear()

    def drop(self, matching: Matching = lambda request: request.is_watch) -> int:
        """Break open connections: those of watches unless told otherwise. How many they were."""
        dropped = [request for request, seen in self._open if matching(seen)]
        for request in dropped:
            if request.transport is not None:
                request.transport.abort()
        return len(dropped)

    async def say(self, text: bytes, matching: Matching = lambda request: request.is_watch) -> int:
        """Slip `text` into open answers, between two of the API server's own events. How many they were."""
        told = [response for response, seen in self._streams if matching(seen)]
        for response in told:
            await response.write(text)
        return len(told)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        seen = ProxiedRequest(request.method, request.path, dict(request.query), dict(request.headers))
        self.requests.append(seen)
        strike = self._next_strike(seen)
        if strike is not None and not strike.after:
            strike.action(seen)
            return self._failed(request, _BROKEN)
        fault = self._next_fault(seen)
        if fault is not None and fault.status >= 0:
            return self._failed(request, fault)
        if fault is not None:
            await anyio.sleep(fault.seconds)
        self._open.append((request, seen))
        scope = anyio.CancelScope()
        self._scopes.add(scope)
        try:
            with scope:
                return await self._pass_on(request, seen, strike)
            return self._failed(request, _BROKEN)
        finally:
            self._scopes.discard(scope)
            self._open.remove((request, seen))

    def _next_strike(self, seen: ProxiedRequest) -> _Strike | None:
        due: _Strike | None = None
        for strike in [each for each in self._strikes if each.matching(seen)]:
            strike.number -= 1
            if not strike.number:
                self._strikes.remove(strike)
                due = due or strike
        return due

    def _next_fault(self, seen: ProxiedRequest) -> _Fault | None:
        for fault in self._faults:
            if fault.matching(seen):
                fault.times -= 1
                if not fault.times:
                    self._faults.remove(fault)
                return fault
        return None

    def _failed(self, request: web.BaseRequest, fault: _Fault) -> web.StreamResponse:
        if not fault.status and request.transport is not None:
            request.transport.abort()
        return web.Response(
            status=fault.status or 500, body=fault.body, headers=fault.headers, content_type="application/json"
        )

    async def _pass_on(
        self, request: web.BaseRequest, seen: ProxiedRequest, strike: _Strike | None
    ) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        headers = {name: value for name, value in headers.items() if name not in _HOP_BY_HOP}
        headers |= self.forces
        try:
            body = await request.read()
        except ConnectionResetError:  # the client left, or was made to
            return self._failed(request, _BROKEN)
        try:
            answer = await self._session.request(
                request.method,
                self._server + request.path_qs,
                headers=headers,
                data=body or None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None),
            )
        except aiohttp.ClientError:  # the API server ended, or the proxy does
            return self._failed(request, _BROKEN)
        try:
            if strike is not None:
                strike.action(seen)
                return self._failed(request, _BROKEN)
            response = web.StreamResponse(status=answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    response.headers.add(name, value)
            with contextlib.suppress(ConnectionResetError):  # the client left, or was made to
                await response.prepare(request)
                self._streams.append((response, seen))
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
            return response
        except aiohttp.ClientError:
            return self._failed(request, _BROKEN)
        finally:
            self._streams = [stream for stream in self._streams if stream[1] is not seen]
            # At once: a polite end of TLS may outlive the loop that it needs.
            if answer.connection is not None and answer.connection.transport is not None:
                answer.connection.transport.abort()
            answer.close()


def _upstream(kubeconfig: Path) -> tuple[str, ssl.SSLContext]:
    """The server of a kubeconfig that holds certificates in itself, and what to connect with."""
    content: JsonValue = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    cluster = objects(content, "clusters")[0]
    user = objects(content, "users")[0]
    ca = base64.b64decode(text(cluster, "cluster", "certificate-authority-data")).decode()
    context = ssl.create_default_context(cadata=ca)
    with tempfile.NamedTemporaryFile() as file:
        for name in ("client-certificate-data", "client-key-data"):
            file.write(base64.b64decode(text(user, "user", name)))
        file.flush()
        context.load_cert_chain(file.name)
    return text(cluster, "cluster", "server"), context
