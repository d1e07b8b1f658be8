"""How one object is written: applied, replaced, or deleted and made anew, and by whose wish.

Source: https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/ (Replace, Force, Validate).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gitopsd.core import annotations as marks
from gitopsd.core.app import OnImmutable
from gitopsd.core.compare import ObjectComparison, Verdict
from gitopsd.core.errors import beside
from gitopsd.core.guards import protection
from gitopsd.core.ids import GroupKind
from gitopsd.core.immutable import is_immutable, named_fields
from gitopsd.core.jsonvalue import text
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.plan import DEFINITION, NAMESPACE, ApplyStep, PlanOptions, PlanReason, Way

_JOB: Final = GroupKind("batch", "Job")
_NEVER_ANEW: Final = frozenset({NAMESPACE, DEFINITION})
_REASONS: Final = {
    Verdict.MISSING: PlanReason.MISSING,
    Verdict.CHANGED: PlanReason.CHANGED,
    Verdict.REFUSED: PlanReason.CHANGED,
}


def apply_step(item: ObjectComparison, options: PlanOptions) -> ApplyStep | None:
    """The step that makes a wanted object as it shall be; None if it is, or nobody knows whether it is.

    What can only be made anew is if its owner said so: `Force=true` with `Replace=true` always, else a field that
    cannot be changed, by `onImmutable` or `Force=true`. Never a Namespace or a CustomResourceDefinition, and a
    protected object only when somebody confirms: then a change in place is tried, and the API server says why not.
    """
    wanted = item.desired
    reason = _reason(item, options) if wanted is not None else None
    if wanted is None or reason is None:
        return None
    replaces = options.chosen("Replace", wanted) == "true"
    step = ApplyStep(
        wanted,
        reason,
        item.changes,
        Way.REPLACE if replaces else Way.APPLY,
        validate=options.chosen("Validate", wanted) != "false",
    )
    if item.live is None or wanted.key.group_kind in _NEVER_ANEW:
        return step
    forces = _forces(wanted, options)
    held = "" if options.request.confirmed else protection(item.live, options.protected)
    anew = _why_anew(item, options, always=replaces and forces, forces=forces)
    if anew and held:
        return replace(step, why_anew=f"{anew}; it is not made anew unless somebody confirms: {held}")
    if anew:
        return replace(step, way=Way.RECREATE, replaces=item.live.uid, why_anew=anew)
    return replace(step, force=forces and not held)


def _reason(item: ObjectComparison, options: PlanOptions) -> PlanReason | None:
    if item.verdict is Verdict.SYNCED and _runs_each_time(item, options):
        return PlanReason.EACH_SYNC
    return _REASONS.get(item.verdict)


def _runs_each_time(item: ObjectComparison, options: PlanOptions) -> bool:
    """Whether it is a Job that runs at each sync: `Force=true,Replace=true`."""
    wanted = item.desired
    if wanted is None or wanted.key.group_kind != _JOB or options.request.self_heal:
        return False
    return options.chosen("Replace", wanted) == "true" and _forces(wanted, options)


def _forces(wanted: DesiredObject, options: PlanOptions) -> bool:
    return options.chosen("Force", wanted) == "true" or (options.request.force and "Force" not in wanted.options)


def _why_anew(item: ObjectComparison, options: PlanOptions, *, always: bool, forces: bool) -> str:
    """Why a live object is deleted and made anew; "" if it is not."""
    if always:
        return "Replace=true and Force=true"
    if item.verdict is not Verdict.REFUSED or item.desired is None or not is_immutable(item.error):
        return ""
    if not forces and on_immutable(item.desired, options.on_immutable) is OnImmutable.FAIL:
        return ""
    return f"it cannot be changed in place: {named_fields(beside(str(item.desired.key), item.error))}"


def on_immutable(wanted: DesiredObject, everywhere: OnImmutable | None) -> OnImmutable:
    """What happens to an object that cannot be changed in place: what its annotation says, else what the application
    does (`everywhere`), else Jobs alone are made anew. An annotation that nobody understands is `fail`.
    """
    own = text(wanted.document.body(), "metadata", "annotations", marks.ON_IMMUTABLE)
    if own:
        return OnImmutable.RECREATE if own == OnImmutable.RECREATE else OnImmutable.FAIL
    if everywhere is not None:
        return everywhere
    return OnImmutable.RECREATE if wanted.key.group_kind == _JOB else OnImmutable.FAIL
