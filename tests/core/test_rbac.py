"""What an account lacks, as rules."""

from __future__ import annotations

import pytest
import yaml

from gitopsd.core.rbac import Need, Rule, lacking, rule_of


@pytest.mark.parametrize(
    ("verbs", "groups", "resources", "allowed"),
    [
        (["*"], ["*"], ["*"], True),
        (["get", "patch"], ["apps"], ["deployments"], True),
        (["get"], ["apps"], ["deployments"], False),
        (["patch"], [""], ["deployments"], False),
        (["patch"], ["apps"], ["statefulsets"], False),
    ],
)
def test_a_rule_allows_a_verb_on_a_resource_of_a_group(
    verbs: list[str], groups: list[str], resources: list[str], allowed: bool
) -> None:
    rule = rule_of({"verbs": verbs, "apiGroups": groups, "resources": resources})
    assert rule is not None
    assert rule.allows(Need("shop", "apps", "deployments", "patch")) is allowed


def test_a_rule_for_certain_names_counts_as_none() -> None:
    assert rule_of({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "resourceNames": ["one"]}) is None


def test_what_is_missing_becomes_roles_that_allow_exactly_that() -> None:
    missing = {
        *(Need("", "apps", "deployments", verb) for verb in ("watch", "get", "list")),
        *(Need("", "", kind, "list") for kind in ("pods", "services")),
        Need("shop", "apps", "deployments", "patch"),
    }
    cluster, namespaced = yaml.safe_load_all(lacking(missing))
    assert (cluster["kind"], cluster["metadata"]) == ("ClusterRole", {"name": "gitopsd"})
    assert cluster["rules"] == [
        {"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["list"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list", "watch"]},
    ]
    assert (namespaced["kind"], namespaced["metadata"]) == ("Role", {"name": "gitopsd", "namespace": "shop"})
    for document, namespace in ((cluster, ""), (namespaced, "shop")):
        rules = [
            Rule(*(frozenset(each[key]) for key in ("verbs", "apiGroups", "resources"))) for each in document["rules"]
        ]
        assert all(any(rule.allows(need) for rule in rules) for need in missing if need.namespace == namespace)
