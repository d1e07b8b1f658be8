"""What a fake API server serves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gitopsd.core.ids import GVK, GroupKind
from gitopsd.core.manifest import KindInfo

DEFINITION: Final = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")
NAMESPACE: Final = GroupKind("", "Namespace")

_NAMESPACED: Final = (
    ("v1", ("ConfigMap", "Secret", "Service", "ServiceAccount", "Pod", "PersistentVolumeClaim")),
    ("apps/v1", ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")),
    ("batch/v1", ("Job", "CronJob")),
    ("networking.k8s.io/v1", ("Ingress", "NetworkPolicy")),
    ("policy/v1", ("PodDisruptionBudget",)),
    ("autoscaling/v2", ("HorizontalPodAutoscaler",)),
    ("autoscaling/v1", ("HorizontalPodAutoscaler",)),
    ("rbac.authorization.k8s.io/v1", ("Role", "RoleBinding")),
)
_CLUSTER_SCOPED: Final = (
    ("v1", ("Namespace", "PersistentVolume")),
    ("rbac.authorization.k8s.io/v1", ("ClusterRole", "ClusterRoleBinding")),
    ("apiextensions.k8s.io/v1", ("CustomResourceDefinition",)),
    ("storage.k8s.io/v1", ("StorageClass",)),
)


class Kinds:
    """Kind → scope; the version of a kind that was named first is the one its objects are watched at."""

    def __init__(self) -> None:
        self.served: dict[GVK, KindInfo] = {}
        for table, namespaced in ((_NAMESPACED, True), (_CLUSTER_SCOPED, False)):
            for api_version, kinds in table:
                for kind in kinds:
                    self.served[GVK.parse(api_version, kind)] = KindInfo(namespaced)

    def add(self, gvk: GVK, *, namespaced: bool) -> None:
        """Serve one more."""
        self.served[gvk] = KindInfo(namespaced)

    def drop(self, kind: GroupKind) -> None:
        """Serve it no more."""
        for gvk in [gvk for gvk in self.served if gvk.group_kind == kind]:
            del self.served[gvk]

    def preferred(self, kind: GroupKind) -> GVK | None:
        """The version at which objects of `kind` are watched."""
        return next((gvk for gvk in self.served if gvk.group_kind == kind), None)

    def api_versions(self) -> Iterable[str]:
        """`apps/v1` and `apps/v1/Deployment`, sorted."""
        return sorted({gvk.api_version for gvk in self.served} | {f"{g.api_version}/{g.kind}" for g in self.served})
