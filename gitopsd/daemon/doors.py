"""Where the daemon listens: the public door for probes and Prometheus, the unix socket for the API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread
from anyio.abc import TaskGroup

from gitopsd import __version__
from gitopsd.config import ServerSettings
from gitopsd.control.bus import Bus
from gitopsd.control.supervisor import Supervisor
from gitopsd.metrics import Recorder
from gitopsd.ports.clock import Clock

if TYPE_CHECKING:
    from types import ModuleType


@dataclass(frozen=True, slots=True)
class Address:
    """Host and real port of the public door, and the path of the socket."""

    host: str
    port: int
    socket: Path


@dataclass(frozen=True, slots=True)
class Behind:
    """What answers behind the doors."""

    supervisor: Supervisor
    recorder: Recorder
    bus: Bus
    clock: Clock
    ready: Callable[[], tuple[bool, str]]
    on_bug: Callable[[str, Exception], None]


async def open_doors(behind: Behind, server: ServerSettings, socket: Path, tasks: TaskGroup) -> Address:
    """Listen on both in `tasks` until they are cancelled. Raises `ConfigError` if one cannot be listened on."""
    await anyio.to_thread.run_sync(_load_web)
    from gitopsd import web  # noqa: PLC0415  # loaded above, in a thread: FastAPI takes a third of the start-up

    reconciliations = web.Reconciliations(behind.clock)
    behind.bus.subscribe(reconciliations.on_event)
    services = web.Services(
        applications=behind.supervisor.applications,
        application=behind.supervisor.application,
        refresh=behind.supervisor.refresh,
        reconciliations=reconciliations,
        children=behind.supervisor.children,
        metrics=behind.recorder.exposition,
        ready=behind.ready,
        version=__version__,
        on_bug=behind.on_bug,
    )
    public = await tasks.start(
        web.serve, web.create_app(services, web.Door.PUBLIC), web.TcpAddress(server.host, server.port)
    )
    await tasks.start(web.serve, web.create_app(services, web.Door.LOCAL), web.UnixSocket(socket))
    return Address(public.host, public.port, socket)


def _load_web() -> ModuleType:
    """Import the web room while the applications are being looked at."""
    from gitopsd import web  # noqa: PLC0415  # loaded only where doors are opened

    return web
