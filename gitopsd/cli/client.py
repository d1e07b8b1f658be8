"""HTTP over the daemon's unix socket, on the standard library alone.

An HTTP client of the usual kind takes longer to import than the daemon takes to answer. Requests are HTTP/1.0: the
answer ends with its connection and is never cut in chunks (RFC 9112).
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, urlencode

from gitopsd.cli.failures import DaemonError, DaemonGoneError, NoDaemonError

if TYPE_CHECKING:
    from gitopsd.core.jsonvalue import JsonObject, JsonValue

TIMEOUT: Final = 30.0
_MOST_BYTES: Final = 256 << 20
_CHUNK: Final = 1 << 18
# Refusals that need no log to be understood.
_EXPLAINED: Final = frozenset({"in-progress", "nothing-in-progress", "plan-changed", "blocked", "invalid", "not-found"})


class Answer(NamedTuple):
    """An answer of the daemon that is no error."""

    status: int
    body: JsonObject


class Api:
    """The daemon behind the socket at `path`, its routes below `root`. Every request has a connection of its own."""

    def __init__(self, path: str, root: str = "/api/v1") -> None:
        self.path = path
        self._root = root

    def get(self, route: str, query: Mapping[str, str | list[str]] | None = None, timeout: float = TIMEOUT) -> Answer:
        """See `_request`."""
        return self._request("GET", route, query or {}, timeout=timeout)

    def application(self, name: str) -> JsonObject:
        """One application. Raises as `_request`; the error names it, which the daemon's own does not."""
        with about(name):
            return self.get(application_route(name)).body

    def post(
        self,
        route: str,
        query: Mapping[str, str | list[str]] | None = None,
        timeout: float = TIMEOUT,
        body: JsonObject | None = None,
    ) -> Answer:
        """See `_request`."""
        return self._request("POST", route, query or {}, body, timeout)

    def delete(self, route: str, query: Mapping[str, str | list[str]] | None = None) -> Answer:
        """See `_request`."""
        return self._request("DELETE", route, query or {})

    def download(self, route: str, query: Mapping[str, str | list[str]], timeout: float) -> bytes:
        """An answer that is no JSON of ours, as it is. Raises as `_request`."""
        status, told = self._exchanged("GET", route, query, None, timeout)
        if status >= 400:
            self._judged(status, told)
        return told

    def stream(self, route: str, query: Mapping[str, str], timeout: float) -> Iterator[bytes]:
        """An answer that is no JSON of ours and may be of any size, in pieces; whether it is whole only its own format
        tells. Raises as `_request`, later pieces `DaemonGoneError`. `timeout` is for each piece.
        """
        try:
            with self._asked("GET", route, query, None, timeout) as connection:
                yield from self._pieces(connection)
        except OSError as error:
            raise self._unreachable(error, timeout) from None

    def _pieces(self, connection: socket.socket) -> Iterator[bytes]:
        head = b""
        while b"\r\n\r\n" not in head and (part := connection.recv(_CHUNK)):
            head += part
        status, body = _parted(head, self.path)
        if status >= 400:
            while part := connection.recv(_CHUNK):
                body += part
            self._judged(status, body)
        if body:
            yield body
        while part := connection.recv(_CHUNK):
            yield part

    def _request(
        self,
        method: str,
        route: str,
        query: Mapping[str, str | list[str]],
        body: JsonObject | None = None,
        timeout: float = TIMEOUT,
    ) -> Answer:
        """Raises `DaemonError`: nobody there, not allowed, nothing in `timeout` seconds, or the daemon's own error."""
        return self._judged(*self._exchanged(method, route, query, body, timeout))

    def _exchanged(
        self,
        method: str,
        route: str,
        query: Mapping[str, str | list[str]],
        body: JsonObject | None,
        timeout: float,
    ) -> tuple[int, bytes]:
        try:
            with self._asked(method, route, query, body, timeout) as connection:
                return _read(connection, self.path)
        except OSError as error:
            raise self._unreachable(error, timeout) from None

    @contextmanager
    def _asked(
        self,
        method: str,
        route: str,
        query: Mapping[str, str | list[str]] | Mapping[str, str],
        body: JsonObject | None,
        timeout: float,
    ) -> Iterator[socket.socket]:
        """A connection on which the answer comes. Raises OSError."""
        asked = urlencode({key: value for key, value in query.items() if value}, doseq=True)
        target = f"{self._root}{route}" + (f"?{asked}" if asked else "")
        sent = json.dumps(body).encode() if body is not None else b""
        head = f"{method} {target} HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n"
        head += "Content-Type: application/json\r\n" if body is not None else ""
        head += f"Content-Length: {len(sent)}\r\n\r\n" if method == "POST" else "\r\n"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(self.path)
            connection.sendall(head.encode("ascii") + sent)
            yield connection

    def _judged(self, status: int, body: bytes) -> Answer:
        try:
            found: JsonValue = json.loads(body)
        except ValueError:
            raise (_gone(self.path) if status >= 500 else _stranger(self.path)) from None
        if not isinstance(found, dict):
            raise _stranger(self.path)
        if status < 400:
            return Answer(status, found)
        error = found.get("error")
        told = error if isinstance(error, dict) else {}
        what, where, why, hint, code = (str(told.get(key) or "") for key in ("what", "where", "why", "hint", "code"))
        kind = DaemonGoneError if code == "busy" else DaemonError
        raise kind(
            what or f"the daemon answered with status {status}",
            where=where,
            why=why,
            hint=hint or ("" if code in _EXPLAINED else "see the daemon's log"),
            code=code,
            answer=found,
        )

    def _unreachable(self, error: OSError, timeout: float) -> DaemonError:
        if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
            return NoDaemonError(
                "no daemon answers",
                where=self.path,
                why=(error.strerror or "").lower(),
                hint="start one with `gitopsd run --config FILE`, or say where it is: --config FILE or --socket PATH",
            )
        if isinstance(error, PermissionError):
            return DaemonError(
                "you may not open the daemon's socket",
                where=self.path,
                hint=f"run the command as the daemon's user: {_as_owner(self.path)}",
            )
        if isinstance(error, TimeoutError):
            return DaemonError(
                f"the daemon did not answer within {timeout:g} s", where=self.path, hint="see the daemon's log"
            )
        return DaemonGoneError(
            "the connection to the daemon failed",
            where=self.path,
            why=error.strerror or str(error),
            hint="see whether the daemon is still running",
        )


@contextmanager
def about(name: str) -> Iterator[None]:
    """Say which application the daemon's errors are about: it repeats nothing of a request."""
    try:
        yield
    except (NoDaemonError, DaemonGoneError):
        raise
    except DaemonError as error:
        raise error.said(where=name) from None


def application_route(name: str) -> str:
    """The route of one application, whatever characters its name has."""
    return f"/applications/{quote(name, safe='')}"


def _read(connection: socket.socket, path: str) -> tuple[int, bytes]:
    """Status and body; the connection's end is the answer's end."""
    parts: list[bytes] = []
    size = 0
    while part := connection.recv(_CHUNK):
        parts.append(part)
        size += len(part)
        if size > _MOST_BYTES:
            raise DaemonError("the answer is larger than any that the daemon gives", where=path, hint="ask for less")
    answer = b"".join(parts)
    status, body = _parted(answer, path)
    length = _length(answer[: -len(body) or None])
    if length is not None and len(body) < length:
        raise _gone(path)
    return status, body


def _parted(answer: bytes, path: str) -> tuple[int, bytes]:
    """The status, and what of the body is there."""
    if not answer:
        raise _gone(path)
    head, separator, body = answer.partition(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    if not separator or len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise _stranger(path)
    return int(words[1]), body


def _length(head: bytes) -> int | None:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return None


def _gone(path: str) -> DaemonGoneError:
    return DaemonGoneError(
        "the daemon's answer broke off", where=path, hint="see whether the daemon is still running, and ask again"
    )


def _stranger(path: str) -> DaemonError:
    return DaemonError(
        "what listens here is no gitopsd daemon",
        where=path,
        hint="name the daemon's socket: --config FILE or --socket PATH",
    )


def _as_owner(path: str) -> str:
    import pwd

    try:
        return f"`sudo -u {pwd.getpwuid(os.stat(path).st_uid).pw_name} gitopsd …`"
    except (OSError, KeyError):
        return "`sudo -u gitopsd gitopsd …`"
