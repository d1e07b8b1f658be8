"""Requests to one API server: bytes in, bytes out, on one aiohttp session (design decision 4).

Never follows a redirect (S13: credentials would travel along), and reads answers up to a limit.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from io import BytesIO
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlencode

import aiohttp
import anyio

from gitopsd.core.errors import ClusterDown, ClusterError, shown_url
from gitopsd.core.serviceaccount import ServiceAccount
from gitopsd.kube.answer import Answer, RequestMade
from gitopsd.kube.credentials import Credentials, read_credentials, read_server
from gitopsd.kube.lines import LineSplitter
from gitopsd.kube.pace import Pace
from gitopsd.kube.refusal import Asked, is_invalid, refused, status_of
from gitopsd.kube.retry import Attempts, RetryPolicy, is_transient
from gitopsd.kube.transport import LIBRARY_ERRORS, abandon, cause, close_session, is_broken, is_distrusted, open_session
from gitopsd.ports.clock import Clock
from gitopsd.ports.cluster import ClusterAccess

LARGEST_ANSWER: Final = 64 * 1024 * 1024
JSON: Final = "application/json"
_LARGE_BODY: Final = 512 * 1024
_CONNECT_SECONDS: Final = 10.0
_REREAD_SECONDS: Final = 5.0
_TOO_LARGE: Final = "AnswerTooLarge"
_BROKEN: Final = "ConnectionBroken"
DISTRUSTED: Final = "CertificateRefused"
_DISTRUSTED: Final = (
    "give the authority that signed it, by certificate-authority-data of the kubeconfig or `ca` of the entry under "
    "`clusters`; the server's host has to be among the certificate's names, else set `tlsServerName`"
)
_NEAR: Final = tuple(f"{scheme}://{host}" for scheme in ("https", "http") for host in ("127.", "localhost:", "[::1]"))

OnRequest = Callable[[RequestMade], None]


def _no_metrics(_: RequestMade) -> None:
    """Nobody counts."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """One request as it goes out."""

    method: str
    target: str
    body: bytes | None
    content_type: str
    accept: str
    verb: str
    kind: str
    timeout: aiohttp.ClientTimeout
    impersonate: str = ""


class KubeHttp:
    """The connection to one API server.

    Enter it with `async with`; unreadable credentials do not fail there but at each request, until they can be read.
    All methods raise `ClusterDown` where no answer comes, `ClusterError` for credentials that cannot be used;
    `on_unreachable` hears of both, and of credentials that the server does not accept (None). `in_flight` bounds the
    requests on their way if the access does not ask for fewer.
    """

    def __init__(
        self,
        access: ClusterAccess,
        *,
        clock: Clock,
        on_request: OnRequest = _no_metrics,
        on_unreachable: Callable[[ClusterError | None], None] = lambda _: None,
        in_flight: int = 32,
        policy: RetryPolicy | None = None,
    ) -> None:
        self.cluster = access.name
        self.unread: ClusterError | None = None
        self._access = access
        self._clock = clock
        self._on_request = on_request
        self._on_unreachable = on_unreachable
        # Who gets a place at once goes on at once: a request waits for its answer anyway.
        self._places = anyio.Semaphore(min(in_flight, access.in_flight), fast_acquire=True)
        self._pace = Pace(clock, qps=access.qps, burst=access.burst)
        self._policy = policy or RetryPolicy()
        self._reading = anyio.Lock()
        self._credentials: Credentials | None = None
        self._server = access.server.rstrip("/")
        self._read_at = 0.0
        self._refused = False
        self._session: aiohttp.ClientSession | None = None
        self._retired: list[aiohttp.ClientSession] = []

    async def __aenter__(self) -> Self:
        # The credentials themselves may take a while: a program may give them. The first request reads them.
        try:
            self._server = await read_server(self._access)
        except ClusterError as error:  # said again by each request
            self.unread = error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            for session in (*self._retired, self._session):
                if session is not None:
                    await close_session(session)
        self._session = None
        self._retired.clear()

    @property
    def server(self) -> str:
        """The API server's URL; "" until a kubeconfig could be read."""
        return self._credentials.server if self._credentials is not None else self._server

    async def moved(self) -> bool:
        """Whether a kubeconfig leads to another server than when it was read; one that cannot be read does not."""
        with contextlib.suppress(ClusterError):
            return self.server not in ("", await read_server(self._access))
        return False

    def renew(self) -> None:
        """Read the credentials before the next request; open connections stay if they may go on being used."""
        self._refused = True

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        verb: str = "",
        kind: str = "",
        timeout: float = 60.0,
    ) -> Answer:
        """One request, one answer of any status. `verb`, `kind`: its labels for metrics; `timeout` (s) covers all."""
        limits = _limits(timeout)
        sent = _Sent(method, _target(path, query), body, content_type, accept, verb or method.lower(), kind, limits)
        asked = self._clock.monotonic()
        async with self._places:
            return await self._authorized(sent, asked)

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        verb: str = "",
        kind: str = "",
        timeout: float = 60.0,
        impersonate: str = "",
    ) -> Answer:
        """Like `request`, tried again on 429 (after `Retry-After`), 5xx and broken connections, within bounds.

        Only for requests that may be sent twice: reads, server-side apply, deletes with a uid precondition; a create
        whose answer is `again` may have been refused because of itself.
        `impersonate`: the service account's user name as whom it is made; raises `SpecError` for any other text.
        """
        user = ServiceAccount.of_user(impersonate).user if impersonate else ""
        limits = _limits(timeout)
        sent = _Sent(
            method, _target(path, query), body, content_type, accept, verb or method.lower(), kind, limits, user
        )
        attempts = Attempts(self._policy, self._clock, self._clock.monotonic())
        while True:
            outcome = await self._tried(sent)
            if isinstance(outcome, Answer) and not _worth_another(outcome):
                return replace(outcome, again=True) if attempts.made else outcome
            delay = attempts.next_delay(outcome.retry_after)
            if delay is not None:
                await anyio.sleep(delay)
            elif isinstance(outcome, Answer):
                return outcome
            else:
                raise outcome

    @asynccontextmanager
    async def batches(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        kind: str = "",
        accept: str = JSON,
        idle_timeout: float = 600.0,
    ) -> AsyncIterator[AsyncIterator[list[bytes]]]:
        """The lines of a long answer (a watch, a log), without their line ends, as they come: those that arrived
        together in one list, never an empty one.

        Ends when the server ends it; raises `ClusterError` for an answer that is not 200, `ClusterDown` when the
        connection breaks or is silent for `idle_timeout` seconds.
        """
        limits = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=idle_timeout)
        sent = _Sent("GET", _target(path, query), None, JSON, accept, "watch", kind, limits)
        credentials = await self._current()
        started = self._clock.monotonic()
        response = await self._open(sent, credentials, started)
        self._told(sent, response.status, started)
        try:
            if response.status != 200:
                self._doubt_credentials(response.status)
                if response.status == 401:
                    self._on_unreachable(None)
                raise refused(Asked(self.cluster, "watch", kind), await self._read(response))
            yield self._lines(response)
        finally:
            abandon(response)

    async def _lines(self, response: aiohttp.ClientResponse) -> AsyncIterator[list[bytes]]:
        splitter = LineSplitter(LARGEST_ANSWER)
        try:
            async for chunk in response.content.iter_any():
                if lines := splitter.feed(chunk):
                    yield lines
        except LIBRARY_ERRORS as error:
            raise self._unreachable(error) from error

    async def _tried(self, sent: _Sent) -> Answer | ClusterDown:
        """An answer, or the broken connection that another attempt may mend. Raises what none will."""
        asked = self._clock.monotonic()
        try:
            async with self._places:
                return await self._authorized(sent, asked)
        except ClusterDown as error:
            if error.reason != _BROKEN:
                raise
            return error

    async def _authorized(self, sent: _Sent, asked: float) -> Answer:
        await self._pace.turn()
        waited = self._clock.monotonic() - asked
        answer = await self._exchanged(sent, await self._current(), waited)
        if self._doubt_credentials(answer.status):
            answer = await self._exchanged(sent, await self._current())
        if answer.status == 429:
            self._pace.pause(answer.retry_after)
        elif answer.status == 401:
            self._on_unreachable(None)
        return answer

    async def _exchanged(self, sent: _Sent, credentials: Credentials, waited: float = 0.0) -> Answer:
        started = self._clock.monotonic()
        response = await self._open(sent, credentials, started, waited)
        try:
            answer = await self._read(response)
        except LIBRARY_ERRORS as error:
            self._told(sent, 0, started, waited)
            raise self._unreachable(error) from error
        finally:
            abandon(response)
        self._told(sent, answer.status, started, waited)
        return answer

    async def _open(
        self, sent: _Sent, credentials: Credentials, started: float, waited: float = 0.0
    ) -> aiohttp.ClientResponse:
        assert self._session is not None  # noqa: S101 - credentials come with a session
        try:
            return await self._session.request(
                sent.method,
                credentials.server + sent.target,
                data=_payload(sent.body),
                headers=_headers(sent, credentials, plain=self._access.disable_compression),
                timeout=sent.timeout,
                allow_redirects=False,
                server_hostname=credentials.tls_server_name or None,
                proxy=credentials.proxy or None,
            )
        except LIBRARY_ERRORS as error:
            self._told(sent, 0, started, waited)
            raise self._unreachable(error) from error

    async def _read(self, response: aiohttp.ClientResponse) -> Answer:
        size = 0
        chunks: list[bytes] = []
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > LARGEST_ANSWER:
                raise ClusterError(
                    "the API server's answer is too large",
                    where=f"cluster {self.cluster}",
                    why=f"more than {LARGEST_ANSWER} bytes",
                    hint="look for very large objects of this kind",
                    reason=_TOO_LARGE,
                )
            chunks.append(chunk)
        headers: dict[str, str] = {}
        for name, value in response.headers.items():
            key = name.lower()
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
        return Answer(response.status, b"".join(chunks), headers)

    async def _current(self) -> Credentials:
        """The credentials as they are now: read at first, when their lifetime is over, and after a 401."""
        if self._credentials is not None and not self._is_stale(self._credentials):
            return self._credentials
        async with self._reading:
            known = self._credentials
            if known is not None and not self._is_stale(known):
                return known
            try:
                fresh = await read_credentials(self._access, self._clock.now())
            except ClusterError as error:
                self._on_unreachable(error)
                raise
            if known is None or fresh.fingerprint != known.fingerprint:
                await self._replace_session(fresh)
            self._credentials, self._read_at, self._refused = fresh, self._clock.monotonic(), False
            return fresh

    def _is_stale(self, credentials: Credentials) -> bool:
        age = self._clock.monotonic() - self._read_at
        return self._refused or (credentials.lifetime is not None and age >= credentials.lifetime)

    def _doubt_credentials(self, status: int) -> bool:
        """After a 401: have the credentials read anew, unless they were a moment ago. Whether they will be."""
        if status != 401 or self._clock.monotonic() - self._read_at < _REREAD_SECONDS:
            return False
        self._refused = True
        return True

    async def _replace_session(self, credentials: Credentials) -> None:
        """Open watches go on with the old session until they end; it is closed at the next change, or at the end."""
        for session in self._retired:
            await close_session(session)
        self._retired = [self._session] if self._session is not None else []
        self._session = open_session(credentials)

    def _unreachable(self, error: Exception) -> ClusterDown:
        distrusted = is_distrusted(error)
        down = ClusterDown(
            "the API server cannot be reached",
            where=f"cluster {self.cluster}",
            why=f"{shown_url(self.server)}: {cause(error)}",
            hint=_DISTRUSTED if distrusted else "check that the API server runs, its address, and the way to it",
            retryable=True,
            reason=DISTRUSTED if distrusted else _BROKEN if is_broken(error) else "",
        )
        self._on_unreachable(down)
        return down

    def _told(self, sent: _Sent, code: int, started: float, waited: float = 0.0) -> None:
        seconds = self._clock.monotonic() - started
        self._on_request(RequestMade(self.server, sent.verb, sent.kind, code, seconds, waited))


def is_too_large(error: ClusterError) -> bool:
    """Whether an answer was given up because of its size."""
    return error.reason == _TOO_LARGE


def _worth_another(answer: Answer) -> bool:
    return is_transient(answer.status) and not (answer.status == 500 and is_invalid(status_of(answer)))


@lru_cache(maxsize=16)
def _limits(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, sock_connect=_CONNECT_SECONDS)


def _payload(body: bytes | None) -> bytes | BytesIO | None:
    """What is large goes out in pieces, so that nobody waits for it."""
    return BytesIO(body) if body is not None and len(body) > _LARGE_BODY else body


def _target(path: str, query: Mapping[str, str] | None) -> str:
    return f"{path}?{_encoded(tuple(query.items()))}" if query else path


@lru_cache(maxsize=64)
def _encoded(query: tuple[tuple[str, str], ...]) -> str:
    """Most requests have one of a few queries."""
    return urlencode(query)


def _headers(sent: _Sent, credentials: Credentials, *, plain: bool) -> Mapping[str, str]:
    headers = {"Accept": sent.accept, "User-Agent": "gitopsd"}
    if plain or credentials.server.startswith(_NEAR):
        headers["Accept-Encoding"] = "identity"  # packing costs both sides more than loopback does
    if sent.body is not None:
        headers["Content-Type"] = sent.content_type
    if credentials.authorization is not None:
        headers["Authorization"] = credentials.authorization.reveal()
    if sent.impersonate:
        headers["Impersonate-User"] = sent.impersonate
    return headers
