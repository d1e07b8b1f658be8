"""What is deleted with an application, in which order, and what stays.

Source: https://argo-cd.readthedocs.io/en/stable/user-guide/app_deletion/ and, for `Delete=false` and `Delete=confirm`,
https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from gitopsd.core import annotations as marks
from gitopsd.core.app import AppSpec
from gitopsd.core.claims import NOTHING_CLAIMED, Claims, claim
from gitopsd.core.errors import SpecError
from gitopsd.core.guards import protection
from gitopsd.core.history import Deletion
from gitopsd.core.hook import SyncPhase
from gitopsd.core.hooknames import named
from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.core.jsonvalue import string_map
from gitopsd.core.live import Live, LiveObject
from gitopsd.core.manifest import Desired, DesiredHook
from gitopsd.core.permit import permit_object
from gitopsd.core.plan import HookStep, Stage
from gitopsd.core.project import ONLY_DEFAULT, Projects
from gitopsd.core.tracking import mark
from gitopsd.core.waves import kind_rank

_CRD: Final = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")
_OF_DELETIONS: Final = (SyncPhase.PRE_DELETE, SyncPhase.POST_DELETE)


@dataclass(frozen=True, slots=True)
class DeletionPlan:
    """What a deletion has still to do: `before` (PreDelete hooks), `steps`, `after` (PostDelete hooks).

    A step's objects are gone before the next step begins. `kept` are the application's objects that stay, with the
    reason; `asks` are those that somebody has to confirm (`Delete=confirm`), `protected` those that take more along,
    with the reason.
    """

    before: tuple[Stage, ...] = ()
    steps: tuple[tuple[LiveObject, ...], ...] = ()
    after: tuple[Stage, ...] = ()
    kept: Mapping[ObjectKey, str] = field(default_factory=dict)
    asks: tuple[ObjectKey, ...] = ()
    protected: Mapping[ObjectKey, str] = field(default_factory=dict)


def deletion_hooks(hooks: Iterable[DesiredHook]) -> tuple[DesiredHook, ...]:
    """Those that run when their application is deleted."""
    return tuple(hook for hook in hooks if not set(hook.phases).isdisjoint(_OF_DELETIONS))


def hooks_only(hooks: Iterable[DesiredHook]) -> Desired:
    """These hooks, to be kept for a deletion that may outlive all else that is known of its application."""
    own = deletion_hooks(hooks)
    digest = hashlib.blake2b("\n".join(hook.object.digest for hook in own).encode(), digest_size=16)
    return Desired((), digest.hexdigest(), own)


def hook_steps(deletion: Deletion, hooks: Iterable[DesiredHook]) -> tuple[HookStep, ...]:
    """Each of these hooks in each phase of the deletion that it runs at, under the name that it has in it."""
    moment, steps, taken = str(int(deletion.began.timestamp())), list[HookStep](), set[ObjectKey]()
    for phase in _OF_DELETIONS:
        for hook in hooks:
            if phase in hook.phases:
                final = named(hook, phase, moment, taken)
                taken.add(final.key)
                steps.append(HookStep(final, phase))
    return tuple(steps)


def deletion_plan(
    spec: AppSpec,
    live: Live,
    hooks: Iterable[HookStep] = (),
    *,
    projects: Projects = ONLY_DEFAULT,
    server: str = "",
    claims: Claims = NOTHING_CLAIMED,
    protected: Collection[GroupKind] = (),
) -> DeletionPlan:
    """What is to be done to delete `spec`'s objects among `live`.

    Waves in descending order; within one, objects of custom kinds first (whoever takes care of them may be in the same
    wave), else kinds in the reverse of the order in which they are applied. `hooks` have their final names. What others
    claim stays; of the kinds `protected` some objects are.
    """
    steps = tuple(hooks)
    own = {step.key for step in steps}
    kept: dict[ObjectKey, str] = {}
    asks: list[ObjectKey] = []
    goes: list[tuple[tuple[int, bool], LiveObject]] = []
    for there in live.objects.values():
        annotations = string_map(there.document.body(), "metadata", "annotations")
        if not is_own(spec, there) or there.key in own or _is_deletion_hook(annotations):
            continue
        reason = (
            _stays(spec, there, annotations)
            or claim(claims.wanted, there.key)
            or _refusal(spec, there, projects, server)
        )
        if reason:
            kept[there.key] = reason
            continue
        if not there.deleting and _option(spec, annotations) == "confirm":
            asks.append(there.key)
        goes.append(((-(marks.wave(annotations) or 0), not _is_custom(there.key.group)), there))
    goes.sort(key=lambda item: (item[0], -kind_rank(item[1].key.kind), item[1].key))
    return DeletionPlan(
        before=_stages(steps, SyncPhase.PRE_DELETE),
        steps=tuple(tuple(one for _, one in group) for _, group in itertools.groupby(goes, key=lambda item: item[0])),
        after=_stages(steps, SyncPhase.POST_DELETE),
        kept=kept,
        asks=tuple(asks),
        protected={one.key: reason for _, one in goes if not one.deleting and (reason := protection(one, protected))},
    )


def is_own(spec: AppSpec, live: LiveObject) -> bool:
    """Whether the object is tracked as the application's own, and was made for it."""
    return live.owner == mark(spec.name, spec.tracking) and not live.copied and not live.foreign


def _stays(spec: AppSpec, live: LiveObject, annotations: Mapping[str, str]) -> str:
    """Why the owner, or Argo CD's rules, want the object to outlive its application; "" if they do not."""
    if live.key.group_kind == _CRD:
        return "a CustomResourceDefinition is never deleted with an application: the objects of its kind would go too"
    if annotations.get(marks.HELM_RESOURCE_POLICY, "").strip() == "keep":
        return f"{marks.HELM_RESOURCE_POLICY}: keep"
    option = _option(spec, annotations)
    if option in ("true", "confirm"):
        return ""
    return "Delete=false" if option == "false" else f"its sync options say {option[:80]!r}, which nobody understands"


def _option(spec: AppSpec, annotations: Mapping[str, str]) -> str:
    """`Delete` as the object says it, else as the application does."""
    return marks.deletion_option(annotations, "Delete") or spec.sync_policy.options.get("Delete", "true")


def _refusal(spec: AppSpec, live: LiveObject, projects: Projects, server: str) -> str:
    try:
        permit_object(spec, live.key, projects, server)
    except SpecError as error:
        return f"project {spec.project} does not permit it: {error.what}"
    return ""


def _is_deletion_hook(annotations: Mapping[str, str]) -> bool:
    return not set(marks.hook_phases(annotations) or ()).isdisjoint(_OF_DELETIONS)


def _is_custom(group: str) -> bool:
    """Whether kinds of this group are not Kubernetes' own (https://kubernetes.io/docs/reference/using-api/#api-groups:
    its groups have no dot, or end in k8s.io).
    """
    return "." in group and not group.endswith(".k8s.io")


def _stages(steps: Iterable[HookStep], phase: SyncPhase) -> tuple[Stage, ...]:
    """The hooks of a phase, wave by wave, kind by kind."""

    def groups(members: Iterable[HookStep]) -> Iterator[tuple[HookStep, ...]]:
        ordered = sorted(members, key=lambda step: (kind_rank(step.key.kind), step.key))
        for _, group in itertools.groupby(ordered, key=lambda step: kind_rank(step.key.kind)):
            yield tuple(group)

    mine = sorted((step for step in steps if step.phase is phase), key=lambda step: step.hook.object.wave)
    by_wave = itertools.groupby(mine, key=lambda step: step.hook.object.wave)
    return tuple(Stage(wave, (), tuple(groups(members)), (), phase) for wave, members in by_wave)
