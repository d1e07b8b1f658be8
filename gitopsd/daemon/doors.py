"""Where the daemon listens: the public door for probes and Prometheus, the unix socket for the API."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread
from anyio.abc import TaskGroup

from gitopsd import __version__
from gitopsd.config import ServerSettings
from gitopsd.control.bus import Bus
from gitopsd.control.supervisor import Supervisor
from gitopsd.core.errors import ConfigError
from gitopsd.metrics import Recorder
from gitopsd.ports.backup import Backups
from gitopsd.ports.clock import Clock
from gitopsd.ports.clusterstatus import ClusterStatus
from gitopsd.ports.debugging import Debugging
from gitopsd.ports.health import HealthJudge
from gitopsd.ports.sources import RepositoryStatus

if TYPE_CHECKING:
    from types import ModuleType


@dataclass(frozen=True, slots=True)
class Address:
    """Host and real port of the public door, and the path of the socket."""

    host: str
    port: int
    path: Path


@dataclass(frozen=True, slots=True)
class Behind:
    """What answers behind the doors."""

    supervisor: Supervisor
    recorder: Recorder
    bus: Bus
    clock: Clock
    ready: Callable[[], tuple[bool, str]]
    on_bug: Callable[[str, Exception], None]
    repositories: Callable[[], Sequence[RepositoryStatus]]
    clusters: Callable[[], Sequence[ClusterStatus]]
    judge: HealthJudge
    masked_annotations: Callable[[], frozenset[str]]
    not_alive: Callable[[], str]
    debugging: Debugging
    backups: Backups


async def check_port(server: ServerSettings) -> None:
    """Raise `ConfigError` if the public door could not be opened, before anything else is done.

    A daemon that finds its port taken only after it began to sync would do so at each restart.
    """
    if server.port:
        await anyio.to_thread.run_sync(_listen_once, server.host, server.port)


def _listen_once(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise ConfigError(
            "cannot listen",
            where=f"{host}:{port}",
            why=error.strerror or str(error),
            hint="stop the program that has the port, or set server.listen to another one",
        ) from None


async def open_doors(behind: Behind, server: ServerSettings, path: Path, tasks: TaskGroup) -> Address:
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
        judge=behind.judge,
        operations=behind.supervisor.operations,
        actions=behind.supervisor.actions,
        metrics=behind.recorder.exposition,
        ready=behind.ready,
        not_alive=behind.not_alive,
        debugging=behind.debugging,
        backups=behind.backups,
        version=__version__,
        orphaned=behind.supervisor.orphaned,
        on_bug=behind.on_bug,
        repositories=behind.repositories,
        clusters=behind.clusters,
        tree=behind.supervisor.trees.look,
        comparison=behind.supervisor.comparison,
        masked_annotations=behind.masked_annotations,
    )
    public = await tasks.start(
        web.serve, web.create_app(services, web.Door.PUBLIC), web.TcpAddress(server.host, server.port)
    )
    await tasks.start(web.serve, web.create_app(services, web.Door.LOCAL), web.UnixSocket(path))
    return Address(public.host, public.port, path)


def _load_web() -> ModuleType:
    """Import the web room while the applications are being looked at."""
    from gitopsd import web  # noqa: PLC0415  # loaded only where doors are opened

    return web
