"""What an application's hooks are: read from their annotations, wrong ones named, one of each name at a phase."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from gitopsd.core import annotations as marks
from gitopsd.core.duration import parse_duration
from gitopsd.core.hook import SKIP, DeletePolicy, SyncPhase
from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.core.manifest import DesiredHook, DesiredObject, Manifest

_TAKING_ALONG: Final = frozenset(
    {
        GroupKind("apiextensions.k8s.io", "CustomResourceDefinition"),
        GroupKind("", "Namespace"),
        GroupKind("", "PersistentVolumeClaim"),
    }
)


def hook_problem(manifest: Manifest, phases: Sequence[str]) -> str:
    """What of a hook's annotations nobody understands, "" if nothing: run at the wrong time, or not at all, it may do
    harm. `phases` are those that its annotation names.
    """
    if not phases:
        return ""
    unknown = [phase for phase in phases if phase not in set(SyncPhase)]
    if unknown:
        known = ", ".join([*SyncPhase, SKIP])
        return f"{manifest.gvk} is a hook at {unknown[0][:80]!r}, and there is no such phase; known are {known}"
    policies = marks.hook_delete_policies(manifest.annotations)
    wrong = [policy for policy in policies if policy not in set(DeletePolicy)]
    if wrong:
        known = ", ".join(DeletePolicy)
        return f"{manifest.gvk} has the hook delete policy {wrong[0][:80]!r}, and there is none; known are {known}"
    timeout = manifest.annotations.get(marks.HOOK_TIMEOUT)
    if timeout:
        try:
            parse_duration(timeout)
        except ValueError as error:
            return f"{manifest.gvk} has the {marks.HOOK_TIMEOUT} {timeout[:80]!r}: {error}"
    return ""


def hook_of(manifest: Manifest, phases: Iterable[str], target: DesiredObject) -> DesiredHook:
    """The hook of a manifest in which there is no `hook_problem`; `target` is what is made of it as of any object."""
    timeout = manifest.annotations.get(marks.HOOK_TIMEOUT)
    policies = marks.hook_delete_policies(manifest.annotations)
    return DesiredHook(
        target,
        tuple(SyncPhase(phase) for phase in phases),
        frozenset(DeletePolicy(policy) for policy in policies or _usual_policies(target.key)),
        generated=not manifest.name,
        timeout=parse_duration(timeout) if timeout else None,
    )


def _usual_policies(key: ObjectKey) -> tuple[str, ...]:
    """The delete policies of a hook that says nothing of them: those of Argo CD, but what takes more along (a chart's
    definitions as `pre-install` hooks, with all their objects) is deleted only where somebody wrote that it shall be.
    """
    return () if key.group_kind in _TAKING_ALONG else (DeletePolicy.BEFORE_HOOK_CREATION,)


def with_hook(hooks: list[DesiredHook], new: DesiredHook, warnings: list[str]) -> list[DesiredHook]:
    """`hooks` and a new one, which comes in the place of another that has its name and runs at the same phase."""
    kept: list[DesiredHook] = []
    for hook in hooks:
        if new.generated or hook.generated or hook.key != new.key or not set(hook.phases) & set(new.phases):
            kept.append(hook)
            continue
        warnings.append(f"hook {new.key} appears more than once; the last one, {new.object.origin}, counts")
        phases = tuple(phase for phase in hook.phases if phase not in new.phases)
        if phases:
            kept.append(replace(hook, phases=phases))
    return [*kept, new]
