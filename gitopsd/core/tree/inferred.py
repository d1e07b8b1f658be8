"""Owners that objects do not name in their `ownerReferences`, and that follow from names, annotations or labels.

As in Argo CD: Endpoints belong to the Service of their name, a service account's token to the account, the claims of a
StatefulSet to it, a ClusterServiceVersion to its OperatorGroup. An owner that only a name leads to is found by an
alias: a text that both sides can tell. For the names of claims see
https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/ and for the annotations of operators
https://olm.operatorframework.io/docs/concepts/crds/operatorgroup/
"""

from __future__ import annotations

from typing import Final

from gitopsd.core.ids import ObjectKey
from gitopsd.core.jsonvalue import JsonObject, objects, text

_TOKEN: Final = "kubernetes.io/service-account-token"  # noqa: S105  # a type of Secret
_ACCOUNT_UID: Final = "kubernetes.io/service-account.uid"
_SERVICE_NAME: Final = "kubernetes.io/service-name"
_OPERATOR_GROUP: Final = "olm.operatorGroup"
_NOBODY: Final[tuple[str, ...]] = ()
# Asked for each object that a watch shows: the kinds of which there is nothing to say are told apart at once.
_OWNED: Final = frozenset({"PersistentVolumeClaim", "Endpoints", "EndpointSlice", "Secret", "ClusterServiceVersion"})
_OWNERS: Final = frozenset({"StatefulSet", "Service", "OperatorGroup"})


def inferred_owners(key: ObjectKey, body: JsonObject) -> tuple[str, ...]:
    """The uid or alias of each owner that `body` does not refer to by uid."""
    if key.kind not in _OWNED:
        return _NOBODY
    match key.group, key.kind:
        case "", "PersistentVolumeClaim":
            name, dash, ordinal = key.name.rpartition("-")
            found = _alias("StatefulSet", key.namespace, name) if dash and ordinal.isdigit() else ""
        case "", "Endpoints":
            found = _alias("Service", key.namespace, key.name)
        case "discovery.k8s.io", "EndpointSlice":
            service = text(body, "metadata", "labels", _SERVICE_NAME)
            found = _alias("Service", key.namespace, service) if service else ""
        case "", "Secret":
            found = text(body, "metadata", "annotations", _ACCOUNT_UID) if text(body, "type") == _TOKEN else ""
        case "operators.coreos.com", "ClusterServiceVersion":
            group = text(body, "metadata", "annotations", _OPERATOR_GROUP)
            found = _alias("OperatorGroup", key.namespace, group) if group else ""
        case _:
            return _NOBODY
    return (found,) if found else _NOBODY


def aliases(key: ObjectKey, body: JsonObject) -> tuple[str, ...]:
    """Under what else than its uid the children of an object know it."""
    if key.kind not in _OWNERS:
        return _NOBODY
    match key.group, key.kind:
        case "apps", "StatefulSet":
            templates = objects(body, "spec", "volumeClaimTemplates")
            names = [name for template in templates if (name := text(template, "metadata", "name"))]
            return tuple(_alias("StatefulSet", key.namespace, f"{name}-{key.name}") for name in names)
        case "", "Service":
            return (_alias("Service", key.namespace, key.name),)
        case "operators.coreos.com", "OperatorGroup":
            return (_alias("OperatorGroup", key.namespace, key.name),)
        case _:
            return _NOBODY


def _alias(kind: str, namespace: str, name: str) -> str:
    return f"{kind} {namespace}/{name}"
