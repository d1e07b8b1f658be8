"""What has to change before a sync that failed can work: the objects to keep an eye on, so that nobody waits in vain.

Source of the reasons: `kube.refusal`, from what the API server answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from gitopsd.core.ids import GVK, ObjectKey
from gitopsd.core.live import Live
from gitopsd.core.operation import Operation

_NAMESPACE: Final = GVK("", "v1", "Namespace")
_QUOTA: Final = GVK("", "v1", "ResourceQuota")
# https://kubernetes.io/docs/concepts/policy/resource-quotas/: "exceeded quota: compute, requested: …"
_QUOTA_NAME: Final = re.compile(r"exceeded quota: ([a-z0-9.-]{1,253})")

Causes = Mapping[ObjectKey, GVK]


def causes_of(operation: Operation) -> Causes:
    """The objects whose change may cure the operation's failures: a namespace that is missing or ends, a quota."""
    found: dict[ObjectKey, GVK] = {}
    for key, result in operation.failures:
        if result.reason in ("NamespaceMissing", "NamespaceTerminating") and key.namespace:
            found[ObjectKey("", "Namespace", "", key.namespace)] = _NAMESPACE
        elif result.reason == "Quota" and (named := _QUOTA_NAME.search(result.message)):
            found[ObjectKey("", "ResourceQuota", key.namespace, named[1])] = _QUOTA
    return found


def is_cured(key: ObjectKey, operation: Operation, live: Live, *, makes: bool) -> bool:
    """Whether the cause is gone when it is looked at for the first time after the failure: it may have been cured
    before somebody kept an eye on it. Of a quota that cannot be told. `makes`: a
    sync makes that namespace itself where it is missing.
    """
    if key.kind != "Namespace":
        return False
    there = live.objects.get(key)
    reasons = {result.reason for item, result in operation.failures if item.namespace == key.name}
    if "NamespaceMissing" in reasons and there is None:
        return makes
    return there is None or not there.deleting


def versions(causes: Iterable[ObjectKey], live: Live) -> Mapping[ObjectKey, str]:
    """Their resourceVersions now; "" for what is not there."""
    return {key: there.resource_version if (there := live.objects.get(key)) else "" for key in causes}
