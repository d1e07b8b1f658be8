"""Where the daemon listens: the public door for probes and Prometheus, the unix socket for the API."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from anyio.abc import TaskGroup

from gitopsd.config import ServerSettings
from gitopsd.web import Door, Services, TcpAddress, UnixSocket, create_app, serve


@dataclass(frozen=True, slots=True)
class Address:
    """Host and real port of the public door, and the path of the socket."""

    host: str
    port: int
    socket: Path


async def open_doors(services: Services, server: ServerSettings, socket: Path, tasks: TaskGroup) -> Address:
    """Listen on both in `tasks` until they are cancelled. Raises `ConfigError` if one cannot be listened on."""
    public = await tasks.start(serve, create_app(services, Door.PUBLIC), TcpAddress(server.host, server.port))
    await tasks.start(serve, create_app(services, Door.LOCAL), UnixSocket(socket))
    return Address(public.host, public.port, socket)
