"""Which kinds stand below which."""

from __future__ import annotations

import itertools

from gitopsd.core.ids import GroupKind
from gitopsd.core.tree.kinds import BUILT_IN, with_children

A, B, C, D = (GroupKind("example.org", name) for name in "ABCD")


def test_the_children_of_children_are_named_too_owners_first() -> None:
    deployment = GroupKind("apps", "Deployment")
    order = with_children([GroupKind("", "Pod"), GroupKind("batch", "CronJob"), deployment])
    place = {kind: index for index, kind in enumerate(order)}
    assert len(place) == len(order)
    for owner, below in BUILT_IN.items():
        assert all(place[owner] < place[child] for child in below if owner in place)
    assert {GroupKind("apps", "ReplicaSet"), GroupKind("batch", "Job")} <= place.keys()


def test_owners_come_first_in_whatever_order_they_are_asked_for() -> None:
    table = {A: (B, C), B: (D,), C: (B,)}
    for asked in itertools.permutations((A, B, C, D)):
        assert with_children(asked, lambda kind: table.get(kind, ())) == [A, C, B, D]


def test_kinds_that_own_each_other_are_named_once() -> None:
    table = {A: (A, B), B: (C,), C: (A,)}
    for first in (A, B, C):
        order = with_children([first], lambda kind: table.get(kind, ()))
        assert order[0] == first
        assert sorted(order) == [A, B, C]


def test_kinds_without_children_stay_as_they_are() -> None:
    assert with_children([B, A, B], lambda _: ()) == [B, A]
