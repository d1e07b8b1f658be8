"""Objects that no API server would store: no check raises, and an ill-typed field is named."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitopsd.core.health.assess import assess
from gitopsd.core.health.builtin import BUILT_IN
from gitopsd.core.health.status import HealthStatus
from gitopsd.core.jsonvalue import JsonValue

KINDS = sorted(
    (group, kind, version) for (group, kind), rule in BUILT_IN.items() for version in rule.versions or ("v1",)
)

# Words that the rules look for, so that random objects get past the first branch.
WORDS = st.sampled_from(
    [
        *("Always", "Never", "OnDelete", "RollingUpdate", "LoadBalancer"),
        *("Pending", "Running", "Failed", "Succeeded", "Bound", "Lost"),
        *(
            "Progressing",
            "ReplicaFailure",
            "Ready",
            "Complete",
            "Suspended",
            "Available",
            "Established",
            "NamesAccepted",
        ),
        *("AbleToScale", "ScalingActive", "True", "False", "Unknown", "ProgressDeadlineExceeded", "ErrImagePull"),
        *("2026-01-02T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-13-41"),
    ]
)
NAMES = st.sampled_from(
    [
        *(
            "replicas",
            "paused",
            "suspend",
            "completions",
            "updateStrategy",
            "rollingUpdate",
            "partition",
            "type",
            "status",
        ),
        *(
            "observedGeneration",
            "generation",
            "updatedReplicas",
            "availableReplicas",
            "readyReplicas",
            "numberAvailable",
        ),
        *("desiredNumberScheduled", "conditions", "reason", "message", "phase", "restartPolicy", "containerStatuses"),
        *("initContainerStatuses", "name", "state", "lastState", "waiting", "terminated", "exitCode", "restartCount"),
        *(
            "active",
            "lastScheduleTime",
            "lastSuccessfulTime",
            "loadBalancer",
            "ingress",
            "storageClassName",
            "volumeName",
        ),
        *("annotations", "finalizers", "deletionTimestamp", "autoscaling.alpha.kubernetes.io/conditions"),
    ]
)
JSON: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(NAMES, inner, max_size=6)
        | st.dictionaries(st.text(max_size=8), inner)
    ),
    max_leaves=12,
)
MAPPINGS = st.dictionaries(NAMES, JSON, max_size=6)


PARTS = st.fixed_dictionaries({}, optional=dict.fromkeys(("metadata", "spec", "status"), MAPPINGS | JSON))


@pytest.mark.parametrize(("group", "kind", "version"), KINDS)
@settings(max_examples=40)
@given(parts=PARTS, is_hook=st.booleans())
def test_junk_inside_a_known_kind_never_raises(
    group: str, kind: str, version: str, parts: Mapping[str, JsonValue], *, is_hook: bool
) -> None:
    api_version = f"{group}/{version}" if group else version
    found = assess({"apiVersion": api_version, "kind": kind, **parts}, is_hook=is_hook)
    assert found is not None
    assert found.status in HealthStatus


@given(live=st.dictionaries(st.sampled_from(["apiVersion", "kind", "metadata", "spec", "status"]) | st.text(), JSON))
def test_junk_for_an_object_never_raises(live: Mapping[str, JsonValue]) -> None:
    found = assess(live)
    assert found is None or found.status in HealthStatus


@given(text=st.text() | st.sampled_from(["[" * 100_000, "1" * 5000, "[NaN]", '[{"type":1}]', "{}", '""']))
def test_junk_in_the_annotation_of_an_old_autoscaler_never_raises(text: str) -> None:
    found = assess(
        {
            "apiVersion": "autoscaling/v1",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"annotations": {"autoscaling.alpha.kubernetes.io/conditions": text}},
        }
    )
    assert found is not None
    assert found.status in (HealthStatus.UNKNOWN, HealthStatus.PROGRESSING)


READ: Sequence[tuple[str, str, str, JsonValue]] = [
    # apiVersion, kind, field that the rule reads, the rest of the object that makes it read the field
    ("apps/v1", "Deployment", "metadata.generation", {}),
    ("apps/v1", "Deployment", "spec.paused", {}),
    ("apps/v1", "Deployment", "spec.replicas", {}),
    ("apps/v1", "Deployment", "status.observedGeneration", {}),
    ("apps/v1", "Deployment", "status.conditions", {}),
    ("apps/v1", "Deployment", "status.replicas", {}),
    ("apps/v1", "Deployment", "status.updatedReplicas", {}),
    ("apps/v1", "Deployment", "status.availableReplicas", {}),
    ("apps/v1", "ReplicaSet", "spec.replicas", {}),
    ("apps/v1", "ReplicaSet", "status.availableReplicas", {}),
    ("apps/v1", "StatefulSet", "status.readyReplicas", {"status": {"observedGeneration": 1}}),
    ("apps/v1", "StatefulSet", "spec.updateStrategy", {"status": {"observedGeneration": 1}}),
    ("apps/v1", "StatefulSet", "status.updateRevision", {"status": {"observedGeneration": 1}}),
    (
        "apps/v1",
        "StatefulSet",
        "spec.updateStrategy.rollingUpdate",
        {"status": {"observedGeneration": 1}, "spec": {"updateStrategy": {"type": "RollingUpdate"}}},
    ),
    ("apps/v1", "DaemonSet", "status.desiredNumberScheduled", {}),
    ("apps/v1", "DaemonSet", "status.updatedNumberScheduled", {}),
    ("apps/v1", "DaemonSet", "status.numberAvailable", {}),
    ("v1", "Pod", "metadata.annotations", {}),
    ("v1", "Pod", "spec.restartPolicy", {}),
    ("v1", "Pod", "status.phase", {}),
    ("v1", "Pod", "status.message", {}),
    ("v1", "Pod", "status.containerStatuses", {"spec": {"restartPolicy": "Always"}}),
    ("v1", "Service", "spec.type", {}),
    ("v1", "Service", "status.loadBalancer", {"spec": {"type": "LoadBalancer"}}),
    ("v1", "PersistentVolumeClaim", "status.phase", {}),
    ("batch/v1", "Job", "status.conditions", {}),
    ("batch/v1", "Job", "status.active", {}),
    ("batch/v1", "Job", "spec.completions", {}),
    ("batch/v1", "CronJob", "spec.suspend", {}),
    ("batch/v1", "CronJob", "status", {}),
    ("batch/v1", "CronJob", "status.lastScheduleTime", {}),
    ("batch/v1", "CronJob", "status.active", {"status": {"lastScheduleTime": "2026-01-02T00:00:00Z"}}),
    ("networking.k8s.io/v1", "Ingress", "status.loadBalancer.ingress", {}),
    ("autoscaling/v2", "HorizontalPodAutoscaler", "status.conditions", {}),
    ("autoscaling/v1", "HorizontalPodAutoscaler", "metadata.annotations", {}),
    ("apiregistration.k8s.io/v1", "APIService", "status.conditions", {}),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "status.conditions", {}),
    ("policy/v1", "PodDisruptionBudget", "status.conditions", {}),
    ("argoproj.io/v1alpha1", "Workflow", "status.phase", {}),
    ("v1", "ConfigMap", "metadata.deletionTimestamp", {}),
    ("v1", "ConfigMap", "metadata.finalizers", {"metadata": {"deletionTimestamp": "2026-01-02T00:00:00Z"}}),
]


@pytest.mark.parametrize(("api_version", "kind", "field", "rest"), READ)
@pytest.mark.parametrize("odd", [0.5, float("nan")])
def test_an_ill_typed_field_is_unknown_and_named(
    api_version: str, kind: str, field: str, rest: JsonValue, odd: JsonValue
) -> None:
    found = assess(with_field({"apiVersion": api_version, "kind": kind, **as_dict(rest)}, field.split("."), odd))
    assert found is not None
    assert found.status is HealthStatus.UNKNOWN
    assert found.message.startswith(f"Cannot be judged: {field} should be ")


def test_the_value_of_an_ill_typed_field_is_not_shown() -> None:
    found = assess({"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": "hunter2"}})
    assert found is not None
    assert "hunter2" not in found.message


def as_dict(found: JsonValue) -> dict[str, JsonValue]:
    assert isinstance(found, Mapping)
    return dict(found)


def with_field(root: dict[str, JsonValue], path: Sequence[str], leaf: JsonValue) -> dict[str, JsonValue]:
    key, *below = path
    inner = with_field(as_dict(root.get(key) or {}), below, leaf) if below else leaf
    return {**root, key: inner}
