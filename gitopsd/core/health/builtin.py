"""Which rule judges which kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gitopsd.core.health.autoscaler import horizontal_pod_autoscaler
from gitopsd.core.health.daemonset import daemon_set
from gitopsd.core.health.deployment import deployment, replica_set
from gitopsd.core.health.disruption import pod_disruption_budget
from gitopsd.core.health.extension import api_service, custom_resource_definition
from gitopsd.core.health.fields import Fields
from gitopsd.core.health.job import cron_job, job
from gitopsd.core.health.network import ingress, service
from gitopsd.core.health.pod import hook_pod, pod
from gitopsd.core.health.statefulset import stateful_set
from gitopsd.core.health.status import Health
from gitopsd.core.health.volume import persistent_volume_claim
from gitopsd.core.health.workflow import workflow


@dataclass(frozen=True, slots=True)
class Rule:
    """How to judge objects of one kind, and the versions whose fields `judge` knows (none named: every version)."""

    judge: Callable[[Fields], Health]
    versions: tuple[str, ...] = ()

    def knows(self, version: str) -> bool:
        """Whether `judge` can read objects of that version."""
        return not self.versions or version in self.versions


BUILT_IN: Mapping[tuple[str, str], Rule] = {
    ("apps", "Deployment"): Rule(deployment, ("v1",)),
    ("apps", "ReplicaSet"): Rule(replica_set, ("v1",)),
    ("apps", "StatefulSet"): Rule(stateful_set, ("v1",)),
    ("apps", "DaemonSet"): Rule(daemon_set, ("v1",)),
    ("", "Pod"): Rule(pod, ("v1",)),
    ("", "Service"): Rule(service, ("v1",)),
    ("", "PersistentVolumeClaim"): Rule(persistent_volume_claim, ("v1",)),
    ("batch", "Job"): Rule(job, ("v1",)),
    ("batch", "CronJob"): Rule(cron_job),
    ("networking.k8s.io", "Ingress"): Rule(ingress),
    ("extensions", "Ingress"): Rule(ingress),
    ("autoscaling", "HorizontalPodAutoscaler"): Rule(horizontal_pod_autoscaler, ("v1", "v2beta1", "v2beta2", "v2")),
    ("apiregistration.k8s.io", "APIService"): Rule(api_service, ("v1", "v1beta1")),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): Rule(custom_resource_definition),
    ("policy", "PodDisruptionBudget"): Rule(pod_disruption_budget),
    ("argoproj.io", "Workflow"): Rule(workflow),
}
"""(group, kind) → rule: the kinds that Argo CD judges without a script of the user's, in the groups where it does."""

_OF_HOOKS: Mapping[tuple[str, str], Rule] = {("", "Pod"): Rule(hook_pod, ("v1",))}


def rule_for(group: str, kind: str, *, is_hook: bool) -> Rule | None:
    """The rule for a kind, None where nothing is known of it. Pods are judged otherwise when they run as a hook."""
    as_hook = _OF_HOOKS.get((group, kind)) if is_hook else None
    return as_hook or BUILT_IN.get((group, kind))
