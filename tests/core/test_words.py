"""The words of the product are Kubernetes' and Argo CD's, exactly: each enum's members as people read them."""

import enum

import pytest

from gitopsd.core.app import OnImmutable, TrackingMethod
from gitopsd.core.appstatus import SyncCode
from gitopsd.core.autorollback import Turn
from gitopsd.core.compare import Verdict
from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.customization import IgnoredStatus
from gitopsd.core.decide import Act
from gitopsd.core.doctor import Severity
from gitopsd.core.health.status import HealthStatus
from gitopsd.core.history import DeletionPhase
from gitopsd.core.hook import DeletePolicy, HookOutcome, SyncPhase
from gitopsd.core.ids import GVK, NOWHERE, GroupKind, ObjectKey, Position
from gitopsd.core.manifest import ReadKind
from gitopsd.core.operation import Phase, ResultCode
from gitopsd.core.origin import OriginKind
from gitopsd.core.plan import PlanReason, Way
from gitopsd.core.settled import Settled
from gitopsd.core.window import WindowKind

WORDS: dict[type[enum.StrEnum], list[str]] = {
    Act: ["nothing", "sync", "heal", "wait"],
    ConditionType: [
        "DeletionError",
        "InvalidSpecError",
        "ComparisonError",
        "SyncError",
        "UnknownError",
        "SharedResourceWarning",
        "RepeatedResourceWarning",
        "ExcludedResourceWarning",
        "OrphanedResourceWarning",
        "SourceWarning",
        "RandomValueWarning",
        "ManifestWarning",
        "UnreadableResourceWarning",
    ],
    IgnoredStatus: ["all", "crd", "none"],
    HealthStatus: ["Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"],
    OriginKind: ["git", "helm", "oci", "file"],
    Phase: ["Pending", "Running", "Terminating", "Succeeded", "Failed", "Error"],
    PlanReason: ["missing", "changed", "left git", "namespace", "at each sync"],
    OnImmutable: ["fail", "recreate"],
    SyncPhase: ["PreSync", "Sync", "PostSync", "SyncFail", "PreDelete", "PostDelete"],
    DeletePolicy: ["HookSucceeded", "HookFailed", "BeforeHookCreation"],
    HookOutcome: ["Running", "Succeeded", "Failed", "Error", "Terminated"],
    Way: ["apply", "replace", "recreate"],
    DeletionPhase: ["", "Armed", "Held", "Waiting", "PreDelete", "Deleting", "PostDelete", "Deleted"],
    WindowKind: ["allow", "deny"],
    ReadKind: ["file", "dir", "missing"],
    ResultCode: ["Synced", "SyncFailed", "Pruned", "PruneSkipped"],
    Severity: ["ok", "warning", "problem", "unknown"],
    Settled: ["moving", "good", "bad"],
    SyncCode: ["Synced", "OutOfSync", "Unknown"],
    Turn: ["stay", "wait", "back"],
    TrackingMethod: ["annotation", "annotation+label", "label"],
    Verdict: ["synced", "changed", "missing", "extra", "refused", "undecided", "unknown"],
}


@pytest.mark.parametrize("words", list(WORDS), ids=lambda words: words.__name__)
def test_every_word_is_the_one_that_people_know(words: type[enum.StrEnum]) -> None:
    assert sorted(words) == sorted(WORDS[words])


def test_no_enum_of_core_is_left_out() -> None:
    found = {kind for kind in enum.StrEnum.__subclasses__() if kind.__module__.startswith("gitopsd.core.")}
    assert {kind.__name__ for kind in found} == {kind.__name__ for kind in WORDS}


@pytest.mark.parametrize("kind", list(ConditionType))
def test_a_condition_is_an_error_or_a_warning_by_its_name(kind: ConditionType) -> None:
    assert kind.value.endswith(("Error", "Warning"))
    assert kind.is_error is kind.value.endswith("Error")
    assert Condition(kind, "a") < Condition(kind, "b")


@pytest.mark.parametrize("phase", list(Phase))
def test_all_phases_but_those_of_what_goes_on_are_an_end(phase: Phase) -> None:
    assert phase.done is (phase not in (Phase.PENDING, Phase.RUNNING, Phase.TERMINATING))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (GroupKind("", "Pod"), "Pod"),
        (GroupKind("apps", "Deployment"), "apps/Deployment"),
        (GVK.parse("v1", "Pod"), "v1 Pod"),
        (GVK.parse("apps/v1", "Deployment"), "apps/v1 Deployment"),
        (GVK.parse("", ""), " "),
        (ObjectKey("", "Pod", "shop", "web"), "Pod shop/web"),
        (ObjectKey("", "Namespace", "", "shop"), "Namespace shop"),
        (ObjectKey("apps", "Deployment", "shop", "web"), "apps/Deployment shop/web"),
        (NOWHERE, ""),
        (Position("a.yaml"), "a.yaml"),
        (Position("a.yaml", 3), "a.yaml:3"),
        (Position("a.yaml", 3, 9), "a.yaml:3:9"),
    ],
)
def test_names_read_as_people_write_them(value: object, shown: str) -> None:
    assert str(value) == shown


def test_an_api_version_survives_being_taken_apart() -> None:
    for api_version in ("v1", "apps/v1", "example.org/v1alpha1"):
        gvk = GVK.parse(api_version, "Kind")
        assert gvk.api_version == api_version
        assert gvk.group_kind == GroupKind(gvk.group, "Kind")
    assert ObjectKey("apps", "Deployment", "a", "b").group_kind == GroupKind("apps", "Deployment")
