"""What cannot be read of a cluster: which objects that leaves unknown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from gitopsd.core.appstatus import ResourceStatus, SyncCode, out_of_sight, resource_statuses
from gitopsd.core.compare import Comparison, Verdict, compare
from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.core.live import Live
from gitopsd.core.unreadable import ALL_READABLE, KindPlace, Unreadable
from gitopsd.testing.builders import a_config_map
from tests.core.making import live, live_of, want

MAPS = GroupKind("", "ConfigMap")
EVERYWHERE = Unreadable({KindPlace(MAPS): "the webhook is down"})
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
IN_WEB = Unreadable({KindPlace(MAPS, "web"): "it may not be listed"})


def statuses(comparison: Comparison, previous: Sequence[ResourceStatus] = ()) -> tuple[ResourceStatus, ...]:
    return resource_statuses(comparison, {item.key: item for item in previous}, {}, NOW)


@pytest.mark.parametrize(
    ("hidden", "kind", "namespace", "why"),
    [
        (ALL_READABLE, "ConfigMap", "web", ""),
        (EVERYWHERE, "ConfigMap", "web", "ConfigMap cannot be read: the webhook is down"),
        (EVERYWHERE, "Secret", "web", ""),
        (IN_WEB, "ConfigMap", "web", "ConfigMap in namespace web cannot be read: it may not be listed"),
        (IN_WEB, "ConfigMap", "shop", ""),
        (IN_WEB, "ConfigMap", "", ""),
    ],
)
def test_an_object_is_unknown_where_its_kind_cannot_be_read(
    hidden: Unreadable, kind: str, namespace: str, why: str
) -> None:
    assert hidden.why(ObjectKey("", kind, namespace, "one")) == why


def test_nothing_unreadable_is_false_and_hides_nothing() -> None:
    assert not ALL_READABLE
    assert IN_WEB
    assert IN_WEB.hides(()) == ("ConfigMap in namespace web", "it may not be listed")
    assert ALL_READABLE.hides({"web"}) is None


def test_where_only_some_namespaces_are_looked_at_nothing_can_be_read_in_others() -> None:
    narrowed = Unreadable(namespaces=frozenset({"shop"}), elsewhere="it is not looked at")
    assert narrowed
    assert narrowed.why(ObjectKey("", "ConfigMap", "shop", "one")) == ""
    assert narrowed.why(ObjectKey("", "Namespace", "", "web")) == ""
    assert narrowed.why(ObjectKey("", "ConfigMap", "web", "one")) == (
        "ConfigMap in namespace web cannot be read: it is not looked at"
    )
    assert narrowed.hides({"shop"}) is None
    assert narrowed.hides({"web", "shop", "a"}) == ("namespace a", "it is not looked at")


def test_objects_in_a_namespace_that_can_be_read_are_compared_as_ever() -> None:
    wanted = want(a_config_map("kept", namespace="shop"), a_config_map("hidden", namespace="web"))
    kept, _ = wanted.objects

    found = compare(wanted, Live(live(live_of(kept)).objects, IN_WEB))

    verdicts = {key.name: item.verdict for key, item in found.objects.items()}
    assert verdicts == {"kept": Verdict.SYNCED, "hidden": Verdict.UNKNOWN}


@pytest.mark.parametrize("still_shown", [True, False])
def test_what_left_git_while_it_cannot_be_read_is_remembered_and_not_left_over(still_shown: bool) -> None:
    wanted = want(a_config_map("left", namespace="web"))
    there = live(*map(live_of, wanted.objects))
    before = statuses(compare(wanted, there))

    found = compare(want(), Live(there.objects if still_shown else {}, IN_WEB))
    [item] = out_of_sight(before, found, IN_WEB)

    assert (found.objects, found.synced) == ({}, True)
    assert (item.sync, item.requires_pruning, item.gvk) == (SyncCode.UNKNOWN, True, wanted.objects[0].gvk)
    assert "ConfigMap in namespace web cannot be read: it may not be listed" in item.message
    assert out_of_sight([item], found, IN_WEB) == (item,)
    assert out_of_sight([item], found, ALL_READABLE) == ()
    assert out_of_sight([item], compare(wanted, Live({}, IN_WEB)), IN_WEB) == ()


def test_what_was_never_there_is_not_remembered() -> None:
    wanted = want(a_config_map("mistaken", namespace="web"))
    hidden = Live({}, IN_WEB)

    missing = statuses(compare(wanted, live()))
    never_seen = statuses(compare(wanted, hidden))

    assert out_of_sight(missing, compare(want(), hidden), IN_WEB) == ()
    assert out_of_sight(never_seen, compare(want(), hidden), IN_WEB) == ()


def test_what_was_there_before_it_could_not_be_read_any_more_is_remembered_when_it_leaves_git_then() -> None:
    wanted = want(a_config_map("left", namespace="web"))
    seen = statuses(compare(wanted, live(*map(live_of, wanted.objects))))
    hidden = Live({}, IN_WEB)

    unknown = statuses(compare(wanted, hidden), seen)
    [item] = out_of_sight(unknown, compare(want(), hidden), IN_WEB)

    assert [one.sync for one in unknown] == [SyncCode.UNKNOWN]
    assert item.key == wanted.objects[0].key


def test_a_comparison_stands_while_only_others_cannot_be_read() -> None:
    wanted = want(a_config_map(namespace="shop"))
    there = live(*map(live_of, wanted.objects))
    before = compare(wanted, there)

    assert compare(wanted, Live(there.objects, IN_WEB), previous=before) is before
    assert compare(wanted, Live(there.objects, EVERYWHERE), previous=before) is not before
