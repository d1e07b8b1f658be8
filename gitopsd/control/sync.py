"""Carries the steps of operations out, and of deletions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

import anyio

from gitopsd.core.compare import Comparison, Verdict
from gitopsd.core.errors import ClusterError, GitopsdError, SpecError
from gitopsd.core.hook import HookOutcome
from gitopsd.core.hooknames import for_operation
from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.core.jsonvalue import objects, text
from gitopsd.core.live import Live, LiveObject
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.operation import HookId, HookRun, Operation, ResultCode, StepResult
from gitopsd.core.permit import Permit
from gitopsd.core.plan import ApplyStep, HookStep, PlanReason, PruneStep, Step, Way
from gitopsd.core.progress import (
    RUNS_TO_COMPLETION,
    Clean,
    Known,
    Remove,
    Run,
    everybody_is_known,
    may_replace,
    recreated,
    run_id,
    with_hook,
    with_result,
)
from gitopsd.ports.clock import Clock
from gitopsd.ports.cluster import Cluster

Prepare = Callable[[DesiredObject], Awaitable[DesiredObject]]
Permitting = Callable[[ObjectKey], Permit]

_LOG_BYTES: Final = 16 * 1024
_POD: Final = GroupKind("", "Pod")
# As many requests as one API server is sent at once: a step that has its turn does not wait for another one.
_AT_ONCE: Final = 32


@dataclass(frozen=True, slots=True)
class Tools:
    """What steps are carried out with. `permit` says whether an object may be written, and as whom, `prepare` at the
    last moment what to apply of it; where one raises `GitopsdError`, the step fails with that.

    `check` raises `SpecError` where the project forbids to write the object like that (True: replaced as a whole).
    `owner` is the application as live objects name it. `note` keeps the operation in the journal before it returns
    (raises `StoreError`); `stopping` says that no further step shall begin; `known` as for `may_replace`.
    """

    cluster: Cluster
    permit: Permitting
    prepare: Prepare
    note: Callable[[Operation], Awaitable[None]]
    stopping: Callable[[], bool]
    clock: Clock
    owner: str = ""
    check: Callable[[DesiredObject, bool], None] = lambda _wanted, _replaces: None
    known: Known = everybody_is_known


class Execution:
    """One operation under way. `operation` is how far it came, after every step; `on_progress` hears of each."""

    def __init__(self, operation: Operation, tools: Tools, on_progress: Callable[[Operation], None]) -> None:
        self.operation = operation
        self._tools = tools
        self._on_progress = on_progress
        self._places = anyio.CapacityLimiter(_AT_ONCE)
        self._removed: set[str] = set()
        self._unseen: set[ObjectKey] = set()

    def learn(self, operation: Operation) -> None:
        """Take what a look at the cluster told."""
        if operation is not self.operation:
            self.operation = operation
            self._on_progress(operation)

    def asked_to_remove(self, move: Remove) -> bool:
        """Whether all of it was deleted by this execution already, and the watch does not show it yet."""
        return all(item.uid in self._removed for item in move.objects)

    def cannot_see(self, move: Run, live: Live) -> bool:
        """Whether all that is to be made is there already, as the API server says, and the watch does not show it."""
        keys = {step.key for group in move.groups for step in group}
        return keys <= self._unseen and not any(key in live.objects for key in keys)

    async def run(self, move: Run, live: Live, comparison: Comparison) -> None:
        """Run the steps; one that fails stops no other of its stage. Raises `StoreError` where a hook cannot be
        journalled: it is not begun then.
        """
        for group in move.groups:
            if self._tools.stopping():
                return
            if len(group) == 1:
                await self._step(group[0], live, comparison)
                continue
            async with anyio.create_task_group() as tasks:
                for step in group:
                    tasks.start_soon(self._in_turn, step, live, comparison)

    async def remove(self, move: Remove) -> None:
        """Delete what stands in the way. Raises `GitopsdError`."""
        for live in move.objects:
            permit = self._tools.permit(live.key)
            await self._tools.cluster.delete(permit, live, propagation="Background", impersonate=permit.impersonate)
            self._removed.add(live.uid)

    async def clean(self, move: Clean) -> None:
        """Delete the objects of hooks that are over; what cannot be deleted stays, and is named."""
        for item, live in move.hooks:
            run = self.operation.hooks[item]
            if live is not None:
                try:
                    permit = self._tools.permit(live.key)
                    await self._tools.cluster.delete(
                        permit, live, propagation="Background", impersonate=permit.impersonate
                    )
                except GitopsdError as error:
                    run = replace(run, message=f"{run.message}; its object stays: {error}".lstrip("; "))
            self.learn(with_hook(self.operation, item, replace(run, cleaned=True)))
        await self._tools.note(self.operation)

    async def keep_logs(self, over: Iterable[HookId], live: Live) -> None:
        """Keep the end of what these hooks printed, while their pods are there."""
        for item in over:
            run = self.operation.hooks[item]
            there = live.objects.get(item.key)
            if item.key.group_kind not in RUNS_TO_COMPLETION or not run.uid or run.log:
                continue
            below = self._tools.cluster.children([run.uid])
            pods = [one for one in below if one.key.group_kind == _POD]
            if item.key.group_kind == _POD and there is not None:
                pods.append(there)
            log = await self._log(item, pods)
            if log:
                self.learn(with_hook(self.operation, item, replace(run, log=log)))

    async def _log(self, item: HookId, pods: Iterable[LiveObject]) -> str:
        parts: list[str] = []
        for pod in pods:
            for container in _containers(pod):
                try:
                    account = self._tools.permit(item.key).impersonate
                    found = await self._tools.cluster.logs(pod, container, max_bytes=_LOG_BYTES, impersonate=account)
                except GitopsdError as error:
                    # A log is worth having, and no reason for a sync to fail.
                    found = f"(the log of {container} cannot be read: {error})"
                if found:
                    parts.append(found)
        return "\n".join(parts)[-_LOG_BYTES:]

    async def _in_turn(self, step: Step, live: Live, comparison: Comparison) -> None:
        async with self._places:
            await self._step(step, live, comparison)

    async def _step(self, step: Step, live: Live, comparison: Comparison) -> None:
        started = self._tools.clock.monotonic()
        if isinstance(step, HookStep):
            await self._hook(step, live.objects.get(step.key))
            return
        try:
            result = await self._write(step, comparison)
        except GitopsdError as error:
            there = live.objects.get(step.key)
            if isinstance(step, ApplyStep) and _made_anew(step, error) and there is not None:
                self.learn(recreated(self.operation, step, there, str(error)))
                return
            reason = error.reason if isinstance(error, ClusterError) else ""
            result = StepResult(ResultCode.SYNC_FAILED, str(error), reason=reason)
        seconds = self._tools.clock.monotonic() - started
        self.learn(with_result(self.operation, step.key, replace(result, seconds=seconds)))

    async def _write(self, step: ApplyStep | PruneStep, comparison: Comparison) -> StepResult:
        permit = self._tools.permit(step.key)
        cluster = self._tools.cluster
        if isinstance(step, PruneStep):
            await cluster.delete(permit, step.live, propagation=step.propagation, impersonate=permit.impersonate)
            return StepResult(ResultCode.PRUNED)
        if not _stands(step, comparison):
            self._tools.check(step.desired, step.way is not Way.APPLY)
            await cluster.apply(
                permit,
                await self._tools.prepare(step.desired),
                impersonate=permit.impersonate,
                replace=step.way is Way.REPLACE,
                validate=step.validate,
            )
        return StepResult(ResultCode.SYNCED, f"made anew: {step.why_anew}" if step.why_anew else "")

    async def _hook(self, step: HookStep, there: LiveObject | None) -> None:
        item = HookId(step.phase, step.key)
        if item not in self.operation.hooks:
            self.learn(with_hook(self.operation, item, HookRun(self._tools.clock.now())))
            await self._tools.note(self.operation)
        try:
            permit = self._tools.permit(step.key)
            self._tools.check(step.hook.object, False)
            if there is not None and not may_replace(there, self._tools.owner, self._tools.known):
                raise SpecError(
                    f"the hook {step.key} cannot be made",
                    why=f"there is one already, and it is {there.owner or there.foreign or 'nobody'}'s",
                    hint="delete it, or give the hook another name",
                )
            began = self._tools.clock.now()
            made = await self._made(for_operation(step.hook, run_id(self.operation, item)).object, permit, there)
            if made is None:
                self._unseen.add(step.key)
                return
            self._unseen.discard(step.key)
            run = replace(self.operation.hooks[item], uid=made.uid, started_at=began)
        except GitopsdError as error:
            run = replace(
                self.operation.hooks[item],
                outcome=HookOutcome.ERROR,
                message=str(error),
                finished_at=self._tools.clock.now(),
            )
        self.learn(with_hook(self.operation, item, run))
        await self._tools.note(self.operation)

    async def _made(self, wanted: DesiredObject, permit: Permit, there: LiveObject | None) -> LiveObject | None:
        """The hook's object; one that is known to be `there` stays by its policy. None for one that would have to go
        first, or of which nobody knew: once the watch shows it, it is known whether this operation made it before a
        kill, or somebody else did just now.
        """
        cluster = self._tools.cluster
        wanted = await self._tools.prepare(wanted)
        try:
            return await cluster.create(permit, wanted, impersonate=permit.impersonate)
        except ClusterError as error:
            if error.reason != "AlreadyExists":
                raise
        if there is None or wanted.key.group_kind in RUNS_TO_COMPLETION:
            return None
        return await cluster.apply(permit, wanted, impersonate=permit.impersonate)


def _stands(step: ApplyStep, comparison: Comparison) -> bool:
    """Whether the object is as it shall be: a kill or somebody else was between the plan and this moment."""
    found = comparison.objects.get(step.key)
    return (
        step.way is Way.APPLY
        and step.reason is not PlanReason.EACH_SYNC
        and found is not None
        and found.verdict is Verdict.SYNCED
        and found.desired is not None
        and found.desired.digest == step.desired.digest
    )


def _made_anew(step: ApplyStep, error: GitopsdError) -> bool:
    return step.force and step.way is Way.APPLY and isinstance(error, ClusterError) and error.reason == "Immutable"


def _containers(pod: LiveObject) -> tuple[str, ...]:
    return tuple(text(item, "name") for item in objects(pod.document.body(), "spec", "containers"))
