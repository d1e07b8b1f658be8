"""Deleting an application: what comes next, decided from what there is. It waits for nothing.

Source of the order: https://argo-cd.readthedocs.io/en/stable/user-guide/app_deletion/.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from gitopsd.core.deletion_held import NOTHING_BELOW, Below, held
from gitopsd.core.deletion_plan import DeletionPlan
from gitopsd.core.deletion_record import ORPHAN, RESTORED, asked_of, guarded, reach_of, with_guard
from gitopsd.core.history import Deletion, DeletionPhase
from gitopsd.core.hook import HookOutcome
from gitopsd.core.ids import AppName
from gitopsd.core.live import LiveObject
from gitopsd.core.operation import HookId, Operation, Phase
from gitopsd.core.plan import Plan, Stage
from gitopsd.core.progress import Move as HookMove
from gitopsd.core.progress import Run, Sight, Wait
from gitopsd.core.progress import next_move as next_of_hooks
from gitopsd.core.waves import kind_rank

_STANDING: Final = (HookOutcome.SUCCEEDED, HookOutcome.RUNNING)
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete these; each group only after the API server took the one before."""

    groups: tuple[tuple[LiveObject, ...], ...]


@dataclass(frozen=True, slots=True)
class Fail:
    """A hook failed; it may be tried again (`retried`)."""

    message: str


@dataclass(frozen=True, slots=True)
class Finish:
    """It is over."""


Move: TypeAlias = HookMove | Delete | Fail | Finish


@dataclass(frozen=True, slots=True)
class Scene:
    """What a deletion looks at: its plan and the world.

    `dependants` have to be gone before it; `unknown` are applications that may want its objects. `below` are objects
    that those which are being deleted own. `asked` are the uids of objects that the API server was asked to delete a
    moment ago, whatever the watch shows.
    """

    plan: DeletionPlan
    sight: Sight
    dependants: Sequence[AppName] = ()
    below: Below = field(default_factory=lambda: NOTHING_BELOW)
    asked: Collection[str] = ()
    unknown: Sequence[AppName] = ()


def next_move(deletion: Deletion, scene: Scene) -> tuple[Deletion, Move]:
    """The deletion with what `scene` tells of it, and what to do next."""
    if deletion.cascade == ORPHAN:
        return _over(replace(deletion, kept={}), _orphaned(deletion))
    for phase in (_held_back, _waiting, _before, _objects, _after):
        deletion, move = phase(deletion, scene)
        if move is not None:
            return deletion, move
    return _over(deletion, "its objects are gone")


def looks(deletion: Deletion, dependants: Sequence[AppName] = ()) -> bool:
    """Whether it has to know what its cluster has, to say what is next."""
    if deletion.cascade == ORPHAN or (deletion.phase is DeletionPhase.HELD and not deletion.confirmed):
        return False
    return not (dependants and deletion.phase in (DeletionPhase.HELD, DeletionPhase.WAITING))


def waits_for_word(deletion: Deletion, *, asks: bool) -> bool:
    """Whether somebody's word may be needed. `asks`: there is something to confirm (`needs_word`). Before it begins
    that need not be known yet: then a word may be given beforehand.
    """
    return deletion.phase in (DeletionPhase.HELD, DeletionPhase.WAITING) or (asks and not deletion.confirmed)


def retried(deletion: Deletion) -> Deletion:
    """The same deletion, with the hooks that failed to be run once more.

    One whose object the API server did not take may have been made all the same: it counts as of this attempt then.
    """
    failed = [run for run in deletion.hooks.values() if run.outcome not in _STANDING]
    hooks = {item: run for item, run in deletion.hooks.items() if run.outcome in _STANDING}
    ran = any(run.uid for run in failed)
    return replace(deletion, hooks=hooks, attempt=deletion.attempt + ran)


def abandoned(deletion: Deletion, why: str) -> Deletion:
    """It ends though it could not be done."""
    return replace(deletion, phase=DeletionPhase.DELETED, error="", message=f"given up: {why}; its objects stay")


def operation_id(deletion: Deletion) -> str:
    """What stands on the hooks that this attempt makes."""
    return f"{deletion.id}-{deletion.attempt}" if deletion.attempt else deletion.id


def operation_of(deletion: Deletion, stages: tuple[Stage, ...]) -> Operation:
    """The hooks of one phase as an operation."""
    done = itertools.takewhile(lambda stage: _is_done(deletion, stage), stages)
    return Operation(
        digest="",
        revisions=(),
        started_at=deletion.began,
        plan=Plan("", stages, {}),
        id=operation_id(deletion),
        hooks=deletion.hooks,
        stage=sum(1 for _ in done),
    )


def hook_stages(deletion: Deletion, plan: DeletionPlan) -> tuple[Stage, ...]:
    """The hooks that run in the present phase."""
    return plan.after if deletion.phase is DeletionPhase.POST_DELETE else plan.before


def _held_back(deletion: Deletion, _: Scene) -> tuple[Deletion, Move | None]:
    if deletion.phase is not DeletionPhase.HELD:
        return deletion, None
    if deletion.confirmed:
        let_go = with_guard(deletion, guards=False)
        return replace(let_go, phase=DeletionPhase.WAITING, confirmed=False), None
    if made := deletion.details.get(RESTORED):
        return deletion, Wait(
            f"it was being deleted when the backup of {made} was made, from which the state was restored; nothing is "
            f"deleted until somebody confirms: gitopsd app confirm-deletion {deletion.app}"
        )
    return deletion, Wait(
        "many applications left the configuration at once, so nothing of theirs is deleted until somebody confirms: "
        f"put them back, or gitopsd app confirm-deletion {deletion.app}"
    )


def _waiting(deletion: Deletion, scene: Scene) -> tuple[Deletion, Move | None]:
    if deletion.phase is not DeletionPhase.WAITING:
        return deletion, None
    if scene.dependants:
        verb = "depends" if len(scene.dependants) == 1 else "depend"
        return deletion, Wait(f"waiting until {_named(scene.dependants)} is gone, which {verb} on it")
    if asking := _asking(deletion, scene):
        return deletion, Wait(asking)
    return replace(deletion, phase=DeletionPhase.PRE_DELETE), None


def _before(deletion: Deletion, scene: Scene) -> tuple[Deletion, Move | None]:
    return _hooks(deletion, scene, DeletionPhase.PRE_DELETE, scene.plan.before, DeletionPhase.DELETING)


def _after(deletion: Deletion, scene: Scene) -> tuple[Deletion, Move | None]:
    return _hooks(deletion, scene, DeletionPhase.POST_DELETE, scene.plan.after, DeletionPhase.DELETED)


def _hooks(
    deletion: Deletion, scene: Scene, phase: DeletionPhase, stages: tuple[Stage, ...], after: DeletionPhase
) -> tuple[Deletion, Move | None]:
    if deletion.phase is not phase:
        return deletion, None
    operation, move = next_of_hooks(operation_of(deletion, stages), scene.sight)
    deletion = replace(deletion, hooks=operation.hooks)
    if move is not None:
        return deletion, _unless_hidden(move, scene, deletion.app)
    if operation.phase is not Phase.SUCCEEDED:
        return deletion, Fail(operation.message)
    return replace(deletion, phase=after), None


def _unless_hidden(move: HookMove, scene: Scene, app: str) -> HookMove:
    """The move, unless it makes a hook where somebody else's object may be of which nobody can say so."""
    if isinstance(move, Run):
        for key in (step.key for group in move.groups for step in group):
            if why := scene.sight.live.unreadable.why(key):
                return Wait(
                    f"nobody can say whether {key} is there already, so its hook is not run: {why}; to leave all as "
                    f"it is: gitopsd app delete {app} --cascade orphan"
                )
    return move


def _is_done(deletion: Deletion, stage: Stage) -> bool:
    runs = [deletion.hooks.get(HookId(step.phase, step.key)) for step in stage.hooks]
    return all(run is not None and run.outcome is HookOutcome.SUCCEEDED and run.cleaned for run in runs)


def needs_word(deletion: Deletion, scene: Scene) -> bool:
    """Whether somebody's word would let it go on."""
    return bool(_asking(replace(deletion, confirmed=False), scene))


def _asking(deletion: Deletion, scene: Scene) -> str:
    plan = scene.plan
    if deletion.confirmed:
        return ""
    if scene.unknown and plan.steps:
        return (
            f"waiting until {_named(scene.unknown)} could be compared, which may want objects of it too; to delete "
            f"without that: gitopsd app confirm-deletion {deletion.app}"
        )
    if guarded(deletion) and plan.protected:
        key, why = min(plan.protected.items())
        more = f" (and {len(plan.protected) - 1} more)" if len(plan.protected) > 1 else ""
        return (
            f"waiting for somebody to confirm the deletion of {key}{more}: {why}. Put the application back, or "
            f"gitopsd app confirm-deletion {deletion.app}"
        )
    if not plan.asks:
        return ""
    return (
        f"waiting for somebody to confirm the deletion of {_named(plan.asks)} (Delete=confirm): "
        f"gitopsd app confirm-deletion {deletion.app}"
    )


def _objects(deletion: Deletion, scene: Scene) -> tuple[Deletion, Move | None]:
    """The next step: what is to be deleted, or waited for."""
    if deletion.phase is not DeletionPhase.DELETING:
        return deletion, None
    kept = {str(key): why for key, why in sorted(scene.plan.kept.items())}
    left = frozenset(one.key for step in scene.plan.steps for one in step) | scene.plan.kept.keys()
    deletion = replace(deletion, kept=kept, left=left)
    if hidden := scene.sight.live.unreadable.hides(reach_of(deletion).namespaces):
        place, why = hidden
        return deletion, Wait(
            f"nobody can say what there is of {place}, so nothing is deleted: {why}; to leave all as it is: "
            f"gitopsd app delete {deletion.app} --cascade orphan"
        )
    if asking := _asking(deletion, scene):
        return deletion, Wait(asking)
    if not scene.plan.steps:
        return replace(deletion, phase=DeletionPhase.POST_DELETE), None
    step = scene.plan.steps[0]
    fresh = [one for one in step if not one.deleting and one.uid not in scene.asked]
    if fresh:
        groups = itertools.groupby(fresh, key=lambda one: kind_rank(one.key.kind))
        return deletion, Delete(tuple(tuple(group) for _, group in groups))
    reasons = [held(one, scene.below.get(one.key, ())) for one in step[:_NAMED]]
    more = f" and {len(step) - _NAMED} more" if len(step) > _NAMED else ""
    return deletion, Wait(f"{'; '.join(reasons)}{more}")


def _over(deletion: Deletion, how: str) -> tuple[Deletion, Move]:
    stay = [f"{key} ({why})" for key, why in deletion.kept.items()]
    verb = "stays" if len(stay) == 1 else "stay"
    but = f"; {len(stay)} {verb}: {', '.join(stay[:_NAMED])}{', …' if len(stay) > _NAMED else ''}" if stay else ""
    return replace(deletion, phase=DeletionPhase.DELETED, error="", message=f"{how}{but}"), Finish()


def _orphaned(deletion: Deletion) -> str:
    """What became of the objects of one that leaves them: it may have begun to delete them before."""
    count, asked = asked_of(deletion)
    if not count:
        return "its objects were left as they are"
    first = asked[:_NAMED]
    more = f" and {count - len(first)} more" if count > len(first) else ""
    return (
        f"its other objects were left as they are; deleted before, or as soon as nothing holds "
        f"{'it' if count == 1 else 'them'}: {', '.join(first)}{more}"
    )


def _named(items: Sequence[object]) -> str:
    shown = ", ".join(str(item) for item in items[:_NAMED])
    return f"{shown} and {len(items) - _NAMED} more" if len(items) > _NAMED else shown
