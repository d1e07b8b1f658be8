"""The kubelet's HTTPS endpoint, as far as an API server needs it for `pods/log`.

Serves `GET /containerLogs/NAMESPACE/POD/CONTAINER` on the loopback, to clients whose certificate the authority signed.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import anyio
import anyio.to_thread
from anyio.abc import ByteStream, SocketAttribute, TaskGroup, TaskStatus
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.tls import TLSListener

from gitopsd.testing.kubelet_logs import LogRefused

_LARGEST_HEAD: Final = 64 * 1024
_HEAD_SECONDS: Final = 10.0
_LEFT: Final = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)
_REASONS: Final = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}

ReadLog = Callable[[str, str, Mapping[str, str]], AsyncGenerator[bytes, None]]
"""`namespace/pod`, container and query → the log, raising `LogRefused` before its first piece, which may be empty."""


@dataclass(frozen=True, slots=True)
class ServingCertificate:
    """PEM files: what the endpoint shows, and the authority of the clients that it lets in."""

    certificate: Path
    key: Path
    clients: Path

    @classmethod
    def of_localcluster(cls, folder: Path) -> ServingCertificate:
        """From the folder of a localcluster."""
        pki = folder / "pki"
        return cls(pki / "kubelet.crt", pki / "kubelet.key", pki / "ca.crt")


class KubeletDoor:
    """The endpoint. `open` binds it, to a free port, before anybody is told of the port."""

    def __init__(self, certificate: ServingCertificate, read_log: ReadLog) -> None:
        self._certificate = certificate
        self._read_log = read_log

    async def open(self, tasks: TaskGroup) -> int:
        """Serve in `tasks` until that is cancelled; returns the port. Raises `OSError` for unreadable certificates."""
        port: int = await tasks.start(self._serve)
        return port

    async def _serve(self, *, task_status: TaskStatus[int]) -> None:
        context = await anyio.to_thread.run_sync(self._context)
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
        async with TLSListener(listener, context, standard_compatible=False) as door:
            task_status.started(listener.extra(SocketAttribute.local_port))  # noqa: S610  # not Django's `extra`
            await door.serve(self._answer)

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self._certificate.clients))
        context.load_cert_chain(self._certificate.certificate, self._certificate.key)
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    async def _answer(self, client: ByteStream) -> None:
        """One request of one connection; a client that leaves, or that speaks no HTTP, is nobody's error."""
        try:
            async with client:
                with anyio.fail_after(_HEAD_SECONDS):
                    head = await BufferedByteReceiveStream(client).receive_until(b"\r\n\r\n", _LARGEST_HEAD)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_cancel_when_left, client, tasks.cancel_scope)
                    await self._answer_head(client, head)
                    tasks.cancel_scope.cancel()
        except* (*_LEFT, anyio.DelimiterNotFound, anyio.IncompleteRead, TimeoutError):
            pass

    async def _answer_head(self, client: ByteStream, head: bytes) -> None:
        method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        target = urlsplit(rest.partition(" ")[0])
        parts = [unquote(part) for part in target.path.split("/")]
        if method != "GET":
            await _refuse(client, LogRefused(f"{method} is not served", 405))
        elif len(parts) != 5 or parts[1] != "containerLogs":
            await _refuse(client, LogRefused("this kubelet serves logs alone", 404))
        else:
            pod, container, query = f"{parts[2]}/{parts[3]}", parts[4], dict(parse_qsl(target.query))
            await self._send_log(client, pod, container, query)

    async def _send_log(self, client: ByteStream, pod: str, container: str, query: Mapping[str, str]) -> None:
        head = _head(200, "Transfer-Encoding: chunked")
        try:
            async with aclosing(self._read_log(pod, container, query)) as pieces:
                async for piece in pieces:
                    # A chunk of no bytes would say that the log is at its end.
                    await client.send(head + (f"{len(piece):x}\r\n".encode() + piece + b"\r\n" if piece else b""))
                    head = b""
        except LogRefused as refused:
            await _refuse(client, refused)
        else:
            await client.send(head + b"0\r\n\r\n")


async def _cancel_when_left(client: ByteStream, scope: anyio.CancelScope) -> None:
    """Nothing more is expected from the client: whatever comes, it has hung up or broken the protocol."""
    try:
        await client.receive()
    except _LEFT:
        scope.cancel()


async def _refuse(client: ByteStream, refused: LogRefused) -> None:
    content = str(refused).encode()
    await client.send(_head(refused.status, f"Content-Length: {len(content)}") + content)


def _head(status: int, length: str) -> bytes:
    lines = (f"HTTP/1.1 {status} {_REASONS[status]}", "Content-Type: text/plain", "Connection: close", length)
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()
