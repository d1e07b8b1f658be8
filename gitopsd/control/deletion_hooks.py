"""The hooks of a deletion, carried out as those of a sync are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace

from gitopsd.control.deletion_work import DeletionTools, DeletionWork, cluster_of, permit_of
from gitopsd.control.sync import Execution, Tools
from gitopsd.core.compare import NOTHING_COMPARED
from gitopsd.core.deletion import Scene, hook_stages, operation_of
from gitopsd.core.deletion_plan import DeletionPlan, is_own
from gitopsd.core.deletion_record import spec_of
from gitopsd.core.errors import SpecError
from gitopsd.core.history import Deletion
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.operation import Operation
from gitopsd.core.otherruns import ran_out
from gitopsd.core.progress import Clean, Known, Remove, Run


class DeletionHooks:
    """Runs hooks, deletes them, keeps what they printed. `save` journals how far a deletion came."""

    def __init__(
        self, tools: DeletionTools, save: Callable[[DeletionWork], Awaitable[None]], stopping: Callable[[], bool]
    ) -> None:
        self._tools = tools
        self._save = save
        self._stopping = stopping

    async def carry_out(self, work: DeletionWork, scene: Scene, move: Remove | Run | Clean) -> bool:
        """Whether something was done; else it is waited for what was done before to be seen."""
        execution = self._execution(work, scene.plan)
        match move:
            case Remove():
                if execution.asked_to_remove(move):
                    return False
                _only_own(work, move.objects, self._tools.known)
                await execution.remove(move)
            case Run(groups):
                keys = [step.key for group in groups for step in group]
                there = [live for key in keys if (live := scene.sight.live.objects.get(key)) is not None]
                _only_own(work, there, self._tools.known)
                await execution.run(move, scene.sight.live, NOTHING_COMPARED)
                return not execution.cannot_see(move, scene.sight.live)
            case Clean():
                await execution.clean(move)
        return True

    async def keep_logs(self, work: DeletionWork, before: Deletion, scene: Scene) -> None:
        """Keep what hooks that ended just now printed."""
        over = [
            item
            for item, run in work.deletion.hooks.items()
            if run.outcome.done and (item not in before.hooks or not before.hooks[item].outcome.done)
        ]
        if over:
            await self._execution(work, scene.plan).keep_logs(over, scene.sight.live)

    def _execution(self, work: DeletionWork, plan: DeletionPlan) -> Execution:
        """What carries its hooks out, as far as they came."""
        operation = operation_of(work.deletion, hook_stages(work.deletion, plan))
        if work.execution is None:
            tools = Tools(
                cluster=cluster_of(work),
                permit=lambda key: permit_of(work, key, self._tools.projects()),
                prepare=_as_it_is,
                note=lambda operation: self._note(work, operation),
                stopping=self._stopping,
                clock=self._tools.clock,
            )
            work.execution = Execution(operation, tools, lambda operation: _learn(work, operation))
        work.execution.learn(operation)
        return work.execution

    async def _note(self, work: DeletionWork, operation: Operation) -> None:
        _learn(work, operation)
        await self._save(work)


def _learn(work: DeletionWork, operation: Operation) -> None:
    work.deletion = replace(work.deletion, hooks=operation.hooks)


def _only_own(work: DeletionWork, objects: Collection[LiveObject], known: Known) -> None:
    """Nothing that is not the application's own is in the way of its hooks, but for what hooks of applications that are
    gone left. Raises `SpecError`.
    """
    spec = spec_of(work.deletion)
    for live in objects:
        left_over = live.owner and not live.foreign and not known(live.owner) and ran_out(live)
        if not is_own(spec, live) and not left_over:
            raise SpecError(
                "a hook has the name of an object that is not the application's",
                where=f"application {spec.name}, {live.key}",
                why=f"it belongs to {live.owner or live.foreign or 'nobody that gitopsd knows'}",
                hint="rename one of them, or delete the object if nobody needs it",
            )


async def _as_it_is(desired: DesiredObject) -> DesiredObject:
    return desired
