"""One pass over an application, and what becomes of it where something goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from gitopsd.control.adapters import Adapters
from gitopsd.control.application import Application
from gitopsd.control.applications import Applications
from gitopsd.control.bookkeeping import Bookkeeping
from gitopsd.control.bus import Bus
from gitopsd.control.destinations import Destinations
from gitopsd.control.publisher import Publisher
from gitopsd.control.queue import Level
from gitopsd.control.reconcile import reconcile
from gitopsd.control.revisions import Resolution, Revisions
from gitopsd.control.timers import Timers
from gitopsd.control.view import Request
from gitopsd.core.appstatus import AppStatus
from gitopsd.core.compare import Verdict
from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.errors import ClusterDown, GitopsdError, OperationError, SpecError, shown_url
from gitopsd.core.events import Reconciled
from gitopsd.core.hold import SyncSettings
from gitopsd.core.ids import AppName
from gitopsd.core.schedule import RECONCILE_ERROR, backoff_seconds
from gitopsd.ports.cluster import Cluster
from gitopsd.ports.tracer import Span

_REST_SECONDS: Final = 0.05
_LONGEST_REST_SECONDS: Final = 1.0


@dataclass(slots=True)
class ApplicationPass:
    """What a pass needs. `deleted` says whether an application is being deleted, or was; `looked` hears of each pass
    that ended, and `on_bug` of errors that are ours.
    """

    adapters: Adapters
    applications: Applications
    bus: Bus
    timers: Timers
    revisions: Revisions
    destinations: Destinations
    publisher: Publisher
    bookkeeping: Bookkeeping
    deleted: Callable[[AppName], bool]
    looked: Callable[[AppName], None]
    on_bug: Callable[[AppName, Exception], None]

    def tune(self, sync: SyncSettings) -> None:
        """The next passes sync like this."""
        self.adapters = replace(self.adapters, sync=sync)

    async def run(self, app: Application, level: Level) -> None:
        """One pass, with whatever goes wrong turned into a condition of this application alone (advisory Z2)."""
        with self.adapters.tracer.reconcile(app.spec.name, app.spec.project) as span:
            await self._guarded(app, level, span)

    async def _guarded(self, app: Application, level: Level, span: Span) -> None:
        before = app.status
        clock = self.adapters.clock
        started = clock.monotonic()
        app.disturbed = False
        server = ""
        failed = True
        try:
            cluster = await self.destinations.of(app)
            server = cluster.server
            failed = not await self._reconcile(app, cluster, level)
        except SpecError as error:
            app.refuse(error)
            span.fail(error)
            self.publisher.failed(app, ConditionType.INVALID_SPEC_ERROR, str(error))
        except GitopsdError as error:
            app.refuse(error)
            span.fail(error)
            if isinstance(error, ClusterDown):
                self.destinations.cut_off(app)
            self.publisher.failed(app, ConditionType.COMPARISON_ERROR, str(error))
            self._retry_later(app)
        except Exception as error:  # noqa: BLE001  # a bug met by one application's input must not end the daemon
            self.on_bug(app.spec.name, error)
            span.fail(error)
            app.refuse(OperationError("internal error; the log has the details", reason="Invalid", where=app.spec.name))
            self.publisher.failed(
                app, ConditionType.UNKNOWN_ERROR, f"internal error: {type(error).__name__}; the log has the details"
            )
            self._retry_later(app)
        now = clock.monotonic()
        seconds = now - started
        self._rest(app, seconds, now)
        self.looked(app.spec.name)
        if span.recording:
            _tell(span, server, level, before, app.status)
        self.bus.publish(Reconciled(app.spec, server, started, seconds, failed, fresh=level > Level.LIVE))

    def _rest(self, app: Application, seconds: float, now: float) -> None:
        """Space the looks at live changes: an object that flaps costs its application a few looks a second, no more."""
        rest = min(max(_REST_SECONDS, seconds), _LONGEST_REST_SECONDS)
        app.rest_until = now + rest
        if app.disturbed:
            self.timers.wake_after(app.spec.name, rest)

    async def _reconcile(self, app: Application, cluster: Cluster, level: Level) -> bool:
        """Whether the application could be compared."""
        if self.deleted(app.spec.name):
            app.refuse(_blocked(app, "it is being deleted, or was; it comes back when its entry changes"))
            return True
        if self.applications.resting(app.spec.name):
            app.refuse(_blocked(app, "its annotation argocd.argoproj.io/skip-reconcile lets it rest"))
            return True
        if app.spec.unsupported:
            raise SpecError(
                "it is left as it is",
                where=str(app.spec.position),
                why="; ".join(app.spec.unsupported),
                hint="correct the application, or the project if one is named",
            )
        resolutions = self.revisions.of(app.spec)
        if resolutions is None and app.pin is None:
            return True
        resolutions = resolutions or ()
        broken = next((item.error for item in resolutions if not item.commit), None)
        if broken is not None and app.pin is None:
            app.refuse(_blocked(app, broken))
            self.publisher.failed(app, ConditionType.COMPARISON_ERROR, broken)
            return False
        request = _request(resolutions if broken is None else (), level)
        outcome = await reconcile(app, cluster, request, self.adapters)
        self.revisions.also(app.spec.name, app.places)
        if outcome.comparison.having(Verdict.UNKNOWN) or app.orphaned.error:
            self._retry_later(app)
        else:
            app.failures = 0
        app.looked = app.judged = app.tried = True
        self.bookkeeping.note(app, cluster, outcome)
        return True

    def _retry_later(self, app: Application) -> None:
        app.failures += 1
        wait = backoff_seconds(RECONCILE_ERROR, app.failures)
        self.timers.wake_after(app.spec.name, wait + self.adapters.clock.jitter(wait / 10))


def _tell(span: Span, server: str, level: Level, before: AppStatus, now: AppStatus) -> None:
    """What became of the application, for the trace; a pass that changed nothing of that may be worth none."""
    span.note(
        cluster=shown_url(server),
        level=level.name.lower(),
        revision=",".join(now.revisions),
        sync=now.sync.value,
        health=now.health.status.value,
    )
    if (before.sync, before.health.status) != (now.sync, now.health.status):
        span.keep()


def _blocked(app: Application, why: str) -> OperationError:
    return OperationError("it cannot be synced now", reason="Blocked", where=app.spec.name, why=why)


def _request(resolutions: tuple[Resolution, ...], level: Level) -> Request:
    warnings = tuple(
        Condition(ConditionType.SOURCE_WARNING, f"the last known commit is kept: {item.error}")
        for item in resolutions
        if item.error
    )
    commits = tuple(item.commit for item in resolutions)
    return Request(commits, level, warnings, tuple(item.fetch for item in resolutions))
