"""Runs a daemon from its configuration file to its end."""

from __future__ import annotations

import faulthandler
import signal
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

import anyio
import anyio.to_thread
import structlog
import uvloop
from anyio.abc import TaskStatus

from gitopsd.config import Config, load
from gitopsd.core.appstatus import AppStatus
from gitopsd.core.counts import counted
from gitopsd.core.errors import GitopsdError
from gitopsd.daemon.collector import freeze_first_round
from gitopsd.daemon.daemon import Daemon
from gitopsd.daemon.log import Log
from gitopsd.daemon.notify import Notifier
from gitopsd.daemon.once import OnceResult, OnProgress, Rest
from gitopsd.daemon.openfiles import OpenFiles, raise_open_files
from gitopsd.daemon.reloads import Reloads

_BACKEND_OPTIONS: Final = {"loop_factory": uvloop.new_event_loop}

_log = structlog.get_logger("gitopsd.daemon")


@dataclass(frozen=True, slots=True)
class _Start:
    """What a daemon begins with: the configuration's path, the process's environment, its limit of open files."""

    path: str
    environ: Mapping[str, str]
    files: OpenFiles


def run_daemon(path: str, environ: Mapping[str, str]) -> None:
    """Run until SIGTERM or SIGINT. Raises `GitopsdError` (a `ConfigErrors` for the file) if it cannot start."""
    # systemd's watchdog ends a blocked daemon by SIGABRT: the log then says where it was, line by line.
    faulthandler.enable()
    with _plain_errors(), ExitStack() as closing:
        start = _Start(path, environ, raise_open_files())
        anyio.run(_serve, start, closing, backend_options=_BACKEND_OPTIONS)


def run_once(path: str, environ: Mapping[str, str], timeout: float, on_progress: OnProgress) -> OnceResult:
    """Reconcile everything once and wait, at most `timeout` seconds, until all applications rest.

    `on_progress` gets the statuses of all applications whenever one of them changes. Raises as `run_daemon`.
    """
    with _plain_errors(), ExitStack() as closing:
        start = _Start(path, environ, raise_open_files())
        return anyio.run(_once, start, timeout, on_progress, closing, backend_options=_BACKEND_OPTIONS)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """An error of ours that task groups wrapped on its way out is raised as it was."""
    try:
        yield
    except BaseExceptionGroup as group:
        ours, others = group.split(GitopsdError)
        if ours is None or others is not None:
            raise
        raise _first(ours) from None


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


async def _serve(start: _Start, closing: ExitStack) -> None:
    notifier = Notifier(start.environ)
    told = anyio.Event()
    async with anyio.create_task_group() as signals:
        # Before anything else, so that a signal while it starts ends it as cleanly as one later.
        await signals.start(_tell_end, told)
        await _run(start, notifier, told, closing)
        signals.cancel_scope.cancel()
    _log.info("stopped")


async def _run(start: _Start, notifier: Notifier, told: anyio.Event, closing: ExitStack) -> None:
    config, log = await _load(start, closing, keep_going=True)
    daemon = Daemon(config, start.environ, notifier=notifier, log=log)
    async with _collected(daemon), daemon, anyio.create_task_group() as tasks:
        await tasks.start(_reload_on_signal, daemon, notifier)
        tasks.start_soon(daemon.watch_files)
        count = len(config.applications)
        address = daemon.address
        listen = f"{address.host}:{address.port}" if address else ""
        _log.info("ready", applications=count, listen=listen, socket=str(daemon.socket_path))
        notifier.ready(counted(count, "applications"))
        await told.wait()
        notifier.stopping()
        _log.info("stopping")
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def _collected(daemon: Daemon) -> AsyncGenerator[None]:
    """The garbage collector stays out of the way until every application was looked at."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(freeze_first_round, lambda: daemon.running and daemon.ready()[0])
        yield
        tasks.cancel_scope.cancel()


async def _once(start: _Start, timeout: float, on_progress: OnProgress, closing: ExitStack) -> OnceResult:
    config, log = await _load(start, closing)
    daemon = Daemon(config, start.environ, doors=False, log=log)

    def applications() -> list[AppStatus]:
        return [status for status in daemon.applications() if not daemon.supervisor.resting(status.name)]

    rest = Rest(applications, daemon.clock, on_progress)
    daemon.bus.subscribe(rest.on_event)
    async with daemon:
        return await rest.wait(timeout)


async def _load(start: _Start, closing: ExitStack, *, keep_going: bool = False) -> tuple[Config, Log]:
    """The configuration, and the log as it says, which `closing` ends when the loop is over."""
    config = await anyio.to_thread.run_sync(lambda: load(start.path, environ=start.environ, keep_going=keep_going))
    log = Log(config.log.level, config.log.format, environ=start.environ, repeat_seconds=config.log.repeat_seconds)
    closing.enter_context(log.opened())
    before, now = start.files
    if now > before:
        _log.info("more files may be open now: the soft limit was raised to the hard one", before=before, now=now)
    return config, log


async def _tell_end(told: anyio.Event, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
    """Set `told` at the signal to end."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for _ in signals:
            told.set()


async def _reload_on_signal(
    daemon: Daemon, notifier: Notifier, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    async def reload() -> None:
        notifier.reloading(int(daemon.clock.monotonic() * 1_000_000))
        worked = await daemon.reload()
        notifier.ready("reloaded" if worked else "reload failed; the old configuration goes on (the log says why)")

    reloads = Reloads(reload)
    with anyio.open_signal_receiver(signal.SIGHUP) as signals:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(reloads.run)
            task_status.started()
            async for _ in signals:
                reloads.ask()
