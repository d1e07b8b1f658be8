"""Why applications are not synced by themselves now: what they wait for, sync windows, and the circuit breaker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from gitopsd.core.app import AppSpec, Dependency
from gitopsd.core.breaker import GRANTED, Breaker, BreakerSettings, Leave
from gitopsd.core.dependency import ABSENT, DependencyState, Readiness, blocked_by
from gitopsd.core.hold import FREE, Hold
from gitopsd.core.ids import AppName
from gitopsd.core.project import Projects
from gitopsd.core.window import judge
from gitopsd.ports.clock import Clock
from gitopsd.ports.schedule import Schedules

StateOf = Callable[[AppName], DependencyState | None]
ReadinessOf = Callable[[AppName], Mapping[Dependency, Readiness]]


@dataclass(slots=True)
class Holds:
    """Asked before each sync of any application; costs nothing for those without dependencies and windows.

    `state_of` is how an application stands, `readiness_of` the live objects that one waits for, `managed` how many
    objects are managed on a cluster. `wake` has applications looked at again. `on_breaker` hears of each cluster whose
    circuit breaker opens or closes. Without `schedules` there are no windows,
    without `breaking` no circuit breaker.
    """

    projects: Callable[[], Projects]
    schedules: Schedules | None
    clock: Clock
    state_of: StateOf
    readiness_of: ReadinessOf
    managed: Callable[[str], int]
    wake: Callable[[AppName], None]
    breaking: BreakerSettings | None = field(default_factory=BreakerSettings)
    on_breaker: Callable[[str, bool], None] = lambda _cluster, _open: None
    _breakers: dict[str, Breaker] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)

    def of(self, spec: AppSpec, *cluster: str) -> Hold:
        """Why the application, whose cluster has these names (its URL, its name), has to wait now."""
        reasons: tuple[str, ...] = ()
        if spec.depends_on:
            readiness = self.readiness_of(spec.name)
            reasons = blocked_by(spec, self.state_of, lambda item: readiness.get(item, ABSENT))
        windows = self.projects().windows(spec, *cluster)
        if not windows or self.schedules is None:
            return Hold(reasons) if reasons else FREE
        now = self.clock.now()
        verdict = judge(self.schedules.states(windows, now))
        if not verdict.automated:
            reasons = (*reasons, verdict.reason)
        again = (verdict.again - now).total_seconds() if verdict.again is not None else None
        return Hold(
            reasons,
            again=again,
            manual=verdict.manual,
            stops="" if verdict.goes_on(automated=True) else verdict.reason,
            stops_manual="" if verdict.goes_on(automated=False) else verdict.reason,
        )

    def ask(self, app: AppName, cluster: str, prunes: int) -> Leave:
        """Before an automated sync that prunes so many objects."""
        breaker = self._breaker(cluster)
        if breaker is None:
            return GRANTED
        leave = breaker.ask(app, prunes, self.managed(cluster), self.clock.monotonic())
        self._after(cluster, breaker, leave.woken)
        return leave

    def ended(self, app: AppName, cluster: str, *, succeeded: bool, automated: bool) -> None:
        """A sync of the application is over."""
        breaker = self._breaker(cluster)
        if breaker is None:
            return
        woken = breaker.ended(app, self.clock.monotonic(), succeeded=succeeded, automated=automated)
        self._after(cluster, breaker, woken)

    def settled(self, app: AppName, cluster: str) -> None:
        """The application has nothing to sync."""
        breaker = self._breakers.get(cluster)
        if breaker is not None:
            self._after(cluster, breaker, breaker.settled(app))

    def reset(self, cluster: str, confirmed: AppName) -> None:
        """Somebody says that all may go on, and one of them (`confirmed`) in any case."""
        breaker = self._breakers.get(cluster)
        if breaker is not None:
            self._after(cluster, breaker, breaker.reset(confirmed))

    def forget(self, app: AppName) -> None:
        """The application is there no more."""
        for cluster, breaker in self._breakers.items():
            self._after(cluster, breaker, breaker.forget(app))

    def tune(self, breaking: BreakerSettings | None) -> None:
        """Other limits: what was counted so far counts no more."""
        if breaking != self.breaking:
            self.breaking = breaking
            self._breakers.clear()
            for cluster in self._open:
                self.on_breaker(cluster, False)
            self._open.clear()

    def _after(self, cluster: str, breaker: Breaker, woken: Iterable[AppName]) -> None:
        """Something happened to a breaker."""
        for name in woken:
            self.wake(name)
        opened = bool(breaker.reasons)
        if opened != (cluster in self._open):
            (self._open.add if opened else self._open.discard)(cluster)
            self.on_breaker(cluster, opened)

    def _breaker(self, cluster: str) -> Breaker | None:
        if self.breaking is None:
            return None
        if cluster not in self._breakers:
            self._breakers[cluster] = Breaker(self.breaking)
        return self._breakers[cluster]
