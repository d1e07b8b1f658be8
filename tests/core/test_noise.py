"""What counts when an object changes, and jq expressions that are paths."""

import pytest

from gitopsd.core.customization import ResourceSettings
from gitopsd.core.fieldpath import AllItems, FieldPath, ItemWith, parse_path
from gitopsd.core.ids import ObjectKey, Position
from gitopsd.core.ignore import IgnoreRule, KindPattern
from gitopsd.core.jqpath import jq_path
from gitopsd.core.jsonvalue import JsonObject, JsonValue
from gitopsd.core.noise import Noise, unusable_rules

HERE = Position("gitopsd.yaml", 7)


def changed(
    kind: str, path: str, *, group: str = "", tracked: bool = True, settings: ResourceSettings | None = None
) -> bool:
    """Tell whether another value at `path` (steps between /, ~ for a / in a name) counts."""
    key = ObjectKey(group, kind, "shop", "web")
    noise = Noise(settings)
    steps = [step.replace("~", "/") for step in path.split("/")]
    one, other = (noise.news(key, body(steps, value), tracked=tracked) for value in ("a", "b"))
    return one != other


def body(path: list[str], value: JsonValue) -> JsonObject:
    found: JsonValue = value
    for step in reversed(path):
        found = [found] if step == "*" else {step: found}
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("field", ["resourceVersion", "generation", "managedFields"])
def test_bookkeeping_of_the_api_server_is_no_news(field: str) -> None:
    assert not changed("ConfigMap", f"metadata/{field}")


@pytest.mark.parametrize(
    ("group", "kind", "path"),
    [
        ("", "Node", "status/conditions/*/lastHeartbeatTime"),
        ("", "ConfigMap", "metadata/annotations/control-plane.alpha.kubernetes.io~leader"),
        ("autoscaling", "HorizontalPodAutoscaler", "status/currentMetrics"),
        ("policy", "PodDisruptionBudget", "status/disruptionsAllowed"),
        ("apps", "ReplicaSet", "metadata/annotations/deployment.kubernetes.io~desired-replicas"),
        ("argoproj.io", "Application", "operation"),
    ],
)
def test_what_controllers_write_all_the_time_is_no_news(group: str, kind: str, path: str) -> None:
    assert not changed(kind, path, group=group)


@pytest.mark.parametrize(
    ("group", "kind", "path"),
    [
        ("", "ConfigMap", "data/a"),
        ("", "ConfigMap", "metadata/annotations/a"),
        ("", "ConfigMap", "metadata/deletionTimestamp"),
        ("apps", "Deployment", "status/readyReplicas"),
        ("apps", "Deployment", "status/observedGeneration"),
        ("autoscaling", "HorizontalPodAutoscaler", "status/conditions/*/status"),
        ("autoscaling", "HorizontalPodAutoscaler", "spec/maxReplicas"),
    ],
)
def test_what_sync_and_health_look_at_is_news(group: str, kind: str, path: str) -> None:
    assert changed(kind, path, group=group)


def test_endpoints_count_only_where_they_are_in_git() -> None:
    assert changed("EndpointSlice", "endpoints", group="discovery.k8s.io", tracked=True)
    assert not changed("EndpointSlice", "endpoints", group="discovery.k8s.io", tracked=False)


def rule(**fields: object) -> IgnoreRule:
    return IgnoreRule(KindPattern("", "*"), position=HERE, **fields)  # type: ignore[arg-type]  # tests name the fields


def test_rules_of_the_administrator_count_for_their_objects_alone() -> None:
    settings = ResourceSettings(ignore_updates=(rule(paths=(parse_path("data.a"),), jq=(".data.b",), name="web"),))
    assert not changed("ConfigMap", "data/a", settings=settings)
    assert not changed("ConfigMap", "data/b", settings=settings)
    assert changed("ConfigMap", "data/c", settings=settings)
    other = ResourceSettings(ignore_updates=(rule(paths=(parse_path("data.a"),), name="other"),))
    assert changed("ConfigMap", "data/a", settings=other)


def test_differences_that_are_ignored_are_no_news_unless_that_is_switched_off() -> None:
    ignored = (rule(paths=(parse_path("data.a"),)),)
    assert not changed("ConfigMap", "data/a", settings=ResourceSettings(ignore_differences=ignored))
    off = ResourceSettings(ignore_differences=ignored, ignore_differences_on_updates=False)
    assert changed("ConfigMap", "data/a", settings=off)


def test_rules_that_cannot_be_followed_are_named_with_their_place() -> None:
    settings = ResourceSettings(ignore_updates=(rule(jq=(".a", ".b | keys"), managers=("kubectl",)),))
    first, second = unusable_rules(settings)
    assert "gitopsd.yaml:7" in first
    assert ".b | keys" in first
    assert "managedFieldsManagers" in second


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (".status", ("status",)),
        (".spec.containers[].image", ("spec", "containers", AllItems(), "image")),
        (".webhooks[]?.clientConfig.caBundle", ("webhooks", AllItems(), "clientConfig", "caBundle")),
        ('.metadata.annotations."a.b/c"', ("metadata", "annotations", "a.b/c")),
        ('.metadata.annotations["a.b/c"]', ("metadata", "annotations", "a.b/c")),
        ('.a."x\\"y"', ("a", 'x"y')),
        (".spec.x[0]?", ("spec", "x", 0)),
        (".a | .b", ("a", "b")),
        ('.c[] | select(.name == "web") | .image', ("c", ItemWith("name", "web"), "image")),
        ('.c[] | select(.name=="web").env[0]', ("c", ItemWith("name", "web"), "env", 0)),
    ],
)
def test_jq_that_is_a_path_is_read_as_one(text: str, path: FieldPath) -> None:
    assert jq_path(text) == path


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "a", ".a b", ".a | length", ".a.b | keys", '.a | select(.x == "y")', ".a[] | select(.x > 1)"],
)
def test_jq_that_is_more_than_a_path_is_none(text: str) -> None:
    assert jq_path(text) is None


def test_no_expression_takes_long() -> None:
    for text in (".a" * 10_000, "[" * 10_000, ".a[] | " * 5_000, '."' + "\\" * 10_000):
        assert jq_path(text) is None
