"""What people ask of applications, answered in memory: for tests of the API and the commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from gitopsd.control.operations import Operations
from gitopsd.core.errors import OperationError
from gitopsd.core.history import NOTHING_PAST, Deletion, DeletionPhase, Past, Pin
from gitopsd.core.ids import AppName
from gitopsd.core.manifest import Desired
from gitopsd.core.operation import Operation, Phase
from gitopsd.core.planview import PlanView
from gitopsd.core.syncrequest import SyncRequest

NOTHING_PLANNED: Final = PlanView("p0", (), (), (), {}, frozenset())


def _nobody(_name: AppName, _operation: Operation) -> None:
    """Nobody looks."""


@dataclass
class FakeOperations:
    """`control.Operations`. A test says what there is, and looks at `asked`: (what, application, request) in order.

    `views` are the plans by application (an empty one where none is given), `underway` the operations that run,
    `pasts` the histories, `stored` what their entries deployed. `on_change` hears of each operation that begins or
    changes. `fault` is raised by whatever is asked next. Operations run until `finish`; with `queueing` they wait for
    their turn first. `outcomes` are those of syncs of which no operation came.
    """

    applications: Callable[[AppName], object] = lambda _name: True
    on_change: Callable[[AppName, Operation], None] = _nobody
    views: dict[AppName, PlanView] = field(default_factory=dict)
    underway: dict[AppName, Operation] = field(default_factory=dict)
    pasts: dict[AppName, Past] = field(default_factory=dict)
    stored: dict[tuple[AppName, int], Desired] = field(default_factory=dict)
    deletions: dict[AppName, Deletion] = field(default_factory=dict)
    asked: list[tuple[str, AppName, SyncRequest | None]] = field(default_factory=list)
    now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)
    fault: Exception | None = None
    queueing: bool = False
    outcomes: dict[AppName, Operation] = field(default_factory=dict)

    async def plan(self, name: AppName, request: SyncRequest) -> PlanView:
        """As `control.Operations` says."""
        self._note("plan", name, request)
        return self.views.get(name, NOTHING_PLANNED)

    async def sync(self, name: AppName, request: SyncRequest) -> Operation:
        """As `control.Operations` says."""
        self._note("sync", name, request)
        return self._begin(name, request)

    async def rollback(self, name: AppName, entry: int, request: SyncRequest) -> Operation:
        """As `control.Operations` says."""
        self._note("rollback", name, request)
        past = self.pasts.get(name, NOTHING_PAST)
        found = past.find(entry)
        if found is None:
            raise OperationError("there is no such history entry", reason="NotFound", where=name)
        operation = self._begin(name, request)
        if not request.dry_run:
            pin = Pin(entry, found.manifests, found.digest, "", self.now, request.initiated_by)
            self.pasts[name] = replace(past, pin=pin)
        return operation

    async def unpin(self, name: AppName) -> None:
        """As `control.Operations` says."""
        self._note("unpin", name)
        past = self.pasts.get(name, NOTHING_PAST)
        if past.pin is None:
            raise OperationError("it is not pinned", reason="Invalid", where=name)
        self.pasts[name] = replace(past, pin=None)

    async def confirm(self, name: AppName) -> None:
        """As `control.Operations` says."""
        self._note("confirm", name)
        operation = self._running(name)
        self._change(name, replace(operation, request=replace(operation.request, confirmed=True)))

    async def terminate(self, name: AppName) -> Operation | None:
        """As `control.Operations` says."""
        self._note("terminate", name)
        running = self._running(name)
        if running.phase is Phase.PENDING:
            del self.underway[name]
            message = f"{name}: taken back before it began"
            taken = replace(running, phase=Phase.FAILED, message=message, finished_at=self.now)
            self.outcomes[name] = taken
            self.on_change(name, taken)
            return taken
        self._change(name, replace(self._running(name), phase=Phase.TERMINATING, message="terminated"))
        return None

    async def history(self, name: AppName) -> Past:
        """As `control.Operations` says."""
        self._note("history", name)
        return self.pasts.get(name, NOTHING_PAST)

    async def manifests(self, name: AppName, entry: int) -> Desired:
        """As `control.Operations` says."""
        self._note("manifests", name)
        if (name, entry) not in self.stored:
            raise OperationError("there is no such history entry", reason="NotFound", where=name)
        return self.stored[name, entry]

    async def delete(self, name: AppName, *, cascade: str, by: str) -> Deletion:
        """As `control.Operations` says."""
        self._note("delete", name)
        phase = DeletionPhase.DELETED if cascade == "orphan" else DeletionPhase.DELETING
        deletion = Deletion(name, cascade, self.now, phase=phase, by=by)
        self.deletions[name] = deletion
        return deletion

    def outcome(self, name: AppName, operation: str) -> Operation | None:
        """As `control.Operations` says."""
        found = self.outcomes.get(name)
        return found if found is not None and found.id == operation else None

    def finish(self, name: str, phase: Phase = Phase.SUCCEEDED, message: str = "") -> Operation:
        """The operation under way ends; as it ended."""
        operation = self.underway.pop(AppName(name))
        ended = replace(operation, phase=phase, message=message, finished_at=self.now, plan=None)
        self.on_change(AppName(name), ended)
        return ended

    def _begin(self, name: AppName, request: SyncRequest) -> Operation:
        if name in self.underway:
            raise OperationError("another operation is under way", reason="InProgress", where=name)
        view = self.views.get(name, NOTHING_PLANNED)
        if request.plan and request.plan != view.id:
            raise OperationError("the plan is out of date", reason="PlanChanged", where=name)
        if view.blocked:
            raise OperationError("it cannot be synced now", reason="Blocked", where=name, why=view.blocked)
        begun = sum(what in ("sync", "rollback") for what, _, _ in self.asked)
        operation = Operation(
            digest="d", revisions=view.revisions, started_at=self.now, id=f"op-{begun}", request=request
        )
        if self.queueing:
            operation = replace(operation, phase=Phase.PENDING, message="waits for its turn")
        elif request.dry_run:
            return replace(operation, phase=Phase.SUCCEEDED, message="dry run", finished_at=self.now)
        self._change(name, operation)
        return operation

    def _change(self, name: AppName, operation: Operation) -> None:
        self.underway[name] = operation
        self.on_change(name, operation)

    def _running(self, name: AppName) -> Operation:
        if name not in self.underway:
            raise OperationError("nothing is under way", reason="NothingInProgress", where=name)
        return self.underway[name]

    def _note(self, what: str, name: AppName, request: SyncRequest | None = None) -> None:
        self.asked.append((what, name, request))
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        if not self.applications(name):
            raise OperationError("there is no such application", reason="NotFound", where=name)


if TYPE_CHECKING:
    _guard: Operations = FakeOperations()
