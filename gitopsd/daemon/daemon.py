"""One gitopsd: applications supervised, events heard, configuration reloaded, doors open."""

from __future__ import annotations

import math
import os
from collections.abc import AsyncGenerator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import structlog
from anyio import AsyncContextManagerMixin

from gitopsd import __version__
from gitopsd.config import Config, changes, load
from gitopsd.control.actions import Done
from gitopsd.control.bus import Bus, Subscriber
from gitopsd.control.settings import SupervisorSettings
from gitopsd.control.supervisor import Supervisor
from gitopsd.control.world import Remembered, World
from gitopsd.core.appstatus import AppStatus
from gitopsd.core.counts import counted
from gitopsd.core.errors import ConfigError, GitopsdError, StoreError
from gitopsd.core.events import ConfigReloaded
from gitopsd.core.health.timing import Timing
from gitopsd.core.hold import SyncSettings
from gitopsd.core.ids import AppName
from gitopsd.core.liveness import Facts
from gitopsd.core.schedule import Backoff
from gitopsd.cron.schedules import CronSchedules
from gitopsd.daemon.alive import Alive
from gitopsd.daemon.backup import RunningBackups
from gitopsd.daemon.childapps import ManifestReader
from gitopsd.daemon.clock import SystemClock
from gitopsd.daemon.clockwatch import watch_clock
from gitopsd.daemon.debugger import Debugger
from gitopsd.daemon.doors import Address, Behind, check_port, open_doors
from gitopsd.daemon.eventlog import EventLog
from gitopsd.daemon.gauges import show_gauges
from gitopsd.daemon.log import Log
from gitopsd.daemon.notify import Notifier, watchdog_seconds
from gitopsd.daemon.rooms import OpenRooms, Rooms
from gitopsd.daemon.traces import open_traces
from gitopsd.metrics import Recorder, sample_loop_lag
from gitopsd.rules.readiness import ReadinessJudge
from gitopsd.store.lock import refuse_held
from gitopsd.store.writer import StatusWriter

_KEEP_SECONDS: Final = 300.0
_PING_SECONDS: Final = 2.0
SOCKET_NAME: Final = "gitopsd.sock"

_log = structlog.get_logger("gitopsd.daemon")


class Daemon(AsyncContextManagerMixin):
    """Everything that runs for one configuration; `async with` starts and ends it.

    `doors`: whether to listen (`run --once` does not). `subscribers` hear of every event from the first on. `log` is
    the process's, if it has one whose level can be changed.
    """

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        *,
        doors: bool = True,
        subscribers: tuple[Subscriber, ...] = (),
        notifier: Notifier | None = None,
        log: Log | None = None,
    ) -> None:
        self.config = config
        self._started_with = config
        self.clock = SystemClock()
        server = config.server
        self.recorder = Recorder(
            prefix=server.metrics_prefix, version=__version__, labels=server.metrics_application_labels
        )
        self.bus = Bus(lambda error: _log.error("an event's listener failed", exc_info=error))
        self._environ = environ
        self._doors = doors
        self.alive = Alive(
            self._facts, self.clock, notifier or Notifier({}), within=watchdog_seconds(environ, os.getpid())
        )
        self._reloading = anyio.Lock()
        self._rooms: Rooms | None = None
        self._supervisor: Supervisor | None = None
        self._running = False
        self._address: Address | None = None
        self._debugger = Debugger(config.log, log, self.clock)
        self._unused: set[str] = set()
        for subscriber in (self.recorder.on_event, EventLog().on_event, *subscribers):
            self.bus.subscribe(subscriber)

    @property
    def running(self) -> bool:
        """Whether it has its applications, and has not ended."""
        return self._running

    @property
    def supervisor(self) -> Supervisor:
        """The applications; RuntimeError while the daemon does not run."""
        if self._supervisor is None:
            raise RuntimeError("the daemon does not run")
        return self._supervisor

    @property
    def address(self) -> Address | None:
        """Where it listens; None without doors."""
        return self._address

    @property
    def socket_path(self) -> Path:
        """The unix socket of the API."""
        return Path(self.config.state_dir) / SOCKET_NAME

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[Daemon]:
        self._warn(self.config)
        self.recorder.reload(ok=not self.config.errors and not self.config.broken, when=self.clock.now())
        for name, broken in self.config.broken.items():
            _log.error("cluster out of reach until its kubeconfig is corrected", cluster=name, error=str(broken))
        for error in self.config.errors:
            _log.error("application left out until its definition is corrected; its objects stay", error=str(error))
        if self._doors:
            await self._check_port()
        async with (
            open_traces(self.config.tracing, self._environ, self.clock) as traces,
            OpenRooms(
                self.config, self._environ, self.clock, self.recorder, projects=lambda: self.config.projects
            ) as rooms,
            StatusWriter(rooms.store, self._store_trouble) as writer,
            anyio.create_task_group() as tasks,
        ):
            self._rooms = rooms
            self.recorder.exemplar = traces.tracer.current
            self._debugger.show_traces(traces.tracer)
            world = World(
                rooms.sources,
                rooms.renderer,
                rooms.clusters,
                self.clock,
                rooms.judging,
                rooms.journal,
                rooms.repositories.refusal,
                rooms.judging.expressions,
                on_store_trouble=self._journal_trouble,
                on_breaker=self.recorder.circuit_breaker,
                schedules=CronSchedules(),
                actions=rooms.acting,
                on_action=_acted,
                plan_key=rooms.journal.key("plan ids"),
                readiness=ReadinessJudge(rooms.judging, rooms.judging.expressions),
                applications=ManifestReader(lambda: self.config),
                tracer=traces.tracer,
            )
            try:
                async with Supervisor(world, self.bus, _settings(self.config), self._bug) as supervisor:
                    self._supervisor = supervisor
                    rooms.directory.on_change = supervisor.rewire
                    rooms.repositories.on_change = lambda projects: supervisor.reaccess(projects=projects)
                    journal = rooms.journal
                    remembered = Remembered(
                        await rooms.store.statuses(),
                        await journal.in_flight(),
                        await journal.ended(),
                        await journal.pins(),
                    )
                    certain = not self.config.errors
                    await supervisor.restore_children(await journal.children())
                    await supervisor.resume_deletions(self.config.applications, remembered, certain=certain)
                    supervisor.configure(self.config.applications, remembered, certain=certain)
                    self._running = True
                    self.bus.subscribe(writer.on_event)  # not before: what was remembered need not be saved again
                    if certain:
                        await self._forget_removed(rooms, remembered.statuses.keys())
                    del remembered  # with thousands of objects it is large, and this goes on to the end
                    show_gauges(self.recorder, self.config, rooms, supervisor, self.clock)
                    self.recorder.ask_log(self._debugger.lost_lines)
                    self.recorder.ask_traces(lambda: (traces.delivered().sent, traces.delivered().lost))
                    tasks.start_soon(sample_loop_lag, self.recorder, self.clock)
                    tasks.start_soon(watch_clock, self.clock, supervisor.set_clock)
                    tasks.start_soon(self._keep_house)
                    tasks.start_soon(self._debugger.run)
                    tasks.start_soon(self.alive.run)
                    if self._doors:
                        behind = Behind(
                            supervisor,
                            self.recorder,
                            self.bus,
                            self.clock,
                            self.ready,
                            self._route_bug,
                            rooms.repositories.statuses,
                            lambda: rooms.directory.statuses(supervisor.applications()),
                            world.judge,
                            lambda: self.config.resources.mask_annotations,
                            lambda: str(self.alive.verdict()),
                            self._debugger,
                            RunningBackups(lambda: self.config, self.clock),
                        )
                        self._address = await open_doors(behind, self.config.server, self.socket_path, tasks)
                    yield self
            finally:
                self._supervisor = None
                self._running = False
                tasks.cancel_scope.cancel()

    async def reload(self) -> bool:
        """Load the configuration's files again; on failure the present one goes on. Whether it worked."""
        async with self._reloading:
            try:
                # What could not be used before keeps nothing else from being used now.
                config = await anyio.to_thread.run_sync(
                    lambda: load(self.config.path, environ=self._environ, broken=self.config.broken)
                )
            except GitopsdError as error:
                self._reloaded(str(error))
                return False
            changed = config.digest != self.config.digest
            if changed:
                try:
                    await self._swap(config)
                except GitopsdError as error:
                    self._reloaded(str(error))
                    return False
            elif self._rooms is not None:
                self._rooms.repositories.reread()
                self._rooms.directory.reread()
                if config.warnings != self.config.warnings:  # a file of a secret is open to others now, or no more
                    self.config = replace(self.config, warnings=config.warnings)
                    self._warn(config)
            self._reloaded("", changed=changed)
            return True

    async def watch_files(self) -> None:
        """Reload whenever a file of the configuration changes, until cancelled."""
        while True:
            config = self.config
            async for _ in changes(config):
                await self.reload()
                if self.config is not config:
                    break

    def applications(self) -> tuple[AppStatus, ...]:
        """The present status of every application."""
        return tuple(status for _, status in self.supervisor.applications().values())

    def ready(self) -> tuple[bool, str]:
        """Whether every application was looked at since the start, and if not how many were not."""
        unseen = self.supervisor.unseen()
        return not unseen, f"{counted(unseen, 'applications')} not looked at yet" if unseen else ""

    async def _facts(self) -> Facts:
        """What the liveness check goes by."""
        rooms = self._rooms
        if rooms is None:
            return Facts()
        pools = (rooms.judging, *([rooms.engine] if rooms.engine is not None else ()))
        seconds, name = self.supervisor.longest_pass()
        return Facts(
            ended=(*self.supervisor.ended(), *rooms.clusters.ended()),
            longest_pass=seconds,
            longest_pass_of=name,
            engine_silence=max([await pool.silence(_PING_SECONDS) for pool in pools]),
        )

    async def _swap(self, config: Config) -> None:
        rooms = self._rooms
        if rooms is None:
            return
        before = self.config
        judged_otherwise = await rooms.judging.reconfigure(config.resources)
        rooms.repositories.reconfigure(config)
        await rooms.acting.reconfigure(config.resources)
        rooms.sops.reconfigure(config.sops)
        rooms.clusters.customize(config.resources)
        await rooms.directory.reconfigure(config)
        # The state stays where it is, whatever the files say, and a backup is of that one.
        started = self._started_with
        self.config = replace(config, state_dir=started.state_dir, state_key=started.state_key)
        self._debugger.reconfigure(config.log)
        self._warn(config)
        self._tell_pending(config)
        self.supervisor.tune(_settings(config))
        if config.surroundings != before.surroundings:
            await self.supervisor.reread_children()
        self.supervisor.configure(config.applications, certain=not config.errors)
        if judged_otherwise:
            self.supervisor.rejudge()
        if config.sops != before.sops:
            self.supervisor.reaccess(projects=True)

    def _tell_pending(self, config: Config) -> None:
        """What waits for a restart: what the files say now against what runs, not against what they said last."""
        for key, runs, wanted in _fixed_at_start(self._started_with, config):
            if runs == wanted:
                continue
            moved = key == "state" and config.state_dir != self._started_with.state_dir
            # Commands that are given the file look for the socket in the new folder.
            until_then = {"until_then": f"--socket {self.socket_path}"} if moved else {}
            _log.warning("this setting takes effect at the next start", setting=key, **until_then)

    async def _check_port(self) -> None:
        """Where the port is taken by the daemon of the same configuration, that is what has to be said."""
        try:
            await check_port(self.config.server)
        except ConfigError:
            await anyio.to_thread.run_sync(refuse_held, Path(self.config.state_dir))
            raise

    def _reloaded(self, error: str, *, changed: bool = False) -> None:
        self.recorder.reload(ok=not error, when=self.clock.now())
        self.bus.publish(ConfigReloaded(error, changed))

    def _bug(self, name: AppName, error: Exception) -> None:
        self.recorder.internal_error("control")
        _log.error("internal error; the other applications go on", application=name, exc_info=error)

    def _route_bug(self, route: str, error: Exception) -> None:
        self.recorder.internal_error("web")
        _log.error("internal error while answering a request", route=route, exc_info=error)

    def _store_trouble(self, error: StoreError | None) -> None:
        if error is None:
            _log.info("status can be saved again")
            return
        self.recorder.store_failed()
        _log.error("status not saved; it is tried again until it is", error=str(error))

    def _journal_trouble(self, error: StoreError) -> None:
        self.recorder.journal_failed()
        _log.error("what a sync did could not be kept", error=str(error))

    async def _keep_house(self) -> None:
        """Now and then forget snapshots and mirrors that nobody uses any more, and tell of rules that nobody needs."""
        while True:
            await anyio.sleep(_KEEP_SECONDS + self.clock.jitter(_KEEP_SECONDS))
            if self._rooms is not None and self._supervisor is not None:
                self._tell_unused(self._supervisor)
                try:
                    await self._rooms.sources.keep(_together(self._supervisor.commits(), self._rooms.renderer.used()))
                except GitopsdError as error:
                    _log.warning("old snapshots not removed", error=str(error))

    def _tell_unused(self, supervisor: Supervisor) -> None:
        """Each rule once."""
        for rule in supervisor.unused_ignores():
            if rule not in self._unused:
                self._unused.add(rule)
                _log.warning("a rule finds nothing to ignore in any application", rule=rule)

    async def _forget_removed(self, rooms: Rooms, remembered: Collection[AppName]) -> None:
        known = self.supervisor.applications()
        # A child whose record cannot be read now may be read again with the right key: its history stays.
        brought = await rooms.journal.child_names()
        names = [name for name in remembered if name not in known and name not in brought]
        if names:
            await rooms.store.remove(names)
        for name in names:
            await rooms.journal.forget(name)

    def _warn(self, config: Config) -> None:
        for warning in config.warnings:
            _log.warning("configuration warning", warning=warning)


def _acted(done: Done) -> None:
    _log.info("resource action", application=done.app, object=str(done.key), action=done.action, by=done.by)


def _settings(config: Config) -> SupervisorSettings:
    reconcile = config.reconcile
    heal = reconcile.self_heal
    return SupervisorSettings(
        interval=reconcile.refresh_interval_seconds or math.inf,  # 0 never asks
        jitter=reconcile.jitter_seconds,
        concurrency=reconcile.concurrency,
        self_heal=Backoff(heal.seconds, heal.factor, heal.max_seconds),
        timing=Timing(timeouts=config.resources.health_timeouts),
        resources=config.resources,
        projects=config.projects,
        sync=SyncSettings(
            protected=config.sync.protected_kinds,
            timeout=config.sync.timeout_seconds or None,
            hook_timeout=config.sync.hook_timeout_seconds,
            breaker=config.sync.breaker,
        ),
    )


def _together(one: Mapping[str, frozenset[str]], other: Mapping[str, frozenset[str]]) -> Mapping[str, frozenset[str]]:
    return {origin: one.get(origin, frozenset()) | other.get(origin, frozenset()) for origin in {*one, *other}}


def _fixed_at_start(before: Config, after: Config) -> Iterator[tuple[str, object, object]]:
    """Settings that a running daemon cannot take over: key, the value it started with, the value in `after`."""
    yield "server", before.server, after.server
    yield "state", (before.state_dir, before.state_key), (after.state_dir, after.state_key)
    yield "cache", before.cache_dir, after.cache_dir
    yield "git", before.git, after.git
    yield "render", before.render, after.render
    yield "plugins", before.plugins, after.plugins
    yield "pluginPath", before.plugin_path, after.plugin_path
    yield "log.format", before.log.format, after.log.format
    yield "tracing", before.tracing, after.tracing
