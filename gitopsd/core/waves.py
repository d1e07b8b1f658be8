"""In which order kinds are applied within one wave.

Source: Argo CD's sync order (https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/), which is Helm's install
order.
"""

from __future__ import annotations

from typing import Final

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
