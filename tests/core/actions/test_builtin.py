"""What each built-in action writes, and when it makes no sense."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitopsd.core.actions.action import Action, Creation, Merge, Parameter, checked
from gitopsd.core.actions.builtin import BUILTIN, changes, offered
from gitopsd.core.errors import OperationError
from gitopsd.core.ids import GroupKind
from gitopsd.core.jsonvalue import JsonObject

NOW = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
STAMP = "2026-03-01T12:00:05Z"
RESTARTED = {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": STAMP}}}}


def body(**fields: Any) -> JsonObject:
    metadata = {"name": "web", "namespace": "shop", "uid": "u1", **fields.pop("metadata", {})}
    return {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": metadata, **fields}


def run(kind: str, action: str, live: JsonObject, given: Mapping[str, str] | None = None) -> JsonObject:
    """The merge patch of an action of `kind` (GROUP/KIND)."""
    group, _, name = kind.rpartition("/")
    (change,) = changes(GroupKind(group, name), live, action, given or {}, NOW)
    assert isinstance(change, Merge)
    return change.body


def can(kind: str, live: JsonObject) -> set[str]:
    """The actions of `kind` that can be run now."""
    group, _, name = kind.rpartition("/")
    return {action.name for action in offered(GroupKind(group, name), live) if not action.disabled}


def marked(key: str, mark: str | None) -> JsonObject:
    return {"metadata": {"annotations": {key: mark}}}


@pytest.mark.parametrize(
    ("kind", "action", "live", "patch"),
    [
        ("apps/Deployment", "restart", body(), {"spec": RESTARTED}),
        ("apps/StatefulSet", "restart", body(), {"spec": RESTARTED}),
        ("apps/DaemonSet", "restart", body(), {"spec": RESTARTED}),
        ("apps/Deployment", "pause", body(), {"spec": {"paused": True}}),
        ("apps/Deployment", "resume", body(), {"spec": {"paused": False}}),
        ("batch/Job", "suspend", body(), {"spec": {"suspend": True}}),
        ("batch/Job", "resume", body(), {"spec": {"suspend": False}}),
        ("batch/CronJob", "suspend", body(), {"spec": {"suspend": True}}),
        ("batch/CronJob", "resume", body(), {"spec": {"suspend": False}}),
        ("argoproj.io/Rollout", "restart", body(), {"spec": {"restartAt": STAMP}}),
        ("argoproj.io/Rollout", "pause", body(), {"spec": {"paused": True}}),
        ("argoproj.io/Rollout", "abort", body(), {"status": {"abort": True}}),
        ("argoproj.io/Rollout", "retry", body(), {"status": {"abort": False}}),
        ("argoproj.io/Rollout", "promote-full", body(), {"status": {"promoteFull": True}}),
        (
            "argoproj.io/Rollout",
            "skip-current-step",
            body(status={"currentStepIndex": 2, "pauseConditions": [{"reason": "CanaryPauseStep"}]}),
            {"status": {"currentStepIndex": 3, "pauseConditions": None}},
        ),
        ("argoproj.io/Rollout", "resume", body(spec={"paused": True}), {"spec": {"paused": False}}),
        (
            "argoproj.io/Rollout",
            "resume",
            body(status={"pauseConditions": [{}]}),
            {"status": {"pauseConditions": None}},
        ),
        ("argoproj.io/AnalysisRun", "terminate", body(), {"spec": {"terminate": True}}),
        ("argoproj.io/Workflow", "suspend", body(), {"spec": {"suspend": True}}),
        ("argoproj.io/Workflow", "stop", body(), {"spec": {"shutdown": "Stop"}}),
        ("argoproj.io/Workflow", "terminate", body(), {"spec": {"shutdown": "Terminate"}}),
        (
            "argoproj.io/Application",
            "toggle-auto-sync",
            body(),
            {"spec": {"syncPolicy": {"automated": {"enabled": True}}}},
        ),
        (
            "argoproj.io/Application",
            "toggle-auto-sync",
            body(spec={"syncPolicy": {"automated": {"prune": True}}}),
            {"spec": {"syncPolicy": {"automated": {"enabled": False}}}},
        ),
        ("promoter.argoproj.io/PullRequest", "merge", body(), {"spec": {"state": "merged"}}),
        ("numaflow.numaproj.io/Pipeline", "pause", body(), {"spec": {"lifecycle": {"desiredPhase": "Paused"}}}),
        (
            "numaflow.numaproj.io/MonoVertex",
            "unpause-gradual",
            body(),
            {"spec": {"lifecycle": {"desiredPhase": "Running"}, "replicas": None}},
        ),
        (
            "numaflow.numaproj.io/MonoVertex",
            "unpause-fast",
            body(),
            {"spec": {"lifecycle": {"desiredPhase": "Running"}}},
        ),
        (
            "numaflow.numaproj.io/InterStepBufferService",
            "force-promote",
            body(),
            {"metadata": {"labels": {"numaplane.numaproj.io/force-promote": "true"}}},
        ),
        (
            "kustomize.toolkit.fluxcd.io/Kustomization",
            "reconcile",
            body(),
            marked("reconcile.fluxcd.io/requestedAt", STAMP),
        ),
        ("helm.toolkit.fluxcd.io/HelmRelease", "suspend", body(), {"spec": {"suspend": True}}),
        ("source.toolkit.fluxcd.io/OCIRepository", "resume", body(), {"spec": {"suspend": False}}),
        ("external-secrets.io/ExternalSecret", "refresh", body(), marked("force-sync", STAMP)),
        ("external-secrets.io/PushSecret", "push", body(), marked("force-sync", STAMP)),
        (
            "keda.sh/ScaledObject",
            "pause",
            body(),
            marked("autoscaling.keda.sh/paused", "true"),
        ),
        (
            "keda.sh/ScaledJob",
            "resume",
            body(metadata={"annotations": {"autoscaling.keda.sh/paused": "true"}}),
            marked("autoscaling.keda.sh/paused", None),
        ),
        (
            "postgresql.cnpg.io/Cluster",
            "restart",
            body(),
            marked("kubectl.kubernetes.io/restartedAt", STAMP),
        ),
        ("postgresql.cnpg.io/Cluster", "reload", body(), marked("cnpg.io/reloadedAt", STAMP)),
        (
            "postgresql.cnpg.io/Cluster",
            "suspend",
            body(),
            marked("cnpg.io/reconciliationLoop", "disabled"),
        ),
        (
            "postgresql.cnpg.io/Cluster",
            "hibernate",
            body(),
            marked("cnpg.io/hibernation", "on"),
        ),
        (
            "postgresql.cnpg.io/Cluster",
            "rehydrate",
            body(),
            marked("cnpg.io/hibernation", "off"),
        ),
        (
            "kafka.strimzi.io/Kafka",
            "pause",
            body(),
            marked("strimzi.io/pause-reconciliation", "true"),
        ),
        (
            "kafka.strimzi.io/KafkaConnector",
            "restart",
            body(),
            marked("strimzi.io/restart", "true"),
        ),
        (
            "core.strimzi.io/StrimziPodSet",
            "rolling-update",
            body(),
            marked("strimzi.io/manual-rolling-update", "true"),
        ),
        ("k8s.mariadb.com/MariaDB", "suspend", body(), {"spec": {"suspend": True}}),
    ],
)
def test_an_action_writes_what_the_kinds_controller_asks_for(
    kind: str, action: str, live: JsonObject, patch: JsonObject
) -> None:
    assert run(kind, action, live) == patch


@pytest.mark.parametrize(
    ("kind", "live", "possible"),
    [
        ("apps/Deployment", body(), {"restart", "pause", "scale"}),
        ("apps/Deployment", body(spec={"paused": True}), {"restart", "resume", "scale"}),
        ("batch/Job", body(), {"suspend"}),
        ("batch/Job", body(status={"startTime": STAMP}), {"suspend", "terminate"}),
        ("batch/Job", body(spec={"suspend": True}), {"resume"}),
        ("batch/Job", body(status={"conditions": [{"type": "Complete", "status": "True"}]}), set()),
        ("batch/CronJob", body(spec={"suspend": True}), {"create-job", "resume"}),
        ("argoproj.io/Rollout", body(status={"currentPodHash": "a", "stableRS": "a"}), {"restart"}),
        (
            "argoproj.io/Rollout",
            body(status={"currentPodHash": "b", "stableRS": "a"}, spec={"strategy": {"canary": {"steps": [{}, {}]}}}),
            {"restart", "pause", "abort", "promote-full", "skip-current-step"},
        ),
        (
            "argoproj.io/Rollout",
            body(status={"currentPodHash": "b", "stableRS": "a", "abort": True, "pauseConditions": [{}]}),
            {"restart", "pause", "retry", "resume", "promote-full"},
        ),
        ("argoproj.io/AnalysisRun", body(status={"phase": "Failed"}), set()),
        ("argoproj.io/Workflow", body(status={"phase": "Succeeded"}), set()),
        ("argoproj.io/Workflow", body(spec={"suspend": True}), {"resume", "stop", "terminate"}),
        ("promoter.argoproj.io/PullRequest", body(spec={"state": "closed"}), set()),
        ("numaflow.numaproj.io/Pipeline", body(spec={"lifecycle": {"desiredPhase": "Paused"}}), {"unpause-gradual"}),
        (
            "numaflow.numaproj.io/Pipeline",
            body(
                spec={
                    "lifecycle": {"desiredPhase": "Paused"},
                    "metadata": {"annotations": {"numaflow.numaproj.io/allowed-resume-strategies": "slow, fast"}},
                },
                metadata={"labels": {"numaplane.numaproj.io/upgrade-state": "in-progress"}},
            ),
            {"unpause-gradual", "unpause-fast", "force-promote"},
        ),
        ("source.toolkit.fluxcd.io/Bucket", body(spec={"suspend": True}), {"reconcile", "resume"}),
        ("keda.sh/ScaledObject", body(), {"pause", "paused-replicas"}),
        (
            "keda.sh/ScaledObject",
            body(metadata={"annotations": {"autoscaling.keda.sh/paused-replicas": "2"}}),
            {"paused-replicas", "resume"},
        ),
        ("postgresql.cnpg.io/Cluster", body(), {"restart", "reload", "suspend", "hibernate"}),
        ("kafka.strimzi.io/KafkaRebalance", body(), {"refresh", "stop", "pause"}),
        (
            "kafka.strimzi.io/KafkaRebalance",
            body(status={"conditions": [{"type": "ProposalReady", "status": "True"}]}),
            {"approve", "refresh", "stop", "pause"},
        ),
        ("Pod", body(), set()),
    ],
)
def test_what_makes_no_sense_now_is_disabled(kind: str, live: JsonObject, possible: set[str]) -> None:
    assert can(kind, live) == possible


@pytest.mark.parametrize(
    ("kind", "action", "patch"),
    [
        ("apps/Deployment", "scale", {"spec": {"replicas": 4}}),
        ("apps/StatefulSet", "scale", {"spec": {"replicas": 4}}),
        (
            "keda.sh/ScaledObject",
            "paused-replicas",
            marked("autoscaling.keda.sh/paused-replicas", "4"),
        ),
    ],
)
def test_a_number_of_replicas_is_asked_for(kind: str, action: str, patch: JsonObject) -> None:
    assert run(kind, action, body(), {"replicas": "4"}) == patch
    for wrong in ("", "-1", "many", "1.5", "٤", "99999999999", "4294967296"):
        with pytest.raises(OperationError) as caught:
            run(kind, action, body(), {"replicas": wrong})
        assert caught.value.reason == "Invalid"


def test_scale_offers_the_replicas_that_there_are() -> None:
    kind = GroupKind("apps", "Deployment")
    found = {action.name: action.parameters for action in offered(kind, body(spec={"replicas": 3}))}
    assert found["scale"] == (Parameter("replicas", "3", required=True),)
    assert found["restart"] == ()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("3000000000", "out of range"),
        ("9" * 5000, "out of range"),
        ("many", "no whole number"),
        ("-1", "no whole number"),
        ("", "is missing"),
    ],
)
def test_what_is_wrong_with_a_number_of_replicas_is_said(written: str, said: str) -> None:
    with pytest.raises(OperationError, match=f"the parameter replicas .*{said}") as caught:
        run("apps/Deployment", "scale", body(), {"replicas": written})
    assert ("2147483647" in caught.value.hint) is (said == "out of range")


def test_a_cron_job_is_run_now_as_kubectl_would() -> None:
    template = {
        "metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}},
        "spec": {"template": {"spec": {"x": []}}},
    }
    live = {
        **body(metadata={"name": "n" * 60}, spec={"jobTemplate": template}),
        "apiVersion": "batch/v1",
        "kind": "CronJob",
    }
    (change,) = changes(GroupKind("batch", "CronJob"), live, "create-job", {}, NOW)
    assert change == Creation(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": "n" * 48 + "-20260301120005",
                "namespace": "shop",
                "labels": {"a": "b"},
                "annotations": {"c": "d", "cronjob.kubernetes.io/instantiate": "manual"},
                "ownerReferences": [
                    {"apiVersion": "batch/v1", "kind": "CronJob", "name": "n" * 60, "uid": "u1", "controller": True}
                ],
            },
            "spec": {"template": {"spec": {"x": []}}},
        }
    )


@pytest.mark.parametrize(
    ("kind", "given", "namespace", "reference"),
    [
        ("WorkflowTemplate", {}, "shop", {"name": "web"}),
        ("ClusterWorkflowTemplate", {"namespace": "jobs"}, "jobs", {"name": "web", "clusterScope": True}),
    ],
)
def test_a_workflow_is_made_of_a_template(
    kind: str, given: dict[str, str], namespace: str, reference: JsonObject
) -> None:
    (change,) = changes(GroupKind("argoproj.io", kind), body(), "create-workflow", given, NOW)
    assert isinstance(change, Creation)
    made: Any = change.body
    assert (made["kind"], made["metadata"]["namespace"]) == ("Workflow", namespace)
    assert made["metadata"]["name"] == "web-20260301120005"
    assert made["spec"] == {"workflowTemplateRef": reference}


def test_a_cron_workflow_gives_its_workflow_labels_finalizers_and_its_name() -> None:
    live = body(
        metadata={"labels": {"workflows.argoproj.io/controller-instanceid": "blue"}},
        spec={"workflowMetadata": {"labels": {"a": "b"}, "finalizers": ["f"]}, "workflowSpec": {"entrypoint": "main"}},
    )
    (change,) = changes(GroupKind("argoproj.io", "CronWorkflow"), live, "create-workflow", {}, NOW)
    assert isinstance(change, Creation)
    made: Any = change.body
    assert made["metadata"]["labels"] == {
        "a": "b",
        "workflows.argoproj.io/cron-workflow": "web",
        "workflows.argoproj.io/controller-instanceid": "blue",
    }
    assert made["metadata"]["finalizers"] == ["f"]
    assert made["metadata"]["ownerReferences"][0]["uid"] == "u1"
    assert made["spec"] == {"entrypoint": "main"}


def test_terminating_a_job_keeps_the_conditions_that_it_has() -> None:
    live = body(status={"startTime": STAMP, "conditions": [{"type": "Suspended", "status": "False"}]})
    patch: Any = run("batch/Job", "terminate", live)
    assert [each["type"] for each in patch["status"]["conditions"]] == ["Suspended", "FailureTarget"]
    assert patch["status"]["conditions"][1]["status"] == "True"


@pytest.mark.parametrize(
    ("instance", "promoted"), [("any", "web-3"), ("web-1", "web-1"), ("1", "web-1"), ("2", ""), ("web-7", "")]
)
def test_promoting_takes_a_healthy_replica(instance: str, promoted: str) -> None:
    status = {"currentPrimary": "web-2", "instancesStatus": {"healthy": ["web-1", "web-2", "web-3"]}}
    live = body(status=status)
    if promoted:
        patch = run("postgresql.cnpg.io/Cluster", "promote", live, {"instance": instance})
        assert patch == {"status": {"targetPrimary": promoted, "targetPrimaryTimestamp": STAMP}}
        return
    with pytest.raises(OperationError, match="promoted") as caught:
        run("postgresql.cnpg.io/Cluster", "promote", live, {"instance": instance})
    assert "web-1, web-2, web-3" in caught.value.hint


def test_an_action_that_a_kind_has_not_is_refused() -> None:
    with pytest.raises(OperationError) as caught:
        changes(GroupKind("", "ConfigMap"), body(), "restart", {}, NOW)
    assert caught.value.reason == "NotFound"


@pytest.mark.parametrize(
    ("action", "given", "reason"),
    [
        (Action("a", disabled="it is paused"), {}, "Blocked"),
        (Action("a"), {"x": "1"}, "Invalid"),
        (Action("a", parameters=(Parameter("y"),)), {"x": "1", "y": "2"}, "Invalid"),
    ],
)
def test_what_cannot_be_run_so_is_refused(action: Action, given: dict[str, str], reason: str) -> None:
    with pytest.raises(OperationError) as caught:
        checked(action, given)
    assert caught.value.reason == reason


def test_what_is_not_given_is_what_was_offered() -> None:
    action = Action("a", parameters=(Parameter("x", "1"), Parameter("y", "2")))
    assert checked(action, {"y": "3"}) == {"x": "1", "y": "3"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["conditions", "type", "steps", "annotations", "canary"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(metadata=VALUES, spec=VALUES, status=VALUES)
def test_odd_objects_break_no_action(metadata: Any, spec: Any, status: Any) -> None:
    live = {"kind": "X", "metadata": metadata, "spec": spec, "status": status}
    for kind, actions in BUILTIN.items():
        for action in offered(kind, live):
            assert isinstance(action.disabled, str)
        for one in actions:
            try:
                changes(kind, live, one.name, {"replicas": "1"}, NOW)
            except OperationError as error:
                assert error.reason == "Invalid"  # noqa: PT017  # either is fine, and which one depends on the draw
