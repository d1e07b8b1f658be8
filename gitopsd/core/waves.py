"""In which order objects are applied: by phase, wave, and within one by kind.

Source: Argo CD's sync order (https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/), which is Helm's install
order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from gitopsd.core.hook import SyncPhase
from gitopsd.core.ids import ObjectKey
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.plan import DEFINITION, NAMESPACE, HookStep

_ORDER: Final = (
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
)
_RANKS: Final = {kind: rank for rank, kind in enumerate(_ORDER)}


def kind_rank(kind: str) -> int:
    """The place of `kind` in the order; kinds that the order does not name come last, all at one place."""
    return _RANKS.get(kind, len(_ORDER))


class Place(NamedTuple):
    """When something happens: the number of its phase in `PHASES`, then its wave."""

    phase: int
    wave: int


PHASES: Final = (SyncPhase.PRE_SYNC, SyncPhase.SYNC, SyncPhase.POST_SYNC)
"""The phases of a sync, in order."""
_SYNC: Final = PHASES.index(SyncPhase.SYNC)


def object_places(objects: Iterable[DesiredObject], hooks: Iterable[HookStep]) -> dict[ObjectKey, Place]:
    """Where each of an application's objects comes: in the Sync phase at its wave. A Namespace or
    CustomResourceDefinition is pulled forward to the first object or hook that needs it.
    """
    places = {item.key: Place(_SYNC, item.wave) for item in objects}
    needs = _Needs([*places.items(), *((step.key, _written(step)) for step in hooks)])
    return {key: needs.forward(key, place) for key, place in places.items()}


def hook_places(objects: Iterable[DesiredObject], hooks: Sequence[HookStep]) -> list[Place]:
    """Where each hook comes: at its phase and wave. One that makes a Namespace or a definition is pulled forward too,
    but never out of its phase: `core.hookorder` says where that cannot work.
    """
    users = [(item.key, Place(_SYNC, item.wave)) for item in objects]
    places = [_written(step) for step in hooks]
    needs = _Needs([*users, *zip((step.key for step in hooks), places, strict=True)])
    forward = [needs.forward(step.key, place) for step, place in zip(hooks, places, strict=True)]
    return [new if new.phase == old.phase else old for new, old in zip(forward, places, strict=True)]


def _written(step: HookStep) -> Place:
    return Place(PHASES.index(step.phase), step.hook.object.wave)


class _Needs:
    """The first place at which a namespace, or a kind of some group, is needed."""

    def __init__(self, users: Iterable[tuple[ObjectKey, Place]]) -> None:
        self._namespaces: dict[str, Place] = {}
        self._groups: dict[str, Place] = {}
        for key, place in users:
            if key.namespace:
                self._namespaces[key.namespace] = min(place, self._namespaces.get(key.namespace, place))
            self._groups[key.group] = min(place, self._groups.get(key.group, place))

    def forward(self, key: ObjectKey, place: Place) -> Place:
        """The place of a Namespace or definition that stands at `place`; that of anything else is `place`.

        A definition's name is `<plural>.<group>`, so the group is what it tells of who may need it.
        """
        if key.group_kind == NAMESPACE:
            return min(place, self._namespaces.get(key.name, place))
        group = key.name.partition(".")[2]
        if key.group_kind == DEFINITION and group:
            return min(place, self._groups.get(group, place))
        return place
