"""From a comparison to what people see."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gitopsd.core.annotations import IGNORE_HEALTHCHECK
from gitopsd.core.appstatus import (
    AppStatus,
    ResourceStatus,
    SyncCode,
    external_urls,
    overall_health,
    overall_sync,
    resource_statuses,
    unjudged,
    unknown_status,
)
from gitopsd.core.compare import Comparison, Verdict, compare
from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.health.assess import assess
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.ids import AppName, ObjectKey
from gitopsd.core.links import Link
from gitopsd.core.operation import Operation, Phase, ResultCode, StepResult
from gitopsd.core.settled import GRACE_SECONDS, Settled, settled
from gitopsd.testing.builders import a_config_map, a_deployment
from tests.core.making import live, live_body, live_of, want

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WANTED = want(a_deployment(wave=3), a_config_map())
THERE = [live_of(item) for item in WANTED.objects]


def statuses(comparison: Comparison, previous: tuple[ResourceStatus, ...] = ()) -> dict[str, ResourceStatus]:
    before = {item.key: item for item in previous}
    verdicts = {live.key: assess(live.document.body()) for live in unjudged(comparison, before, NOW)}
    found = resource_statuses(comparison, before, verdicts, NOW)
    return {item.key.name: item for item in found}


def test_what_is_there_has_its_health_wave_and_version() -> None:
    comparison = compare(WANTED, live(*THERE))
    web = statuses(comparison)["web"]
    assert (web.sync, web.wave, web.version, web.requires_pruning) == (SyncCode.SYNCED, 3, "7", False)
    assert web.health is not None
    assert web.health.status is HealthStatus.PROGRESSING
    assert statuses(comparison)["settings"].health is None
    assert overall_sync(comparison) is SyncCode.SYNCED


def test_nobody_knows_whether_what_cannot_be_applied_is_in_sync() -> None:
    comparison = compare(WANTED, live(*THERE))
    assert overall_sync(comparison, ("a.yaml:1: v1 ConfigMap has no metadata.name",)) is SyncCode.UNKNOWN


def test_what_is_missing_is_missing() -> None:
    comparison = compare(WANTED, live())
    found = statuses(comparison)
    assert {item.health for item in found.values()} == {Health(HealthStatus.MISSING)}
    assert overall_sync(comparison) is SyncCode.OUT_OF_SYNC
    assert overall_health(found.values()).status is HealthStatus.MISSING


def test_what_left_git_requires_pruning_and_does_not_count() -> None:
    comparison = compare(want(a_config_map()), live(*THERE))
    found = statuses(comparison)
    assert found["web"].requires_pruning
    assert found["web"].gvk == WANTED.objects[0].gvk
    assert overall_health(found.values()).status is HealthStatus.HEALTHY


@pytest.mark.parametrize(("version", "expected"), [("7", HealthStatus.DEGRADED), ("8", HealthStatus.PROGRESSING)])
def test_health_is_assessed_again_only_if_the_object_changed(version: str, expected: HealthStatus) -> None:
    comparison = compare(WANTED, live(*THERE))
    before = replace(statuses(comparison)["web"], health=Health(HealthStatus.DEGRADED))
    moved = live_body(WANTED.objects[0], THERE[0].document.body(), version=version)
    health = statuses(compare(WANTED, live(moved, THERE[1])), (before,))["web"].health
    assert health is not None
    assert health.status is expected


def test_health_can_be_left_out_of_the_applications() -> None:
    wanted = want(a_deployment(annotations={IGNORE_HEALTHCHECK: "true"}))
    found = statuses(compare(wanted, live(live_of(wanted.objects[0]))))
    assert found["web"].health_ignored
    assert overall_health(found.values()).status is HealthStatus.HEALTHY


def test_changes_and_refusals_are_passed_on() -> None:
    comparison = compare(WANTED, live(*THERE))
    key, item = next(iter(comparison.objects.items()))
    changed = replace(item, verdict=Verdict.CHANGED, changes=("spec.replicas",), error="refused")
    web = statuses(replace(comparison, objects={key: changed}))["web"]
    assert (web.sync, web.changes, web.message) == (SyncCode.OUT_OF_SYNC, ("spec.replicas",), "refused")


def test_links_of_the_objects_are_the_applications_external_urls() -> None:
    marks = {"link.argocd.argoproj.io/docs": "https://wiki.example.org", "link.argocd.argoproj.io/bad": "javascript:x"}
    wanted = want(a_config_map("one", annotations=marks), a_config_map("two", annotations=marks), a_config_map("three"))
    found = statuses(compare(wanted, live(*(live_of(item) for item in wanted.objects))))
    assert [found[name].links for name in ("one", "three")] == [(Link("docs", "https://wiki.example.org"),), ()]
    assert external_urls(found.values()) == ("https://wiki.example.org",)


def test_links_of_an_object_that_did_not_change_are_kept_unread() -> None:
    comparison = compare(WANTED, live(*THERE))
    before = tuple(replace(item, links=(Link("a", "https://a"),)) for item in statuses(comparison).values())
    assert statuses(comparison, before)["web"].links == (Link("a", "https://a"),)


def test_at_first_nothing_is_known() -> None:
    condition = Condition(ConditionType.COMPARISON_ERROR, "x")
    status = unknown_status(AppName("a"), [condition])
    assert (status.sync, status.health.status, status.conditions) == (
        SyncCode.UNKNOWN,
        HealthStatus.UNKNOWN,
        (condition,),
    )


def test_an_operation_names_its_failures_in_their_order() -> None:
    keys = [ObjectKey("", "ConfigMap", "a", name) for name in "cab"]
    failed = StepResult(ResultCode.SYNC_FAILED, "no")
    results = {keys[0]: failed, keys[1]: StepResult(ResultCode.SYNCED), keys[2]: failed}
    operation = Operation("d", (), datetime(2030, 1, 1, tzinfo=UTC), results=results)
    assert [key.name for key, _ in operation.failures] == ["c", "b"]


NOW = datetime(2030, 1, 1, tzinfo=UTC)
GOOD = AppStatus(AppName("a"), SyncCode.SYNCED, Health(HealthStatus.HEALTHY), reconciled_at=NOW)
FAILED = (Condition(ConditionType.SYNC_ERROR, "x"),)


@pytest.mark.parametrize(
    ("status", "seconds", "expected"),
    [
        (GOOD, 0, Settled.GOOD),
        (replace(GOOD, reconciled_at=None), 99, Settled.MOVING),
        (replace(GOOD, operation=Operation("d", (), NOW)), 99, Settled.MOVING),
        (replace(GOOD, operation=Operation("d", (), NOW, Phase.FAILED)), 0, Settled.GOOD),
        (replace(GOOD, health=Health(HealthStatus.PROGRESSING)), 9999, Settled.MOVING),
        (replace(GOOD, health=Health(HealthStatus.DEGRADED)), GRACE_SECONDS - 1, Settled.MOVING),
        (replace(GOOD, health=Health(HealthStatus.DEGRADED)), GRACE_SECONDS, Settled.BAD),
        (replace(GOOD, sync=SyncCode.OUT_OF_SYNC), GRACE_SECONDS, Settled.BAD),
        (replace(GOOD, sync=SyncCode.UNKNOWN, health=Health(HealthStatus.UNKNOWN)), 9999, Settled.MOVING),
        (
            replace(GOOD, sync=SyncCode.UNKNOWN, health=Health(HealthStatus.UNKNOWN), conditions=FAILED),
            GRACE_SECONDS,
            Settled.BAD,
        ),
    ],
)
def test_when_an_application_has_come_to_rest(status: AppStatus, seconds: float, expected: Settled) -> None:
    assert settled(status, seconds) is expected
