"""What is noted after a pass: operations that ended, when to look again, the status."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from gitopsd.control.application import Application
from gitopsd.control.bus import Bus
from gitopsd.control.holds import Holds
from gitopsd.control.publisher import Publisher
from gitopsd.control.queue import Level, WorkQueue
from gitopsd.control.retries import Retries
from gitopsd.control.timers import Timers
from gitopsd.control.view import Outcome
from gitopsd.core.appstatus import SyncCode, judged_again_at
from gitopsd.core.causes import causes_of
from gitopsd.core.decide import Act, next_attempt
from gitopsd.core.events import OperationEnded
from gitopsd.core.ids import AppName
from gitopsd.core.operation import Operation, Phase
from gitopsd.core.progress import runs_hooks
from gitopsd.ports.clock import Clock
from gitopsd.ports.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Bookkeeping:
    """Tells everybody who has to know what a pass found and did."""

    bus: Bus
    clock: Clock
    queue: WorkQueue
    timers: Timers
    holds: Holds
    retries: Retries
    publisher: Publisher

    def note(self, app: Application, cluster: Cluster, outcome: Outcome) -> None:
        """A pass over the application, which is on `cluster`, came to this."""
        name = app.spec.name
        app.comparison = outcome.comparison
        for ended in (outcome.given_up, outcome.operation):
            self._tell_end(app, cluster, ended)
        if app.asked_syncs or app.refused is not None:
            self.queue.add(name, Level.LIVE)
        self._look_at(name, outcome.again)
        if outcome.operation is not None and outcome.operation.phase.done:
            self._remember(app, outcome.operation, outcome)
        if outcome.status.sync is SyncCode.SYNCED:
            self.holds.settled(name, cluster.name)
        if outcome.decision.act is Act.WAIT:
            self.timers.wake_after(name, outcome.decision.seconds)
        self._look_at(name, judged_again_at(outcome.status.resources))
        self.publisher.publish(app, outcome.status)

    def _tell_end(self, app: Application, cluster: Cluster, ended: Operation | None) -> None:
        if ended is None or ended.finished_at is None:
            return
        seconds = (ended.finished_at - ended.started_at).total_seconds()
        self.bus.publish(OperationEnded(app.spec, cluster.server, replace(ended, plan=None), seconds))
        self.holds.ended(
            app.spec.name, cluster.name, succeeded=ended.phase is Phase.SUCCEEDED, automated=ended.request.automated
        )

    def _remember(self, app: Application, operation: Operation, outcome: Outcome) -> None:
        """How the operation ended, for the decisions of the next passes."""
        succeeded = operation.phase is Phase.SUCCEEDED
        app.causes, app.cause_versions = ({} if succeeded else causes_of(operation)), {}
        unfinished = operation.phase is Phase.FAILED and runs_hooks(operation)
        now = self.clock.monotonic()
        app.attempt = next_attempt(app.attempt, operation.digest, now, succeeded=succeeded, unfinished=unfinished)
        if operation.phase is Phase.FAILED:
            self.retries.ask_again(app, operation)
        if not succeeded or not outcome.comparison.synced or operation.request.revisions:
            self.queue.add(app.spec.name, Level.LIVE)  # else this pass has looked again already

    def _look_at(self, name: AppName, moment: datetime | None) -> None:
        if moment is not None:
            self.timers.wake_after(name, max(0.0, (moment - self.clock.now()).total_seconds()))
