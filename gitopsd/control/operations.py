"""What people ask of an application beyond a refresh: plans, syncs, rollbacks, deletions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from gitopsd.control.application import Application
from gitopsd.control.asking import AskedPlan, AskedSync
from gitopsd.control.beginning import in_progress, operation_id
from gitopsd.control.past import hold_as_before
from gitopsd.core.app import AppSpec
from gitopsd.core.appstatus import SyncCode
from gitopsd.core.errors import OperationError
from gitopsd.core.history import Deletion, Past, limited, pinned, unpinned
from gitopsd.core.ids import AppName
from gitopsd.core.manifest import Desired
from gitopsd.core.operation import Operation
from gitopsd.core.planview import PlanView
from gitopsd.core.syncrequest import SyncRequest
from gitopsd.ports.clock import Clock
from gitopsd.ports.journal import Journal

_SOON_SECONDS: Final = 2.0


class Operations(Protocol):
    """All raise `OperationError` where what is asked for cannot be done, with reason `NotFound` where there is no such
    application or entry; `GitopsdError` where git, the cluster or the store does not let it.
    """

    async def plan(self, name: AppName, request: SyncRequest) -> PlanView:
        """What such a sync would do now, from a fresh look at git and the cluster; changes nothing."""
        ...

    async def sync(self, name: AppName, request: SyncRequest) -> Operation:
        """Begin a sync; the operation as it began (a dry run: as it ended), or `Pending` where its turn does not come
        soon. `InProgress` if another one is under way or waits for its turn; `PlanChanged` if `request.plan` is not the
        id of what would be done now.
        """
        ...

    def outcome(self, name: AppName, operation: str) -> Operation | None:
        """What came of a sync that was asked for, by its id, where no operation did: refused, taken back, or a dry run;
        None if nothing is known of one.
        """
        ...

    async def rollback(self, name: AppName, entry: int, request: SyncRequest) -> Operation:
        """Begin to bring a history entry back, and pin the application to it."""
        ...

    async def unpin(self, name: AppName) -> None:
        """Follow git again."""
        ...

    async def confirm(self, name: AppName) -> None:
        """Let the operation under way delete what waits for confirmation (`Prune=confirm`, `Delete=confirm`), or the
        automated sync that the circuit breaker holds back. `NothingInProgress` if nothing waits.
        """
        ...

    async def terminate(self, name: AppName) -> Operation | None:
        """End the operation under way, and the hooks that it runs; or take a sync back that waits for its turn, which
        is returned. `NothingInProgress` if there is neither.
        """
        ...

    async def history(self, name: AppName) -> Past:
        """Its history, oldest first, and its pin."""
        ...

    async def manifests(self, name: AppName, entry: int) -> Desired:
        """What a history entry deployed."""
        ...

    async def delete(self, name: AppName, *, cascade: str, by: str) -> Deletion:
        """Delete its objects (`foreground`, `background`) or leave them (`orphan`), and let it rest: gone for good once
        its entry leaves the configuration.
        """
        ...


class Wake(Protocol):
    """Has an application reconciled."""

    def __call__(self, name: AppName, *, fresh: bool) -> None:
        """`fresh`: from what its repositories hold now."""
        ...


@dataclass(frozen=True, slots=True)
class Desk:
    """`Operations` on the supervisor's applications. `find` gives one at work, `leaves` says of one whether it left and
    its objects are being deleted, `wake` has it reconciled (with `fresh` from what its repositories hold now), `commit`
    is what a target revision of a source means now, `remove` begins a deletion or goes on with it in another way,
    `confirmed` lets what waits for somebody's word go on (both `KeyError` if there is no such application). `place`
    says where an application stands in the queue.
    """

    find: Callable[[AppName], Application | None]
    leaves: Callable[[AppName], bool]
    wake: Wake
    commit: Callable[[AppSpec, int, str], Awaitable[str]]
    remove: Callable[[AppName, str, str], Awaitable[Deletion]]
    confirmed: Callable[[AppName], Awaitable[None]]
    place: Callable[[AppName], str]
    journal: Journal
    clock: Clock

    async def plan(self, name: AppName, request: SyncRequest) -> PlanView:
        """What such a sync would do now, from a fresh look at git and the cluster; changes nothing."""
        app = self._found(name)
        if request.revisions:
            request = replace(request, revisions=await self._commits(app, request.revisions))
        asked = AskedPlan(request)
        app.asked_plans.append(asked)
        self.wake(name, fresh=True)
        return await asked.answer.wait()

    async def sync(self, name: AppName, request: SyncRequest) -> Operation:
        """Begin a sync; the operation as it began, or `Pending` where its turn does not come soon."""
        app = self._free(name)
        if request.revisions:
            request = replace(request, revisions=await self._commits(app, request.revisions))
            app = self._free(name)
        asked = self._asked(request)
        app.asked_syncs.append(asked)
        self.wake(name, fresh=True)
        return await asked.answer.within(_SOON_SECONDS) or asked.pending(self.place(name))

    def outcome(self, name: AppName, operation: str) -> Operation | None:
        """What came of a sync that was asked for where no operation did."""
        app = self.find(name)
        answered = app.answered if app is not None else ()
        return next((item.outcome() for item in answered if item.id == operation), None)

    def _asked(self, request: SyncRequest) -> AskedSync:
        now = self.clock.now()
        return AskedSync(request, id=operation_id(now), at=now)

    def _free(self, name: AppName) -> Application:
        """The application, where nothing is under way and nobody waits. Raises `OperationError`."""
        app = self._found(name)
        if (app.operation is not None and not app.operation.phase.done) or app.queued is not None:
            raise in_progress(app)
        return app

    async def rollback(self, name: AppName, entry: int, request: SyncRequest) -> Operation:
        """Begin to bring a history entry back, and pin the application to it."""
        app = self._free(name)
        past = await self.journal.past(name)
        found = past.find(entry)
        if found is None:
            raise _no_entry(app.spec, entry, past)
        await self.journal.manifests(found.manifests)  # it fails here, before anything changes
        asked = self._asked(replace(request, history=entry))
        if request.dry_run:
            app.asked_syncs.append(asked)
            self.wake(name, fresh=False)
            return await asked.answer.within(_SOON_SECONDS) or asked.pending(self.place(name))
        before = app.pin
        held_against = app.desired.digest if app.desired is not None and app.pin is None else ""
        if app.pin is not None:
            held_against = app.pin.held_against
        past = pinned(
            past, found, held_against=held_against, since=self.clock.now(), by=request.initiated_by, reason="rollback"
        )
        await self.journal.save_past(name, past)
        app.past, app.pin = past, past.pin
        asked = replace(asked, pin=past.pin, before=before)
        app.asked_syncs.append(asked)
        self.wake(name, fresh=False)
        try:
            return await asked.answer.within(_SOON_SECONDS) or asked.pending(self.place(name))
        except OperationError:
            await hold_as_before(self._found(name), self.journal)
            self.wake(name, fresh=True)
            raise

    async def unpin(self, name: AppName) -> None:
        """Follow git again."""
        app = self._found(name)
        if app.pin is None:
            raise OperationError("it is not pinned", reason="Invalid", where=name)
        past = unpinned(await self.journal.past(name))
        await self.journal.save_past(name, past)
        app.past, app.pin = past, None
        self.wake(name, fresh=True)

    async def confirm(self, name: AppName) -> None:
        """Let the operation under way delete what waits for confirmation."""
        app = self.find(name)
        if app is not None and not _waits_for_word(app):
            raise OperationError("nothing of it waits for a confirmation", reason="NothingInProgress", where=name)
        try:
            await self.confirmed(name)  # also for one that left, whose deletion waits
        except KeyError:
            raise _no_application(name) from None

    async def terminate(self, name: AppName) -> Operation | None:
        """End the operation under way, and the hooks that it runs; or take a sync back that waits for its turn."""
        app = self._found(name)
        queued = app.queued
        running = app.operation is not None and not app.operation.phase.done
        if queued is None and not running and app.status.deletion is not None and app.status.deletion.under_way:
            raise _leaves(name)
        if queued is None and not running:
            raise OperationError("no operation is under way", reason="NothingInProgress", where=name)
        if queued is not None and not running and app.beginning is not queued:
            app.asked_syncs.remove(queued)
            app.turn_down(queued, OperationError("taken back before it began", reason="TakenBack", where=name))
            await hold_as_before(app, self.journal)
            self.wake(name, fresh=False)
            return queued.outcome()
        app.terminate = "the API"
        self.wake(name, fresh=False)
        return None

    async def history(self, name: AppName) -> Past:
        """Its history, oldest first, and its pin."""
        self._found(name)
        return await self.journal.past(name)

    async def manifests(self, name: AppName, entry: int) -> Desired:
        """What a history entry deployed."""
        past = await self.history(name)
        found = past.find(entry)
        if found is None:
            raise _no_entry(self._found(name).spec, entry, past)
        return await self.journal.manifests(found.manifests)

    async def delete(self, name: AppName, *, cascade: str, by: str) -> Deletion:
        """Delete its objects, and let it rest."""
        try:
            return await self.remove(name, cascade, by)  # also one that left, and whose deletion goes on
        except KeyError:
            raise _no_application(name) from None

    def _found(self, name: AppName) -> Application:
        app = self.find(name)
        if app is None:
            raise _leaves(name) if self.leaves(name) else _no_application(name)
        return app

    async def _commits(self, app: Application, wanted: tuple[str, ...]) -> tuple[str, ...]:
        sources = app.spec.sources
        if len(wanted) != len(sources):
            raise OperationError(
                f"{len(wanted)} revisions for {len(sources)} sources",
                reason="Invalid",
                where=app.spec.name,
                hint="give one for each source, in their order",
            )
        return tuple([await self.commit(app.spec, number, text) for number, text in enumerate(wanted)])


def _waits_for_word(app: Application) -> bool:
    """Whether somebody's word is needed. Its deletion, if there is one, knows that by itself."""
    asks = app.operation is not None and app.operation.asks
    held = bool(app.held_back) and app.status.sync is not SyncCode.SYNCED  # else it was synced by hand meanwhile
    return asks or held or app.status.deletion is not None


def _no_application(name: AppName) -> OperationError:
    return OperationError("there is no such application", reason="NotFound", where=name)


def _leaves(name: AppName) -> OperationError:
    return OperationError(
        "it is being deleted: there is nothing else to do with it, nor to end",
        reason="Blocked",
        where=name,
        hint=f"how far it is: gitopsd app get {name}; to let what is left stay: gitopsd app delete {name} --cascade "
        "orphan",
    )


def _no_entry(spec: AppSpec, entry: int, past: Past) -> OperationError:
    ids = [str(item.id) for item in past.entries]
    parts = [f"it has {', '.join(ids)}" if ids else "it is empty", limited(spec.revision_history_limit)]
    return OperationError(
        f"the history has no entry {entry}",
        reason="NotFound",
        where=spec.name,
        why=", ".join(part for part in parts if part),
    )
