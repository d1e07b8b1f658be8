"""What the first apply takes over, and what it removes besides what a dry-run shows."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

import pytest

from gitopsd.core.adoption import ADOPTED_MANAGERS, LAST_APPLIED, adopted_managers, leftovers, migrated, replaced
from gitopsd.core.compare import Verdict, compare
from gitopsd.core.document import Document, canonical
from gitopsd.core.fieldpath import path_of
from gitopsd.core.ignore import IgnoreRule, KindPattern
from gitopsd.core.live import Prediction
from gitopsd.core.normalize import CompareRules
from tests.core.making import live, live_body, want

Body = dict[str, Any]
KUBECTL: Final = "kubectl-client-side-apply"
PORT: Final = 'k:{"containerPort":80,"protocol":"TCP"}'


def entry(manager: str, operation: str, fields: Body, **more: str) -> Body:
    """An entry of managedFields."""
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": "apps/v1",
        "time": "2026-03-01T10:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        **more,
    }


def web(**spec: Any) -> Body:
    """A Deployment as git has it."""
    metadata: Body = {"name": "web", "namespace": "shop"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def found(body: Body, *entries: Body, last_applied: object = None) -> Body:
    """It as the cluster has it."""
    metadata = {**body["metadata"], "managedFields": list(entries)}
    if last_applied is not None:
        text = last_applied if isinstance(last_applied, str) else json.dumps(last_applied)
        metadata["annotations"] = {LAST_APPLIED: text}
    return {**body, "metadata": metadata}


def paths(desired: Body, there: Body) -> list[str]:
    """The leftovers as paths."""
    return [path_of(there, field) for field in leftovers(desired, there, ADOPTED_MANAGERS)]


def test_entries_of_several_managers_become_one_of_ours() -> None:
    there = found(
        web(replicas=3, paused=True),
        entry(KUBECTL, "Update", {"f:spec": {"f:replicas": {}, "f:template": {}}}),
        entry("argocd-controller", "Apply", {"f:spec": {".": {}, "f:paused": {}, "f:template": {"f:spec": {}}}}),
        entry("somebody", "Update", {"f:spec": {"f:replicas": {}}}),
        entry(KUBECTL, "Update", {"f:status": {}}, subresource="status"),
    )
    made = migrated(there, ADOPTED_MANAGERS, "apps/v1")
    assert made is not None
    ours, *others = made
    assert (ours["manager"], ours["operation"], ours["apiVersion"]) == ("gitopsd", "Apply", "apps/v1")
    assert ours["fieldsV1"] == {
        "f:spec": {".": {}, "f:replicas": {}, "f:template": {".": {}, "f:spec": {}}, "f:paused": {}}
    }
    assert [(other["manager"], other.get("subresource", "")) for other in others] == [
        ("somebody", ""),
        (KUBECTL, "status"),
    ]


def test_what_we_applied_before_is_left_alone() -> None:
    there = found(
        web(replicas=3),
        entry("gitopsd", "Apply", {"f:spec": {"f:replicas": {}}}),
        entry(KUBECTL, "Update", {"f:spec": {"f:paused": {}}}),
    )
    assert migrated(there, ADOPTED_MANAGERS, "apps/v1") is None
    assert leftovers(web(), there, ADOPTED_MANAGERS) == ()


def test_entries_at_another_version_stay_as_they_are() -> None:
    there = found(
        web(replicas=3),
        entry(KUBECTL, "Update", {"f:spec": {"f:paused": {}}}, apiVersion="apps/v1beta1"),
        entry(KUBECTL, "Update", {"f:spec": {"f:replicas": {}}}),
    )
    made = migrated(there, ADOPTED_MANAGERS, "apps/v1")
    assert made is not None
    assert [(one["manager"], one["apiVersion"]) for one in made] == [("gitopsd", "apps/v1"), (KUBECTL, "apps/v1beta1")]


def test_the_annotation_adds_managers_and_the_sync_option_switches_off() -> None:
    annotation = {"argocd.argoproj.io/client-side-apply-migration-manager": "helm, fleet"}
    assert adopted_managers(annotation, {}) == ADOPTED_MANAGERS | {"helm", "fleet"}
    assert adopted_managers({}, {}) is ADOPTED_MANAGERS
    assert adopted_managers(annotation, {"ClientSideApplyMigration": "false"}) == frozenset()
    assert migrated(found(web(), entry(KUBECTL, "Update", {"f:spec": {}})), frozenset(), "apps/v1") is None


def test_of_a_server_side_apply_all_that_git_has_not_is_left_over() -> None:
    template: Body = {"spec": {"containers": [{"name": "web", "image": "web:1", "ports": [{"containerPort": 80}]}]}}
    live_template: Body = {
        "spec": {
            "containers": [
                {"name": "old", "image": "old:1"},
                {
                    "name": "web",
                    "image": "web:1",
                    "args": ["-v"],
                    "ports": [{"containerPort": 80, "protocol": "TCP"}],
                },
            ]
        }
    }
    names: Body = {".": {}, "f:name": {}, "f:image": {}}
    item: Body = {**names, "f:args": {}, "f:ports": {PORT: {".": {}, "f:containerPort": {}}}}
    containers = {"f:containers": {'k:{"name":"old"}': names, 'k:{"name":"web"}': item}}
    fields: Body = {"f:spec": {"f:replicas": {}, "f:paused": {}, "f:template": {"f:spec": containers}}}
    there = found(
        web(replicas=3, paused=True, template=live_template),
        entry("argocd-controller", "Apply", fields),
        entry("somebody", "Update", {"f:spec": {"f:paused": {}}}),
    )
    assert paths(web(template=template), there) == [
        "spec.replicas",
        "spec.template.spec.containers[name=old]",
        "spec.template.spec.containers[name=web].args",
    ], "what somebody else owns too stays"


def test_of_a_client_side_apply_what_its_last_configuration_had_is_left_over_and_no_default() -> None:
    fields: Body = {"f:spec": {"f:replicas": {}, "f:progressDeadlineSeconds": {}, "f:paused": {}}}
    there = found(
        web(replicas=3, progressDeadlineSeconds=600, paused=True),
        entry(KUBECTL, "Update", fields),
        last_applied=web(replicas=3, paused=True),
    )
    assert paths(web(paused=True), there) == ["spec.replicas"]


@pytest.mark.parametrize("text", ["", "{broken", "[]", "null", "7", "[" * 100_000])
def test_a_last_applied_configuration_that_is_none_leaves_nothing_over(text: str) -> None:
    there = found(web(replicas=3), entry(KUBECTL, "Update", {"f:spec": {"f:replicas": {}}}), last_applied=text)
    assert paths(web(), there) == []


def test_an_object_with_something_left_over_is_out_of_sync_although_a_dry_run_changes_nothing() -> None:
    wanted = want(web(paused=True))
    (one,) = wanted.objects
    body = found(web(paused=True, replicas=3), entry("argocd-controller", "Apply", {"f:spec": {"f:replicas": {}}}))
    there = live_body(one, body)
    prediction = Prediction(one.digest, there.resource_version, Document(canonical(body)))
    item = compare(wanted, live(there), {one.key: prediction}).objects[one.key]
    assert (item.verdict, item.changes) == (Verdict.CHANGED, ("spec.replicas",))
    rule = IgnoreRule(KindPattern("apps", "Deployment"), paths=(("spec", "replicas"),))
    ignoring = compare(wanted, live(there), {one.key: prediction}, rules=CompareRules(ignore=(rule,)))
    assert ignoring.objects[one.key].verdict is Verdict.SYNCED, "what is ignored is not left over"
    off = replace(wanted, objects=(replace(one, adopts=frozenset()),))
    assert compare(off, live(there), {one.key: prediction}).objects[one.key].verdict is Verdict.SYNCED


def test_what_we_put_in_the_place_of_another_is_as_if_we_had_applied_it() -> None:
    others = entry("somebody", "Update", {"f:spec": {"f:replicas": {}}})
    status = entry("gitopsd", "Update", {"f:status": {}}, subresource="status")
    there = found(
        web(replicas=3, paused=True),
        entry("gitopsd", "Apply", {"f:spec": {"f:paused": {}}}),
        others,
        entry("gitopsd", "Update", {"f:spec": {"f:template": {}}}),
        status,
    )
    made = replaced(there, "apps/v1")
    assert made is not None
    assert [(each["manager"], each["operation"]) for each in made] == [
        ("gitopsd", "Apply"),
        ("somebody", "Update"),
        ("gitopsd", "Update"),
    ]
    assert made[0]["fieldsV1"] == {"f:spec": {"f:paused": {}, "f:template": {}}}
    assert list(made[1:]) == [others, status]
    assert replaced({**there, "metadata": {**there["metadata"], "managedFields": made}}, "apps/v1") is None


def test_of_two_versions_only_that_which_was_put_counts() -> None:
    there = found(
        web(replicas=3),
        entry("gitopsd", "Apply", {"f:spec": {"f:paused": {}}}, apiVersion="apps/v1beta1"),
        entry("gitopsd", "Update", {"f:spec": {"f:replicas": {}}}),
    )
    (ours,) = replaced(there, "apps/v1") or ()
    assert (ours["apiVersion"], ours["fieldsV1"]) == ("apps/v1", {"f:spec": {"f:replicas": {}}})
    assert replaced(found(web()), "apps/v1") is None
