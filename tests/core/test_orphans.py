"""Which objects belong to nobody, and how that is said."""

import pytest

from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.document import Document
from gitopsd.core.ids import GVK, GroupKind, ObjectKey
from gitopsd.core.live import LiveObject
from gitopsd.core.orphans import NOT_ASKED, Orphaned, Strays, orphaned, warnings
from gitopsd.core.project import IgnoredOrphan, OrphanedResources

ASKED = OrphanedResources()


def stray(name: str, kind: str = "ConfigMap", *, namespace: str = "web", owner: str = "") -> LiveObject:
    """An object that no other owns."""
    key = ObjectKey("", kind, namespace, name)
    return LiveObject(key, GVK("", "v1", kind), f"uid-{name}", "1", Document(b"{}"), owner)


def names(found: Orphaned) -> list[str]:
    """What was found."""
    return [live.key.name for live in found.objects]


def said(found: Orphaned, settings: OrphanedResources | None = ASKED) -> list[Condition]:
    """The conditions."""
    return list(warnings(found, settings))


def test_what_nobody_tracks_is_an_orphan() -> None:
    found = orphaned(Strays((stray("b"), stray("a"))), lambda _: True, ASKED)
    assert names(found) == ["a", "b"]


def test_what_an_application_tracks_is_none_unless_it_is_gone() -> None:
    strays = Strays((), {"shop": (stray("a", owner="shop"),), "gone": (stray("b", owner="gone"),)})
    assert names(orphaned(strays, lambda mark: mark == "shop", ASKED)) == ["b"]


@pytest.mark.parametrize(
    ("live", "known"),
    [
        (stray("default", "ServiceAccount"), True),
        (stray("kube-root-ca.crt"), True),
        (stray("kubernetes", "Service", namespace="default"), True),
        (stray("kubernetes", "Service"), False),
        (stray("default"), False),
        (stray("other", "ServiceAccount"), False),
    ],
)
def test_what_kubernetes_itself_makes_is_none(live: LiveObject, *, known: bool) -> None:
    assert names(orphaned(Strays((live,)), lambda _: True, ASKED)) == ([] if known else [live.key.name])


def test_what_the_project_ignores_is_none() -> None:
    settings = OrphanedResources(ignore=(IgnoredOrphan(kind="ConfigMap", name="cache-*"),))
    found = orphaned(Strays((stray("cache-1"), stray("cache-1", "Secret"), stray("a"))), lambda _: True, settings)
    assert [str(live.key) for live in found.objects] == ["ConfigMap web/a", "Secret web/cache-1"]


def test_the_warning_names_the_first() -> None:
    few = Orphaned(asked=True, objects=(stray("a"), stray("b")))
    (condition,) = said(few)
    assert condition.type is ConditionType.ORPHANED_RESOURCE_WARNING
    assert condition.message.startswith("Application has 2 orphaned resources: ConfigMap web/a, ConfigMap web/b. Try: ")
    many = Orphaned(asked=True, objects=tuple(stray(f"m{number:03}") for number in range(500)))
    (condition,) = said(many)
    assert condition.message.startswith("Application has 500 orphaned resources: ConfigMap web/m000, ")
    assert ", ConfigMap web/m004 and 495 more. Try: " in condition.message


def test_nothing_is_said_where_nobody_asks_or_nothing_was_found_or_not_all_was_listed() -> None:
    found = Orphaned(asked=True, objects=(stray("a"),))
    assert said(found, OrphanedResources(warn=False)) == []
    assert said(found, None) == []
    assert said(NOT_ASKED) == []
    assert said(Orphaned(asked=True)) == []
    assert said(Orphaned(asked=True, objects=(stray("a"),), complete=False)) == []


def test_why_nobody_could_look_is_said() -> None:
    (condition,) = said(Orphaned(asked=True, error="namespace web is not looked at"))
    assert condition.message == "orphaned resources cannot be looked for: namespace web is not looked at"


def test_kinds_that_cannot_be_listed_are_told() -> None:
    why = {GroupKind("", "Secret"): "may not be listed"}
    assert orphaned(Strays(unreadable=why), lambda _: True, ASKED).unreadable == why
