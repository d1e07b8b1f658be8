"""Applications within applications: who may have which, and how they look to their parents."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gitopsd.core.app import AppSpec, Dependency
from gitopsd.core.appstatus import AppStatus, SyncCode, unknown_status
from gitopsd.core.childapps import (
    MOST_LEVELS,
    ChildRecord,
    Family,
    Shown,
    check_child,
    health_of,
    live_of,
    lost,
    merged,
    refuse_project,
    uid_of,
    waiting_circle,
    with_wish,
)
from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.document import Document, canonical
from gitopsd.core.errors import SpecError
from gitopsd.core.health.assess import assess
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.history import Deletion, DeletionPhase
from gitopsd.core.ids import AppName, Position
from gitopsd.core.jsonvalue import JsonObject
from gitopsd.core.operation import Operation, Phase
from gitopsd.testing.builders import an_app, an_object

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SHOP = AppName("shop")
ROOT = AppName("root")


def family(
    parents: Sequence[str] = ("root",),
    taken: str = "",
    project: str = "default",
    waits: Mapping[str, Sequence[str]] | None = None,
) -> Family:
    """Where a child is to be put."""
    known = waits or {}
    return Family(
        an_app(parents[0], project=project),
        [AppName(name) for name in parents],
        taken,
        lambda name: [AppName(other) for other in known.get(name, ())],
    )


def waiting_for(name: str, *others: str) -> AppSpec:
    """An application that depends on others."""
    return replace(an_app(name), depends_on=tuple(Dependency(app=AppName(other)) for other in others))


def a_record(**changes: object) -> ChildRecord:
    """A child of root."""
    manifest = an_object("Application", "shop", api_version="argoproj.io/v1alpha1", namespace="argocd", spec={"a": 1})
    record = ChildRecord(SHOP, ROOT, Document(canonical(manifest)), "u-1", NOW, "d1", Position("apps/shop.yaml", 7, 1))
    return replace(record, **changes)  # type: ignore[arg-type]  # the fields' names are those of the record


def shown(
    health: HealthStatus = HealthStatus.HEALTHY,
    sync: SyncCode = SyncCode.SYNCED,
    phase: Phase | None = Phase.SUCCEEDED,
    *,
    automated: bool = True,
    judged: bool = True,
    digest: str = "d",
    condition: ConditionType | None = None,
) -> Shown:
    """A child as it stands; its last operation synced what has the digest `d`."""
    operation = Operation("d", (), NOW, phase=phase) if phase is not None else None
    conditions = (Condition(condition, "because"),) if condition else ()
    status = AppStatus(SHOP, sync, Health(health, "as it is"), operation=operation, conditions=conditions)
    return Shown(an_app("shop", automated=automated), status, judged, digest)


def test_an_application_that_contains_itself_is_refused() -> None:
    with pytest.raises(SpecError, match="application root would contain itself: root → root"):
        check_child(an_app("root"), family())


def test_a_circle_of_applications_is_named() -> None:
    with pytest.raises(SpecError, match="application root would contain itself: root → team → shop → root"):
        check_child(an_app("root"), family(("shop", "team", "root")))


def test_a_child_may_have_children_ten_levels_down() -> None:
    names = [f"a{number}" for number in range(MOST_LEVELS)]
    check_child(an_app("shop"), family(names))
    with pytest.raises(SpecError, match="too deep down"):
        check_child(an_app("shop"), family([*names, "root"]))


def test_a_name_that_is_taken_is_refused_and_both_are_named() -> None:
    with pytest.raises(SpecError, match=r"root cannot have an application shop: .* team has it among its manifests"):
        check_child(an_app("shop"), family(taken="team has it among its manifests"))


def test_N4_a_child_may_only_be_of_its_parents_project() -> None:
    for project in ("default", "other"):
        with pytest.raises(SpecError, match=rf"must not be in project '{project}': root, .* is in project 'team'"):
            check_child(an_app("shop", project=project), family(project="team"))
    check_child(an_app("shop", project="team"), family(project="team"))


def test_N4_the_default_project_may_use_all() -> None:
    check_child(an_app("shop", project="team"), family())


def test_N4_projects_come_from_no_application_of_another_project() -> None:
    place = Position("projects/team.yaml", 1)
    refused = refuse_project(an_app("root", project="team"), "everything", place)
    assert str(refused).startswith("projects/team.yaml:1: AppProject everything may only come from the default project")
    assert "from the configuration only" in str(refuse_project(an_app("root"), "everything", place))


@pytest.mark.parametrize(
    ("depends_on", "waits", "circle"),
    [
        ([], {}, []),
        (["cache"], {"cache": ["database"]}, []),
        (["cache"], {"cache": ["database"], "database": ["cache"]}, []),
        (["shop"], {}, ["shop", "shop"]),
        (["cache"], {"cache": ["database"], "database": ["shop"]}, ["shop", "cache", "database", "shop"]),
        (["root"], {}, ["shop", "root", "shop"]),
        (["top"], {"top": ["root"]}, ["shop", "top", "root", "shop"]),
    ],
)
def test_an_application_that_would_wait_for_itself_is_found(
    depends_on: Sequence[str], waits: Mapping[str, Sequence[str]], circle: Sequence[str]
) -> None:
    place = family(waits=waits)
    assert list(waiting_circle(waiting_for("shop", *depends_on), ROOT, place.waits)) == circle
    if circle:
        with pytest.raises(SpecError, match=" → ".join(circle)):
            check_child(waiting_for("shop", *depends_on), place)


@pytest.mark.parametrize(
    ("state", "health", "message"),
    [
        (None, HealthStatus.PROGRESSING, "nothing is known"),
        (shown(judged=False), HealthStatus.PROGRESSING, "compared with git"),
        (shown(), HealthStatus.HEALTHY, "as it is"),
        (shown(HealthStatus.DEGRADED), HealthStatus.DEGRADED, "as it is"),
        (shown(phase=Phase.RUNNING), HealthStatus.PROGRESSING, "syncing"),
        (shown(sync=SyncCode.OUT_OF_SYNC, phase=None), HealthStatus.PROGRESSING, "not synced yet"),
        (shown(sync=SyncCode.OUT_OF_SYNC, phase=Phase.FAILED), HealthStatus.PROGRESSING, "not synced yet"),
        (shown(sync=SyncCode.OUT_OF_SYNC, digest="new"), HealthStatus.PROGRESSING, "not synced yet"),
        (shown(sync=SyncCode.OUT_OF_SYNC), HealthStatus.HEALTHY, "as it is"),
        (shown(HealthStatus.MISSING, SyncCode.OUT_OF_SYNC, automated=False), HealthStatus.MISSING, "as it is"),
        (
            shown(HealthStatus.UNKNOWN, SyncCode.UNKNOWN, condition=ConditionType.COMPARISON_ERROR, digest=""),
            HealthStatus.UNKNOWN,
            "as it is",
        ),
        (
            shown(HealthStatus.UNKNOWN, SyncCode.UNKNOWN, None, condition=ConditionType.COMPARISON_ERROR),
            HealthStatus.PROGRESSING,
            "not synced yet: because",
        ),
        (shown(condition=ConditionType.INVALID_SPEC_ERROR), HealthStatus.DEGRADED, "because"),
        (shown(condition=ConditionType.INVALID_SPEC_ERROR, judged=False), HealthStatus.PROGRESSING, "compared"),
    ],
)
def test_a_child_is_progressing_until_what_git_wants_was_synced(
    state: Shown | None, health: HealthStatus, message: str
) -> None:
    found = health_of(state)
    assert (found.status, message in found.message) == (health, True)


def test_a_child_that_rests_is_suspended() -> None:
    resting = replace(
        shown(judged=False), spec=an_app("shop", annotations={"argocd.argoproj.io/skip-reconcile": "true"})
    )
    assert health_of(resting).status is HealthStatus.SUSPENDED


def test_a_child_that_is_being_deleted_is_progressing() -> None:
    assert health_of(shown(), deleting=True).status is HealthStatus.PROGRESSING


@pytest.mark.parametrize(
    ("phase", "health"),
    [(DeletionPhase.DELETING, HealthStatus.PROGRESSING), (DeletionPhase.DELETED, HealthStatus.MISSING)],
)
def test_a_child_that_somebody_deleted_by_its_name_is_not_healthy(phase: DeletionPhase, health: HealthStatus) -> None:
    state = shown()
    deletion = Deletion(SHOP, "foreground", NOW, phase=phase)
    assert health_of(replace(state, status=replace(state.status, deletion=deletion))).status is health


def test_a_child_is_a_live_object_of_its_parent() -> None:
    live = live_of(a_record(), an_app("shop"), shown())
    body = live.document.body()
    assert str(live.key) == "argoproj.io/Application argocd/shop"
    assert (live.owner, live.uid, live.deleting) == ("root", "u-1", False)
    assert body["spec"] == {"a": 1}
    assert body["status"] == {
        "health": {"status": "Healthy", "message": "as it is"},
        "sync": {"status": "Synced", "revisions": []},
        "operationState": {"phase": "Succeeded"},
    }
    assert assess(body) in (None, Health(HealthStatus.HEALTHY, "as it is"))


def test_its_version_is_another_when_it_is() -> None:
    spec = an_app("shop")
    first = live_of(a_record(), spec, shown())
    assert live_of(a_record(), spec, shown()).resource_version == first.resource_version
    changed = [
        live_of(a_record(), spec, shown(HealthStatus.DEGRADED)),
        live_of(a_record(uid="u-2"), spec, shown()),
        live_of(a_record(deleting=NOW), spec, shown()),
        live_of(a_record(manifest=Document(b'{"kind":"Application"}')), spec, shown()),
    ]
    assert first.resource_version not in {item.resource_version for item in changed}
    assert changed[2].deleting


def test_an_apply_keeps_what_only_objects_have() -> None:
    live = live_of(a_record(), an_app("shop"), shown())
    wanted: JsonObject = {"kind": "Application", "metadata": {"name": "shop", "labels": {"a": "b"}}, "spec": {"a": 2}}
    after = with_wish(live, wanted)
    assert after["metadata"] == {
        "name": "shop",
        "labels": {"a": "b"},
        "uid": "u-1",
        "creationTimestamp": "2030-01-01T00:00:00Z",
    }
    assert (after["spec"], after["status"]) == ({"a": 2}, live.document.body()["status"])


def test_one_that_is_made_again_is_another_one() -> None:
    assert uid_of(ROOT, "shop", NOW) == uid_of(ROOT, "shop", NOW)
    assert uid_of(ROOT, "shop", NOW) != uid_of(ROOT, "shop", NOW + timedelta(microseconds=1))


def test_a_merge_patch_sets_adds_and_takes_away() -> None:
    before: JsonObject = {"a": {"b": 1, "c": 2}, "d": [1]}
    assert merged(before, {"a": {"b": None, "e": {"f": 3}}, "d": [2]}) == {"a": {"c": 2, "e": {"f": 3}}, "d": [2]}


def test_what_cannot_be_read_any_more_is_shown_and_never_synced() -> None:
    spec = lost(a_record(), "the cluster is not configured")
    assert (spec.name, spec.unsupported, spec.finalizers) == ("shop", ("the cluster is not configured",), ())
    assert health_of(Shown(spec, unknown_status(SHOP), True)).status is HealthStatus.UNKNOWN
