"""What cannot be read of a cluster: which objects that leaves unknown."""

from __future__ import annotations

import pytest

from gitopsd.core.compare import Verdict, compare
from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.core.live import Live
from gitopsd.core.unreadable import ALL_READABLE, KindPlace, Unreadable
from gitopsd.testing.builders import a_config_map
from tests.core.making import live, live_of, want

MAPS = GroupKind("", "ConfigMap")
EVERYWHERE = Unreadable({KindPlace(MAPS): "the webhook is down"})
IN_WEB = Unreadable({KindPlace(MAPS, "web"): "it may not be listed"})


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


def test_nothing_unreadable_is_false_and_has_no_first() -> None:
    assert not ALL_READABLE
    assert IN_WEB
    assert IN_WEB.first() == (KindPlace(MAPS, "web"), "it may not be listed")
    with pytest.raises(ValueError, match="empty"):
        ALL_READABLE.first()


def test_objects_in_a_namespace_that_can_be_read_are_compared_as_ever() -> None:
    wanted = want(a_config_map("kept", namespace="shop"), a_config_map("hidden", namespace="web"))
    kept, _ = wanted.objects

    found = compare(wanted, Live(live(live_of(kept)).objects, IN_WEB))

    verdicts = {key.name: item.verdict for key, item in found.objects.items()}
    assert verdicts == {"kept": Verdict.SYNCED, "hidden": Verdict.UNKNOWN}


def test_what_was_seen_before_its_namespace_could_not_be_read_any_more_is_not_left_over() -> None:
    [left] = want(a_config_map("left", namespace="web")).objects

    [item] = compare(want(), Live(live(live_of(left)).objects, IN_WEB)).objects.values()

    assert item.verdict is Verdict.UNKNOWN


def test_a_comparison_stands_while_only_others_cannot_be_read() -> None:
    wanted = want(a_config_map(namespace="shop"))
    there = live(*map(live_of, wanted.objects))
    before = compare(wanted, there)

    assert compare(wanted, Live(there.objects, IN_WEB), previous=before) is before
    assert compare(wanted, Live(there.objects, EVERYWHERE), previous=before) is not before
