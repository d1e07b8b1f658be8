"""From the health of its resources to the health of an application."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gitopsd.core.health.status import Health, HealthStatus, worse_of

_NAMED_CAUSES = 3
_CHILD_APPLICATION = ("argoproj.io", "Application")
_NO_CONCERN_OF_A_PARENT = (HealthStatus.MISSING, HealthStatus.UNKNOWN)


@dataclass(frozen=True, slots=True)
class ResourceHealth:
    """One resource that an application manages directly (not the pods below its Deployments).

    `health` is Missing for a resource that is not in the cluster, None for one that is there and of whose kind
    nothing is known. `ignored`: it carries `argocd.argoproj.io/ignore-healthcheck: "true"`. `group` tells an Argo CD
    Application from other kinds of that name.
    """

    kind: str
    name: str
    namespace: str
    health: Health | None
    is_hook: bool = False
    ignored: bool = False
    group: str = ""


def roll_up(resources: Sequence[ResourceHealth]) -> Health:
    """The health of an application: the worst of its resources, with the first of those that are so bad named.

    As Argo CD has it: hooks and ignored resources do not count; one that is missing does not either (it shows as
    OutOfSync), only when all are missing is the application Missing; nor does a child application that is Missing or
    Unknown. An application without resources is Healthy.
    """
    managed = [resource for resource in resources if not resource.is_hook]
    if managed and all(_is_missing(resource) for resource in managed):
        return Health(HealthStatus.MISSING, _caused_by(managed))
    counted = [(resource, resource.health.status) for resource in managed if resource.health and _counts(resource)]
    worst = HealthStatus.HEALTHY
    for _, status in counted:
        worst = worse_of(worst, status)
    if worst is HealthStatus.HEALTHY:
        return Health(worst)
    return Health(worst, _caused_by([resource for resource, status in counted if status is worst]))


def _is_missing(resource: ResourceHealth) -> bool:
    return resource.health is not None and resource.health.status is HealthStatus.MISSING


def _counts(resource: ResourceHealth) -> bool:
    if resource.ignored or resource.health is None or _is_missing(resource):
        return False
    is_child = (resource.group, resource.kind) == _CHILD_APPLICATION
    return not (is_child and resource.health.status in _NO_CONCERN_OF_A_PARENT)


def _caused_by(causes: Sequence[ResourceHealth]) -> str:
    named = ", ".join(f"{cause.kind}:{cause.name}" for cause in causes[:_NAMED_CAUSES])
    more = len(causes) - _NAMED_CAUSES
    return f"Caused by {named} and {more} more" if more > 0 else f"Caused by {named}"
