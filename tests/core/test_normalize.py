"""What counts of an object when git and cluster are compared."""

from copy import deepcopy
from typing import Any

import pytest

from gitopsd.core.customization import IgnoredStatus, KnownField
from gitopsd.core.fieldpath import parse_path, parse_pointer
from gitopsd.core.fieldset import without
from gitopsd.core.ids import ObjectKey
from gitopsd.core.ignore import IgnoreRule, KindPattern
from gitopsd.core.jsonvalue import mapping
from gitopsd.core.normalize import CompareRules, ObjectRules
from gitopsd.core.respect import respecting
from gitopsd.testing import field_ownership as fields

KEY = ObjectKey("apps", "Deployment", "default", "web")
EVERY = KindPattern("*", "*")


def rules(*paths: str, pointers: tuple[str, ...] = (), managers: tuple[str, ...] = (), **more: Any) -> ObjectRules:
    parsed = (*map(parse_path, paths), *map(parse_pointer, pointers))
    return CompareRules((IgnoreRule(EVERY, paths=parsed, managers=managers),), **more).object(KEY)


def entry(manager: str, owned: dict[str, Any], *, operation: str = "Update", **more: str) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsV1": owned, **more}


def wanted(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def applied(body: dict[str, Any], *others: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """`body` after an apply of ours, and after others set `spec`."""
    live = deepcopy(body)
    live["spec"].update(spec)
    mine = entry("gitopsd", fields.encode(fields.paths(body)), operation="Apply")
    live["metadata"].update(managedFields=[mine, *others], resourceVersion="7")
    return live


def containers(*images: str) -> list[dict[str, str]]:
    return [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]


@pytest.mark.parametrize(
    ("path", "git", "live"),
    [
        ("spec.replicas", {"replicas": 1}, {"replicas": 9}),
        ("spec.replicas", {"replicas": 1, "a": 1}, {"replicas": 9}),
        ("spec.containers[name=c1].image", {"containers": containers("a", "b")}, {"containers": containers("a", "x")}),
        ("spec.containers[*].image", {"containers": containers("a", "b")}, {"containers": containers("x", "y")}),
        ("spec.containers[name=c1]", {"containers": containers("a", "b")}, {"containers": containers("a", "x")}),
        ("spec.free.deep", {"free": {"deep": 1}, "a": 2}, {"free": {"deep": 2, "theirs": 3}}),
        ("spec", {"replicas": 1}, {"replicas": 9}),
    ],
)
def test_an_ignored_field_of_ours_that_others_changed_needs_no_dry_run(
    path: str, git: dict[str, Any], live: dict[str, Any]
) -> None:
    body = wanted(**git)
    there = applied(body, **live)
    assert not rules().proves_unchanged(body, there)
    assert rules(path).proves_unchanged(body, there)


@pytest.mark.parametrize("path", ["spec.replicas", "spec.containers[name=c0].image"])
def test_an_ignored_field_that_another_manager_took_over_needs_no_dry_run(path: str) -> None:
    body = wanted(replicas=1, containers=containers("a"))
    there = applied(body, replicas=9, containers=containers("x"))
    ours = there["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]
    if path == "spec.replicas":
        del ours["f:replicas"]
        there["spec"]["containers"] = containers("a")
    else:
        there["spec"]["replicas"] = 1
        del ours["f:containers"]['k:{"name":"c0"}']["f:image"]
    assert not rules().proves_unchanged(body, there)
    assert rules(path).proves_unchanged(body, there)


def test_a_field_beside_the_ignored_one_still_counts() -> None:
    body = wanted(replicas=1, paused=True)
    assert not rules("spec.replicas").proves_unchanged(body, applied(body, replicas=9, paused=False))


def test_a_field_that_left_git_still_counts_beside_ignored_ones() -> None:
    there = applied(wanted(replicas=1, paused=True))
    assert not rules("spec.replicas").proves_unchanged(wanted(replicas=1), there)
    assert rules("spec.replicas", "spec.paused").proves_unchanged(wanted(replicas=1), there)


def test_fields_that_a_manager_owns_are_taken_out_of_both_sides() -> None:
    body = wanted(replicas=1, containers=containers("a", "b"))
    owned: dict[str, Any] = {
        "f:spec": {"f:replicas": {}, "f:containers": {'k:{"name":"c1"}': {"f:name": {}, "f:image": {}}}}
    }
    there = applied(body, entry("autoscaler", owned), replicas=9, containers=containers("a", "x"))
    assert rules(managers=("autoscaler",)).proves_unchanged(body, there)
    assert not rules(managers=("somebody",)).proves_unchanged(body, there)
    there["spec"]["containers"][0]["image"] = "y"
    assert not rules(managers=("autoscaler",)).proves_unchanged(body, there)


def test_an_item_that_a_manager_has_alone_goes_as_a_whole() -> None:
    item: dict[str, Any] = {".": {}, "f:name": {}, "f:image": {}}
    there = applied(wanted(replicas=1), entry("injector", {"f:spec": {"f:containers": {'k:{"name":"c0"}': item}}}))
    there["spec"]["containers"] = containers("proxy")
    assert "containers" not in mapping(rules(managers=("injector",)).counted(there, there), "spec")


def test_quantities_in_other_words_need_no_dry_run() -> None:
    def limits(cpu: object) -> list[dict[str, Any]]:
        return [{"name": "c0", "resources": {"limits": {"cpu": cpu}}}]

    pod = wanted(template={"spec": {"containers": limits("1000m")}})
    assert rules().proves_unchanged(pod, applied(pod, template={"spec": {"containers": limits("1")}}))
    assert not rules().proves_unchanged(pod, applied(pod, template={"spec": {"containers": limits("2")}}))


def test_a_known_field_of_a_custom_kind_is_compared_by_what_it_means() -> None:
    known = (KnownField(KEY.group_kind, parse_path("spec.every"), "meta/v1/Duration"),)
    body = wanted(every="1h")
    assert rules(known=known).proves_unchanged(body, applied(body, every="60m"))
    assert not rules().proves_unchanged(body, applied(body, every="60m"))


@pytest.mark.parametrize(("ignored", "counts"), [("all", False), ("crd", True), ("none", True)])
def test_a_status_in_git_counts_only_if_told(ignored: str, counts: bool) -> None:
    body = {**wanted(replicas=1), "status": {"replicas": 1}}
    there = {**applied(wanted(replicas=1)), "status": {"replicas": 9}}
    assert rules(status=IgnoredStatus(ignored)).proves_unchanged(body, there) is not counts


def test_of_definitions_the_status_in_git_does_not_count_either() -> None:
    definition = ObjectKey("apiextensions.k8s.io", "CustomResourceDefinition", "", "a")
    assert ("status",) in CompareRules(status=IgnoredStatus.CRD).object(definition).paths
    assert ("status",) not in CompareRules(status=IgnoredStatus.CRD).object(KEY).paths


class TestDigest:
    """What makes another dry-run worth asking."""

    @pytest.mark.parametrize(
        "change",
        [
            {"status": {"replicas": 3}},
            {"metadata": {"resourceVersion": "9", "generation": 4}},
        ],
        ids=str,
    )
    def test_what_every_write_changes_does_not_count(self, change: dict[str, Any]) -> None:
        there = applied(wanted(replicas=1))
        other = {**there, **change, "metadata": {**there["metadata"], **change.get("metadata", {})}}
        assert rules().digest(there) == rules().digest(other)

    def test_times_and_who_wrote_the_status_do_not_count(self) -> None:
        there = applied(wanted(replicas=1))
        other = deepcopy(there)
        other["metadata"]["managedFields"][0]["time"] = "2030-01-01T00:00:00Z"
        other["metadata"]["managedFields"].append(entry("kubelet", {"f:status": {"f:phase": {}}}, subresource="status"))
        assert rules().digest(there) == rules().digest(other)

    def test_an_ignored_field_does_not_count(self) -> None:
        body = wanted(replicas=1)
        one, other = applied(body), applied(body, replicas=3)
        assert rules("spec.replicas").digest(one) == rules("spec.replicas").digest(other)
        assert rules().digest(one) != rules().digest(other)

    def test_content_and_ownership_count(self) -> None:
        there = applied(wanted(replicas=1))
        labelled = deepcopy(there)
        labelled["metadata"]["labels"] = {"a": "1"}
        taken = deepcopy(there)
        taken["metadata"]["managedFields"].append(entry("somebody", {"f:spec": {"f:replicas": {}}}))
        assert len({rules().digest(body) for body in (there, labelled, taken)}) == 3


def respected(ignored: ObjectRules, git: dict[str, Any], live: dict[str, Any]) -> Any:
    return respecting(wanted(**git), applied(wanted(**live)), ignored).body()["spec"]


@pytest.mark.parametrize(
    ("path", "git", "live", "gives"),
    [
        ("spec.replicas", {"replicas": 1, "a": 1}, {"replicas": 9, "a": 2}, {"replicas": 9, "a": 1}),
        ("spec.replicas", {"replicas": 1, "a": 1}, {"a": 2}, {"a": 1}),
        ("spec.replicas", {"a": 1}, {"replicas": 9}, {"replicas": 9, "a": 1}),
        ("spec.deep.er", {"a": 1}, {"deep": {"er": 1, "other": 2}}, {"a": 1, "deep": {"er": 1}}),
        (
            "spec.containers[name=c1].image",
            {"containers": containers("a", "b")},
            {"containers": [*reversed(containers("x", "y")), {"name": "theirs", "image": "z"}]},
            {"containers": containers("a", "y")},
        ),
        (
            "spec.containers[*].image",
            {"containers": containers("a", "b", "new")},
            {"containers": containers("x", "y")},
            {"containers": containers("x", "y", "new")},
        ),
        (
            "spec.containers[name=theirs]",
            {"containers": containers("a")},
            {"containers": [{"name": "theirs", "image": "z"}, *containers("x")]},
            {"containers": [*containers("a"), {"name": "theirs", "image": "z"}]},
        ),
    ],
)
def test_ignored_fields_are_taken_from_the_cluster(
    path: str, git: dict[str, Any], live: dict[str, Any], gives: dict[str, Any]
) -> None:
    assert respected(rules(path), git, live) == gives


def test_a_pointer_to_an_item_takes_the_item_of_the_same_name() -> None:
    live = {"containers": [{"name": "injected", "image": "p"}, *containers("x")]}
    ignored = rules(pointers=("/spec/containers/0/image",))
    assert respected(ignored, {"containers": containers("a")}, live) == {"containers": containers("x")}


def test_what_is_not_ignored_is_applied_as_git_has_it() -> None:
    git = {"replicas": 1, "containers": containers("a")}
    assert respected(rules("spec.paused"), git, {"replicas": 9, "containers": containers("x")}) == git


def test_positions_stay_true_while_items_go() -> None:
    body = {"items": [0, 1, 2, 3]}
    assert without(body, [("items", 1), ("items", 2)]) == {"items": [0, 3]}
    assert without(body, [("items", place) for place in range(4)]) == {}


def test_a_rule_speaks_of_the_objects_that_it_names() -> None:
    rule = IgnoreRule(KindPattern("apps", "*"), name="web", namespace="default", paths=(("spec",),))
    assert rule.fits(KEY)
    assert not any(rule.fits(KEY._replace(**{part: "other"})) for part in ("group", "namespace", "name"))
