"""Which kinds controllers make below which: what has to be watched for tree and health besides the managed kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from gitopsd.core.ids import GroupKind

ChildKinds = Callable[[GroupKind], Sequence[GroupKind]]
"""The kinds below a kind; none where nobody said so."""

_REPLICA_SET: Final = GroupKind("apps", "ReplicaSet")
_JOB: Final = GroupKind("batch", "Job")
_POD: Final = GroupKind("", "Pod")
_CLAIM: Final = GroupKind("", "PersistentVolumeClaim")

BUILT_IN: Final[Mapping[GroupKind, tuple[GroupKind, ...]]] = {
    GroupKind("apps", "Deployment"): (_REPLICA_SET,),
    _REPLICA_SET: (_POD,),
    GroupKind("apps", "StatefulSet"): (_POD, _CLAIM),
    GroupKind("apps", "DaemonSet"): (_POD,),
    GroupKind("", "ReplicationController"): (_POD,),
    GroupKind("batch", "CronJob"): (_JOB,),
    _JOB: (_POD,),
}
"""Of Kubernetes' own kinds. Endpoints and EndpointSlices below Services are left out: they change with every Pod, and
say what the Pods say."""


def built_in_children(kind: GroupKind) -> Sequence[GroupKind]:
    """The `ChildKinds` of Kubernetes' own controllers."""
    return BUILT_IN.get(kind, ())


def with_children(kinds: Iterable[GroupKind], children_of: ChildKinds = built_in_children) -> list[GroupKind]:
    """`kinds` and the kinds below them, owners before what they own as far as kinds do not own each other in a ring."""
    done: dict[GroupKind, None] = {}
    entered: set[GroupKind] = set()
    for first in reversed(dict.fromkeys(kinds)):
        stack = [first]
        while stack:
            kind = stack[-1]
            if kind not in entered:
                entered.add(kind)
                stack += [child for child in reversed(children_of(kind)) if child not in entered]
            else:
                stack.pop()
                done.setdefault(kind)
    return list(reversed(done))
