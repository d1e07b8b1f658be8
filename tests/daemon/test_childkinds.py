"""Which kinds the daemon looks for below which."""

from __future__ import annotations

import pytest

from gitopsd.core.ids import GroupKind
from gitopsd.core.tree.kinds import with_children
from gitopsd.daemon.childkinds import child_kinds
from gitopsd.rules.bundled import bundled_files, read_bundled


@pytest.mark.parametrize(
    ("kind", "child"),
    [
        (GroupKind("apps", "Deployment"), GroupKind("apps", "ReplicaSet")),
        (GroupKind("argoproj.io", "Rollout"), GroupKind("apps", "ReplicaSet")),
        (GroupKind("acme.cert-manager.io", "Order"), GroupKind("acme.cert-manager.io", "Challenge")),
    ],
)
def test_kinds_have_the_children_that_are_built_in_or_bundled(kind: GroupKind, child: GroupKind) -> None:
    assert child in child_kinds(kind)


def test_kinds_of_which_nobody_says_anything_have_none() -> None:
    assert child_kinds(GroupKind("example.org", "Widget")) == ()


def test_whatever_is_bundled_can_be_put_in_an_order() -> None:
    kinds = [
        GroupKind(tables.group, kind)
        for tables in map(read_bundled, sorted(bundled_files()))
        for kind in tables.children
    ]
    order = with_children(kinds, child_kinds)
    assert len(order) == len(set(order))
    assert set(kinds) <= set(order)
    assert GroupKind("", "Pod") in order
