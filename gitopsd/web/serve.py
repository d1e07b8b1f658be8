"""Listening: uvicorn behind a door, run and ended by whoever holds the task group.

The one place where asyncio's own ways are let in: uvicorn drives its protocols and requests as asyncio tasks of its
own. They begin with `serve` and are over when it returns.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import uvicorn
from anyio.abc import TaskStatus
from starlette.types import ASGIApp

from gitopsd.core.errors import ConfigError

# sockaddr_un has 108 bytes on Linux, the last of them a zero (unix(7)).
_LONGEST_PATH: Final = 107
_BACKLOG: Final = 128
_MOST_CONNECTIONS: Final = 1024
_LONGEST_HEAD: Final = 32 * 1024
_IDLE_SECONDS: Final = 5
_FINISH_SECONDS: Final = 1
_END_SECONDS: Final = 2.0
_TURN_SECONDS: Final = 0.01
_PROBE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """Host (an address or a name) and port; port 0 takes a free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """The path of a socket that only its owner may open (mode 0600)."""

    path: Path


@dataclass(frozen=True, slots=True)
class Listening:
    """Where it listens: the host and the real port, or the path."""

    host: str = ""
    port: int = 0
    path: Path | None = None


async def serve(
    app: ASGIApp,
    listen: TcpAddress | UnixSocket,
    *,
    task_status: TaskStatus[Listening] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Answer requests until cancelled; then give those under way a second, and end within two.

    `task_status` gets the `Listening` as soon as connections are accepted. Raises `ConfigError` if it cannot listen.
    """
    async with _bound(listen) as (listener, listening):
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                loop="none",
                log_config=None,
                # Its warnings are of what strangers send: anybody could fill the log, and be told of packages there.
                log_level="error",
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                backlog=_BACKLOG,
                limit_concurrency=_MOST_CONNECTIONS,
                h11_max_incomplete_event_size=_LONGEST_HEAD,
                timeout_keep_alive=_IDLE_SECONDS,
                timeout_graceful_shutdown=_FINISH_SECONDS,
            )
        )
        # `Server.serve` would install signal handlers and wake ten times a second: its two halves do without.
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        try:
            await server.startup(sockets=[listener])
            task_status.started(listening)
            await anyio.sleep_forever()
        finally:
            with anyio.move_on_after(_END_SECONDS, shield=True):
                if server.started:
                    await server.shutdown(sockets=[listener])
                while server.server_state.tasks:  # noqa: ASYNC110  # cancelled, about to notice; no event tells of it
                    await anyio.sleep(_TURN_SECONDS)


@asynccontextmanager
async def _bound(listen: TcpAddress | UnixSocket) -> AsyncGenerator[tuple[socket.socket, Listening]]:
    """A bound socket, closed and removed at the end."""
    if isinstance(listen, TcpAddress):
        with await _bind_tcp(listen) as listener:
            host, port = listener.getsockname()[:2]
            yield listener, Listening(host=str(host), port=int(port))
        return
    listener = await anyio.to_thread.run_sync(_bind_unix, listen.path)
    made = await anyio.to_thread.run_sync(_identity, listen.path)
    try:
        with listener:
            yield listener, Listening(path=listen.path)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(_unlink, listen.path, made)


async def _bind_tcp(address: TcpAddress) -> socket.socket:
    where = f"{address.host}:{address.port}"
    try:
        found = await anyio.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ConfigError(
            "the host to listen on is not known", where=where, why=str(error), hint="set server.listen to an address"
        ) from None
    family, kind, protocol, _, target = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setblocking(False)
        # Without it a restart would have to wait for connections of the last run that linger in TIME_WAIT (tcp(7)).
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(target)
        # Two sockets may be bound with that option, only one may listen: better to hear of it here.
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        raise ConfigError(
            "cannot listen",
            where=where,
            why=getattr(error, "strerror", None) or str(error),
            hint="another program has the port: stop it, or set server.listen to another one"
            if taken
            else "set server.listen to an address of this machine and a port that gitopsd may use",
        ) from None
    return listener


def _bind_unix(path: Path) -> socket.socket:
    """A socket that nobody else can connect to, not even before its mode is set: it does not listen yet."""
    length = len(os.fsencode(path))
    if length > _LONGEST_PATH:
        raise ConfigError(
            "the path of the socket is too long",
            where=str(path),
            why=f"it has {length} bytes, the system takes {_LONGEST_PATH}",
            hint="set state.dir to a folder with a shorter path",
        )
    _clear(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        listener.bind(os.fspath(path))
        path.chmod(0o600)
    except OSError as error:
        listener.close()
        raise ConfigError(
            "cannot listen on the socket",
            where=str(path),
            why=error.strerror or str(error),
            hint="state.dir must be a folder that gitopsd may write to",
        ) from None
    return listener


def _clear(path: Path) -> None:
    """Remove a socket that a daemon left behind when it was killed; whatever else is there is left alone."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError("the socket cannot be looked at", where=str(path), why=error.strerror or str(error)) from None
    if not stat.S_ISSOCK(found.st_mode):
        raise ConfigError("there is a file in place of the socket", where=str(path), hint="move it away")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise ConfigError(
                "there is a socket that may be in use", where=str(path), why=error.strerror or str(error)
            ) from None
    raise ConfigError(
        "another gitopsd answers on the socket",
        where=str(path),
        hint="stop that one, or give this one another state.dir",
    )


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


def _unlink(path: Path, made: tuple[int, int]) -> None:
    """Remove the socket unless somebody put another one in its place."""
    try:
        if _identity(path) == made:
            path.unlink()
    except FileNotFoundError:
        return
