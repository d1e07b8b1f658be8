"""Hooks that no order can be found for: what they make is needed before they run, or they take away what is needed.

Where a plan can pull a Namespace or CustomResourceDefinition forward it does (`core.waves`); a hook stays in its phase.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from gitopsd.core.hook import DeletePolicy, SyncPhase
from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.core.jsonvalue import text
from gitopsd.core.manifest import DesiredHook, DesiredObject

_NAMESPACE: Final = GroupKind("", "Namespace")
_DEFINITION: Final = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")
_ORDER: Final = (SyncPhase.PRE_SYNC, SyncPhase.SYNC, SyncPhase.POST_SYNC)
_AGAIN: Final = DeletePolicy.BEFORE_HOOK_CREATION
_SHOWN: Final = 3


class _User(NamedTuple):
    """An object or hook that needs a namespace and its kind, and at which phase. Objects `last`, hooks do not."""

    key: ObjectKey
    phase: SyncPhase
    lasts: bool = False


def order_problems(objects: Iterable[DesiredObject], hooks: Sequence[DesiredHook]) -> Iterator[str]:
    """A sentence for each hook that cannot be ordered, with the names of those that it is in the way of."""
    if not hooks:
        return
    wanted = list(objects)
    keys = {item.key for item in wanted}
    for hook in hooks:
        if hook.key in keys:
            yield (
                f"{hook.key} is a hook in {hook.object.origin} and an object in another manifest; it can only be one "
                "of them"
            )
    makers = [hook for hook in hooks if hook.key.group_kind in (_NAMESPACE, _DEFINITION) and hook.key not in keys]
    users = [_User(item.key, SyncPhase.SYNC, lasts=True) for item in wanted]
    users += [_User(hook.key, phase) for hook in hooks for phase in hook.phases if phase in _ORDER]
    for maker in makers:
        yield from _of_maker(maker, users)


def _of_maker(maker: DesiredHook, users: Iterable[_User]) -> Iterator[str]:
    needing = [user for user in users if user.key != maker.key and _needs(user.key, maker)]
    if not needing:
        return
    made = min((_ORDER.index(phase) for phase in maker.phases if phase in _ORDER), default=len(_ORDER))
    early = [user for user in needing if _ORDER.index(user.phase) < made]
    if early:
        first = min(early, key=lambda user: _ORDER.index(user.phase)).phase
        yield (
            f"hook cycle: {maker.key} is made by a {_phases(maker)} hook, and needed before, at {first}, by "
            f"{_names(early)}; make it an ordinary object, or a hook of an earlier phase"
        )
        return
    succeeds, again = (policy in maker.policies for policy in (DeletePolicy.HOOK_SUCCEEDED, _AGAIN))
    lost = [user for user in needing if user.lasts and (succeeds or again)]
    lost += [user for user in needing if not user.lasts and succeeds and _ORDER.index(user.phase) > made]
    if lost:
        yield (
            f"hook cycle: {maker.key} is a {_phases(maker)} hook that is deleted at each sync, and what needs it with "
            f"it: {_names(lost)}; make it an ordinary object, or give it the hook delete policy HookFailed"
        )


def _needs(key: ObjectKey, maker: DesiredHook) -> bool:
    if maker.key.group_kind == _NAMESPACE:
        return key.namespace == maker.key.name
    body = maker.object.document.body()
    return key.group_kind == (text(body, "spec", "group"), text(body, "spec", "names", "kind"))


def _phases(hook: DesiredHook) -> str:
    return ", ".join(hook.phases)


def _names(users: Sequence[_User]) -> str:
    names = list(dict.fromkeys(str(user.key) for user in users))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
