"""What syncs, their hooks, rollbacks and deletions leave in the metrics."""

from __future__ import annotations

from collections import Counter
from typing import Final

from prometheus_client import CollectorRegistry

from gitopsd.core.events import OperationEnded, StatusChanged
from gitopsd.core.history import Deletion, DeletionPhase
from gitopsd.core.ids import AppName
from gitopsd.core.operation import Operation, Phase
from gitopsd.metrics import names
from gitopsd.metrics.metric import Metric
from gitopsd.metrics.series import CounterSeries, GaugeSeries, HistogramSeries

_RUNNING, _WAITING, _TERMINATING = "running", "waiting", "terminating"
_DELETIONS: Final = tuple(
    phase.value
    for phase in DeletionPhase
    if phase not in (DeletionPhase.NONE, DeletionPhase.ARMED, DeletionPhase.DELETED)
)


class OperationSeries:
    """The series about operations; each event costs the same, however many applications there are."""

    def __init__(self, prefix: str, registry: CollectorRegistry) -> None:
        self._seconds = HistogramSeries(names.OPERATION_SECONDS, prefix, registry)
        self._objects = CounterSeries(names.OPERATION_OBJECTS, prefix, registry)
        self._hooks = CounterSeries(names.HOOKS, prefix, registry)
        self._rollbacks = CounterSeries(names.ROLLBACKS, prefix, registry)
        self._operations = _Census(names.OPERATIONS, (_RUNNING, _WAITING, _TERMINATING), prefix, registry)
        self._deletions = _Census(names.DELETIONS, _DELETIONS, prefix, registry)

    def changed(self, event: StatusChanged) -> None:
        """An application's status is another one."""
        name, status, before = event.spec.name, event.status, event.previous
        self._operations.put(name, _state(status.operation))
        self._deletions.put(name, status.deletion.phase.value if status.deletion and status.deletion.under_way else "")
        if before is not None:  # what was so at the start was counted before it, by the daemon that did it
            self._count_deletions_hooks(status.deletion, before.deletion)

    def ended(self, event: OperationEnded, trace: str = "") -> None:
        """A sync is over; `trace` is the id of the trace that it ended in."""
        operation = event.operation
        self._operations.put(event.spec.name, "")
        self._seconds.observe(max(0.0, event.seconds), operation.phase.value, trace=trace)
        for result, count in Counter(item.code.value for item in operation.results.values()).items():
            self._objects.add(result, amount=count)
        for item, run in operation.hooks.items():
            self._hooks.add(item.phase.value, run.outcome.value)
        if operation.request.history is not None:
            self._rollbacks.add(operation.phase.value, "true" if operation.request.automated else "false")

    def removed(self, name: AppName) -> None:
        """An application is there no more."""
        self._operations.put(name, "")
        self._deletions.put(name, "")

    def _count_deletions_hooks(self, now: Deletion | None, before: Deletion | None) -> None:
        if now is None:
            return
        known = before.hooks if before is not None and before.id == now.id else {}
        for item, run in now.hooks.items():
            if run.outcome.done and (item not in known or known[item].outcome is not run.outcome):
                self._hooks.add(item.phase.value, run.outcome.value)


class _Census:
    """A gauge of how many applications are in each of some states; "" is none of them."""

    def __init__(self, metric: Metric, states: tuple[str, ...], prefix: str, registry: CollectorRegistry) -> None:
        self._gauge = GaugeSeries(metric, prefix, registry)
        self._states: dict[AppName, str] = {}
        self._counts = dict.fromkeys(states, 0)
        for state in states:
            self._gauge.set(state, 0.0, state)

    def put(self, name: AppName, state: str) -> None:
        """The application is in this state from now on."""
        before = self._states.get(name, "")
        if state == before:
            return
        for changed, by in ((before, -1), (state, 1)):
            if changed:
                self._counts[changed] += by
                self._gauge.set(changed, float(self._counts[changed]), changed)
        if state:
            self._states[name] = state
        else:
            del self._states[name]


def _state(operation: Operation | None) -> str:
    if operation is None or operation.phase.done:
        return ""
    if operation.phase is Phase.TERMINATING:
        return _TERMINATING
    return _WAITING if operation.applied or operation.running_hooks else _RUNNING
