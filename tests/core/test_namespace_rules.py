"""What an application may say of a namespace, by what its project allows (N3)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from gitopsd.core.app import AppSpec
from gitopsd.core.desired import managed_namespace
from gitopsd.core.document import Document, canonical
from gitopsd.core.errors import SpecError
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.live import LiveObject
from gitopsd.core.manifest import DesiredObject
from gitopsd.core.namespace_rules import check_namespace, is_guarded
from gitopsd.core.project import Project, Projects
from gitopsd.testing.builders import a_config_map, an_app, an_object
from gitopsd.testing.objects import Objects
from tests.core.making import live_body, live_of, want

ENFORCE = "pod-security.kubernetes.io/enforce"
WEB = an_app(project="web")


def projects(*globs: str, usual: bool = False) -> Projects:
    """Return the project web with these globs."""
    return Projects({"web": Project("web", allowed_namespace_metadata=None if usual else globs)})


def a_space(
    *, labels: Mapping[str, str] | None = None, annotations: Mapping[str, str] | None = None, spec: AppSpec = WEB
) -> DesiredObject:
    """Return the Namespace shop as it is applied."""
    (wanted,) = want(an_object("Namespace", "shop", labels=labels, annotations=annotations), spec=spec).objects
    return wanted


def labelled(wanted: DesiredObject, manager: str, owner: str = "", **labels: str) -> LiveObject:
    """Return a live namespace whose labels a manager applied; `_` stands for the middle of ENFORCE."""
    body: Any = live_of(wanted).document.body()
    named = {ENFORCE if key == "enforce" else key: text for key, text in labels.items()}
    fields: JsonObject = {"f:metadata": {"f:labels": {f"f:{key}": {} for key in named}}}
    entry = {"manager": manager, "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields}
    metadata = {**body["metadata"], "labels": named, "managedFields": [entry]}
    return live_body(wanted, {**body, "metadata": metadata}, owner=owner)


@pytest.mark.parametrize(
    "key",
    [
        ENFORCE,
        "kubernetes.io/metadata.name",
        "scheduler.alpha.kubernetes.io/node-selector",
        "k8s.io/owner",
        "policy.example.k8s.io/level",
        "gitopsd.io/anything",
        "argocd.argoproj.io/managed-by",
        "argocd.argoproj.io/tracking-id",
    ],
)
def test_N3_keys_of_kubernetes_and_ours_are_for_the_project_to_allow(key: str) -> None:
    assert is_guarded(key)
    for where in ({"labels": {key: "x"}}, {"annotations": {key: "x"}}):
        body = an_object("Namespace", "shop", **where)  # type: ignore[arg-type]  # one of two keywords
        wanted = plain(body)
        with pytest.raises(SpecError, match=key):
            check_namespace(WEB, wanted, None, projects(usual=True))
        with pytest.raises(SpecError, match=key):
            check_namespace(WEB, wanted, None, projects("team.example.org/*"))
        check_namespace(WEB, wanted, None, projects(key))
        check_namespace(WEB, wanted, None, projects("*"))
        check_namespace(an_app(), wanted, None)


def plain(body: JsonObject) -> DesiredObject:
    """Return the Namespace exactly as a file has it, without what is written to track it."""
    document = Document(canonical(body))
    return replace(a_space(), document=document, digest=document.digest())


@pytest.mark.parametrize(
    "key",
    [
        "team",
        "team.example.org/owner",
        "app.kubernetes.io/name",
        "argocd.argoproj.io/sync-wave",
        "argocd.argoproj.io/sync-options",
        "argocd.argoproj.io/hook",
        "gitopsd.io/hook-timeout",
        "notkubernetes.io/a",
        "kubernetes.io.example.org/a",
    ],
)
def test_other_keys_and_directions_for_a_manifest_need_no_leave(key: str) -> None:
    assert not is_guarded(key)
    wanted = plain(an_object("Namespace", "shop", annotations={key: "1"}))
    check_namespace(WEB, wanted, None, projects(usual=True))


def test_what_gitopsd_writes_itself_needs_no_leave() -> None:
    check_namespace(WEB, a_space(), None, projects(usual=True))
    name = {"kubernetes.io/metadata.name": "shop"}
    check_namespace(WEB, a_space(labels=name), live_of(a_space(labels=name), owner="guestbook"), projects(usual=True))


def test_N3_the_mark_of_another_application_is_refused() -> None:
    theirs = {"argocd.argoproj.io/tracking-id": "bank:/Namespace:shop/shop"}
    with pytest.raises(SpecError, match="tracking-id"):
        check_namespace(WEB, plain(an_object("Namespace", "shop", annotations=theirs)), None, projects(usual=True))


def test_N3_managed_namespace_metadata_is_asked_for_too() -> None:
    policy = replace(WEB.sync_policy, options={"CreateNamespace": "true"}, namespace_labels={ENFORCE: "privileged"})
    spec = replace(WEB, sync_policy=policy, destination=replace(WEB.destination, namespace="shop"))
    wanted = managed_namespace(spec, want(spec=spec))
    assert wanted is not None
    with pytest.raises(SpecError, match=ENFORCE) as refused:
        check_namespace(spec, wanted, None, projects(usual=True))
    assert "allowedNamespaceMetadata" in refused.value.hint
    assert "'web'" in refused.value.why


def test_N3_a_level_that_is_there_may_not_be_dropped_by_who_applied_it_or_takes_it_over() -> None:
    wanted = a_space()
    for manager in ("gitopsd", "kubectl"):
        with pytest.raises(SpecError, match=ENFORCE):
            check_namespace(WEB, wanted, labelled(wanted, manager, enforce="restricted"), projects(usual=True))
    check_namespace(WEB, wanted, labelled(wanted, "somebody", enforce="restricted"), projects(usual=True))
    check_namespace(WEB, wanted, labelled(wanted, "gitopsd", team="a"), projects(usual=True))


def test_N3_a_replace_may_not_drop_what_others_set() -> None:
    wanted = a_space()
    there = labelled(wanted, "somebody", enforce="restricted", team="a")
    with pytest.raises(SpecError, match=ENFORCE) as refused:
        check_namespace(WEB, wanted, there, projects(usual=True), replaces=True)
    assert "team" not in str(refused.value)
    check_namespace(WEB, a_space(labels={"team": "a"}), there, projects("pod-security*"), replaces=True)


def test_N3_a_namespace_of_another_application_is_not_taken_over() -> None:
    wanted = a_space()
    there = live_of(wanted, owner="bank")
    with pytest.raises(SpecError, match="belongs to application bank"):
        check_namespace(WEB, wanted, there, projects(usual=True))
    with pytest.raises(SpecError, match="belongs to application bank"):
        check_namespace(WEB, wanted, there, projects("pod-security.kubernetes.io/*"))
    check_namespace(WEB, wanted, there, projects("*"))
    with pytest.raises(SpecError, match="of installation x"):
        check_namespace(WEB, wanted, replace(there, owner="", foreign="bank of installation x"), projects(usual=True))
    for owner in ("", "guestbook"):
        check_namespace(WEB, wanted, replace(there, owner=owner), projects(usual=True))


def test_N3_owners_of_a_namespace_are_for_the_project_to_allow() -> None:
    body: JsonObject = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "shop", "ownerReferences": [{"kind": "Tenant", "name": "bank", "uid": "1"}]},
    }
    with pytest.raises(SpecError, match="ownerReferences"):
        check_namespace(WEB, plain(body), None, projects(usual=True))
    check_namespace(WEB, plain(body), None, projects("ownerReferences"))


def test_only_namespaces_are_asked_about() -> None:
    (wanted,) = want(a_config_map(annotations={ENFORCE: "privileged"}), spec=WEB).objects
    check_namespace(WEB, wanted, live_of(wanted, owner="bank"), projects(usual=True))


def test_N3_the_default_project_can_be_narrowed_down_too() -> None:
    narrow = Projects({"default": Project("default", allowed_namespace_metadata=())})
    wanted = a_space(labels={ENFORCE: "privileged"}, spec=an_app())
    check_namespace(an_app(), wanted, None)
    with pytest.raises(SpecError, match=ENFORCE):
        check_namespace(an_app(), wanted, None, narrow)


def test_a_project_that_is_not_there_allows_nothing() -> None:
    with pytest.raises(SpecError, match="not defined"):
        check_namespace(WEB, a_space(), None)


def test_N3_what_the_fake_server_makes_of_it_is_what_is_asked_about() -> None:
    before = a_space(labels={ENFORCE: "restricted"})
    body = Objects().applied(before.key, before.document.body(), before.gvk)
    with pytest.raises(SpecError, match=ENFORCE):
        check_namespace(WEB, a_space(), live_body(before, body), projects(usual=True))
