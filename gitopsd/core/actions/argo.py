"""Actions on the kinds of the Argo project and of Numaflow.

Sources: https://argo-rollouts.readthedocs.io/en/stable/features/kubectl-plugin/ (what the plugin's commands write),
https://argo-workflows.readthedocs.io/en/latest/fields/, https://numaflow.numaproj.io/user-guide/reference/ (lifecycle),
https://numaproj.github.io/numaplane/ (force-promote), https://gitops-promoter.readthedocs.io/, and Argo CD's
`Application` (syncPolicy.automated.enabled).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from gitopsd.core.actions.action import Builtin, Change, Creation, Given, Merge, Parameter
from gitopsd.core.actions.effect import any_of, dated_name, put, stamp, unless, when
from gitopsd.core.ids import GroupKind
from gitopsd.core.jsonvalue import JsonObject, JsonValue, integer, mapping, sequence, text, value

_LONGEST_WORKFLOW: Final = 63
_GROUP: Final = "argoproj.io"
_API: Final = "argoproj.io/v1alpha1"
_ENDED: Final = frozenset({"Successful", "Failed", "Error", "Inconclusive", "Succeeded"})
_RESUME_STRATEGY: Final = "numaflow.numaproj.io/resume-strategy"
_ALLOWED_STRATEGIES: Final = "numaflow.numaproj.io/allowed-resume-strategies"
_FORCE_PROMOTE: Final = "numaplane.numaproj.io/force-promote"


def _promoted(live: JsonObject) -> str:
    current, stable = text(live, "status", "currentPodHash"), text(live, "status", "stableRS")
    return "it is fully promoted" if current == stable else ""


def _is_paused(live: JsonObject) -> bool:
    return bool(sequence(live, "status", "pauseConditions")) or value(live, "spec", "paused") is True


def _resumed(live: JsonObject, _given: Given, _now: datetime) -> Change:
    body: dict[str, JsonValue] = {}
    if value(live, "spec", "paused") is True:
        body["spec"] = {"paused": False}
    if sequence(live, "status", "pauseConditions"):
        body["status"] = {"pauseConditions": None}
    return Merge(body)


def _steps_left(live: JsonObject) -> int:
    steps = sequence(live, "spec", "strategy", "canary", "steps")
    return len(steps) - integer(live, "status", "currentStepIndex")


def _next_step(live: JsonObject, _given: Given, _now: datetime) -> Change:
    status: dict[str, JsonValue] = {"currentStepIndex": integer(live, "status", "currentStepIndex") + 1}
    if sequence(live, "status", "pauseConditions"):
        status["pauseConditions"] = None
    return Merge({"status": status})


def _ended(live: JsonObject) -> str:
    return "it is over" if text(live, "status", "phase") in _ENDED else ""


def _workflow(live: JsonObject, now: datetime, metadata: JsonObject, spec: JsonObject) -> Change:
    """A Workflow in the namespace that `metadata` names."""
    labels = {**mapping(metadata, "labels")}
    if instance := text(live, "metadata", "labels", "workflows.argoproj.io/controller-instanceid"):
        labels["workflows.argoproj.io/controller-instanceid"] = instance
    name = dated_name(live, now, _LONGEST_WORKFLOW)
    return Creation(
        {"apiVersion": _API, "kind": "Workflow", "metadata": {**metadata, "name": name, "labels": labels}, "spec": spec}
    )


def _from_template(live: JsonObject, _given: Given, now: datetime) -> Change:
    name, namespace = text(live, "metadata", "name"), text(live, "metadata", "namespace")
    metadata: JsonObject = {"namespace": namespace, "labels": {"workflows.argoproj.io/workflow-template": name}}
    return _workflow(live, now, metadata, {"workflowTemplateRef": {"name": name}})


def _from_cluster_template(live: JsonObject, given: Given, now: datetime) -> Change:
    name = text(live, "metadata", "name")
    metadata: JsonObject = {
        "namespace": given.get("namespace", ""),
        "labels": {"workflows.argoproj.io/cluster-workflow-template": name},
    }
    return _workflow(live, now, metadata, {"workflowTemplateRef": {"name": name, "clusterScope": True}})


def _from_cron(live: JsonObject, _given: Given, now: datetime) -> Change:
    name, namespace = text(live, "metadata", "name"), text(live, "metadata", "namespace")
    given = mapping(live, "spec", "workflowMetadata")
    metadata: dict[str, JsonValue] = {
        "namespace": namespace,
        "labels": {**mapping(given, "labels"), "workflows.argoproj.io/cron-workflow": name},
        "annotations": {
            **mapping(given, "annotations"),
            "workflows.argoproj.io/scheduled-time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
        "ownerReferences": [
            {
                "apiVersion": text(live, "apiVersion"),
                "kind": text(live, "kind"),
                "name": name,
                "uid": text(live, "metadata", "uid"),
                "controller": True,
            }
        ],
    }
    if finalizers := sequence(given, "finalizers"):
        metadata["finalizers"] = finalizers
    return _workflow(live, now, metadata, mapping(live, "spec", "workflowSpec"))


def _toggled(live: JsonObject, _given: Given, _now: datetime) -> Change:
    automated = value(live, "spec", "syncPolicy", "automated")
    is_on = automated is not None and value(automated, "enabled") is not False
    return Merge({"spec": {"syncPolicy": {"automated": {"enabled": not is_on}}}})


def _unpaused(strategy: str) -> Builtin:
    """Resume a Pipeline or MonoVertex at once (`fast`), or from few pods on (`slow`)."""

    def blocked(live: JsonObject) -> str:
        if text(live, "spec", "lifecycle", "desiredPhase") != "Paused":
            return "it is not paused"
        allowed = text(live, "spec", "metadata", "annotations", _ALLOWED_STRATEGIES) or "slow"
        is_allowed = strategy in {each.strip() for each in allowed.split(",")}
        return "" if is_allowed else f"it may be resumed so only: {allowed}"

    def effect(live: JsonObject, _given: Given, _now: datetime) -> Change:
        spec: dict[str, JsonValue] = {"lifecycle": {"desiredPhase": "Running"}}
        if text(live, "kind") == "Pipeline":
            return Merge({"metadata": {"labels": {_RESUME_STRATEGY: strategy}}, "spec": spec})
        if strategy == "slow":
            spec["replicas"] = None  # it then begins with the least that its scaling allows
        return Merge({"spec": spec})

    word = "gradual" if strategy == "slow" else strategy
    return Builtin(f"unpause-{word}", effect, blocked, title=f"Unpause ({word})")


def _not_promotable(live: JsonObject) -> str:
    if text(live, "metadata", "labels", _FORCE_PROMOTE) == "true":
        return "it is being promoted"
    state = text(live, "metadata", "labels", "numaplane.numaproj.io/upgrade-state")
    return "" if state in {"in-progress", "trial"} else "no upgrade of it is in progress"


_NUMAFLOW: Final = (
    Builtin(
        "pause",
        put("Paused", "spec", "lifecycle", "desiredPhase"),
        when("Paused", "it is paused", "spec", "lifecycle", "desiredPhase"),
    ),
    _unpaused("slow"),
    _unpaused("fast"),
    Builtin("force-promote", put("true", "metadata", "labels", _FORCE_PROMOTE), _not_promotable, title="Force promote"),
)
_SUSPEND: Final = Builtin(
    "suspend", put(True, "spec", "suspend"), any_of(_ended, when(True, "it is suspended", "spec", "suspend"))
)
_RESUME: Final = Builtin(
    "resume", put(False, "spec", "suspend"), any_of(_ended, unless(True, "it is not suspended", "spec", "suspend"))
)

ARGO: Final = {
    GroupKind(_GROUP, "Rollout"): (
        Builtin("restart", stamp("spec", "restartAt")),
        Builtin("pause", put(True, "spec", "paused"), any_of(_promoted, when(True, "it is paused", "spec", "paused"))),
        Builtin("resume", _resumed, lambda live: "" if _is_paused(live) else "it is not paused"),
        Builtin(
            "abort", put(True, "status", "abort"), any_of(_promoted, when(True, "it is aborted", "status", "abort"))
        ),
        Builtin(
            "retry",
            put(False, "status", "abort"),
            any_of(_promoted, unless(True, "it is not aborted", "status", "abort")),
        ),
        Builtin("promote-full", put(True, "status", "promoteFull"), _promoted, title="Promote fully"),
        Builtin(
            "skip-current-step",
            _next_step,
            lambda live: "" if _steps_left(live) > 0 else "no step of a canary is left",
            title="Skip current step",
        ),
    ),
    GroupKind(_GROUP, "AnalysisRun"): (
        Builtin(
            "terminate",
            put(True, "spec", "terminate"),
            any_of(_ended, when(True, "it is being terminated", "spec", "terminate")),
        ),
    ),
    GroupKind(_GROUP, "Workflow"): (
        _SUSPEND,
        _RESUME,
        Builtin("stop", put("Stop", "spec", "shutdown"), any_of(_ended, when("Stop", "it stops", "spec", "shutdown"))),
        Builtin("terminate", put("Terminate", "spec", "shutdown"), _ended),
    ),
    GroupKind(_GROUP, "WorkflowTemplate"): (Builtin("create-workflow", _from_template, title="Create Workflow"),),
    GroupKind(_GROUP, "ClusterWorkflowTemplate"): (
        Builtin(
            "create-workflow",
            _from_cluster_template,
            asks=lambda _live: (Parameter("namespace", "default"),),
            title="Create Workflow",
        ),
    ),
    GroupKind(_GROUP, "CronWorkflow"): (
        Builtin("create-workflow", _from_cron, title="Create Workflow"),
        Builtin("suspend", put(True, "spec", "suspend"), when(True, "it is suspended", "spec", "suspend")),
        Builtin("resume", put(False, "spec", "suspend"), unless(True, "it is not suspended", "spec", "suspend")),
    ),
    GroupKind(_GROUP, "Application"): (Builtin("toggle-auto-sync", _toggled, title="Toggle auto-sync"),),
    GroupKind("promoter.argoproj.io", "PullRequest"): (
        Builtin("merge", put("merged", "spec", "state"), unless("open", "it is not open", "spec", "state")),
    ),
    GroupKind("numaflow.numaproj.io", "Pipeline"): _NUMAFLOW,
    GroupKind("numaflow.numaproj.io", "MonoVertex"): _NUMAFLOW,
    GroupKind("numaflow.numaproj.io", "InterStepBufferService"): _NUMAFLOW[-1:],
}
"""By kind, in the order in which they are offered."""
