"""The health of an application, out of its resources."""

import pytest

from gitopsd.core.health.rollup import ResourceHealth, roll_up
from gitopsd.core.health.status import Health, HealthStatus, worse_of

HEALTHY, SUSPENDED, PROGRESSING, MISSING, DEGRADED, UNKNOWN = HealthStatus


def resource(
    status: HealthStatus | None,
    name: str = "web",
    *,
    kind: str = "Deployment",
    group: str = "apps",
    is_hook: bool = False,
    ignored: bool = False,
) -> ResourceHealth:
    health = None if status is None else Health(status, "why")
    return ResourceHealth(
        kind=kind, name=name, namespace="shop", health=health, is_hook=is_hook, ignored=ignored, group=group
    )


def child(status: HealthStatus | None, name: str = "child") -> ResourceHealth:
    return resource(status, name, kind="Application", group="argoproj.io")


def test_an_application_without_resources_is_healthy() -> None:
    assert roll_up([]) == Health(HEALTHY)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([HEALTHY, HEALTHY], HEALTHY),
        ([HEALTHY, SUSPENDED], SUSPENDED),
        ([SUSPENDED, PROGRESSING], PROGRESSING),
        ([DEGRADED, PROGRESSING, HEALTHY], DEGRADED),
        ([DEGRADED, UNKNOWN], UNKNOWN),
        ([None, HEALTHY], HEALTHY),
        ([None, None], HEALTHY),
        ([None, DEGRADED], DEGRADED),
        ([MISSING, HEALTHY], HEALTHY),
        ([MISSING, None], HEALTHY),
        ([MISSING, PROGRESSING], PROGRESSING),
        ([MISSING, DEGRADED], DEGRADED),
        ([MISSING], MISSING),
        ([MISSING, MISSING], MISSING),
    ],
)
def test_the_worst_resource_counts_and_missing_only_if_all_are(
    statuses: list[HealthStatus | None], expected: HealthStatus
) -> None:
    resources = [resource(status) for status in statuses]
    assert roll_up(resources).status is expected
    assert roll_up(resources[::-1]).status is expected


def test_hooks_do_not_count() -> None:
    assert roll_up([resource(DEGRADED, is_hook=True), resource(HEALTHY)]) == Health(HEALTHY)


def test_an_application_of_hooks_alone_is_healthy_even_if_they_are_gone() -> None:
    assert roll_up([resource(MISSING, is_hook=True)]) == Health(HEALTHY)


def test_a_hook_that_is_there_does_not_hide_that_all_else_is_missing() -> None:
    assert roll_up([resource(HEALTHY, is_hook=True), resource(MISSING)]).status is MISSING


def test_ignored_resources_do_not_count() -> None:
    assert roll_up([resource(DEGRADED, ignored=True), resource(SUSPENDED, "b")]) == Health(
        SUSPENDED, "Caused by Deployment:b"
    )


def test_an_ignored_resource_that_is_there_is_there() -> None:
    assert roll_up([resource(DEGRADED, ignored=True), resource(MISSING)]) == Health(HEALTHY)


@pytest.mark.parametrize("status", [MISSING, UNKNOWN])
def test_a_child_application_that_is_missing_or_unknown_does_not_lower_its_parent(status: HealthStatus) -> None:
    assert roll_up([child(status), resource(HEALTHY)]) == Health(HEALTHY)


@pytest.mark.parametrize("status", [DEGRADED, PROGRESSING, SUSPENDED])
def test_a_child_application_counts_otherwise(status: HealthStatus) -> None:
    assert roll_up([child(status), resource(HEALTHY)]) == Health(status, "Caused by Application:child")


def test_an_application_of_another_group_is_no_child() -> None:
    other = resource(UNKNOWN, kind="Application", group="app.k8s.io")
    assert roll_up([other, resource(HEALTHY)]).status is UNKNOWN


def test_only_the_resources_that_are_as_bad_as_the_whole_are_named_in_their_order() -> None:
    resources = [
        resource(DEGRADED, "b"),
        resource(PROGRESSING, "c"),
        resource(DEGRADED, "a", kind="Job", group="batch"),
        resource(MISSING, "d"),
    ]
    assert roll_up(resources) == Health(DEGRADED, "Caused by Deployment:b, Job:a")


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (3, "Caused by Deployment:web-0, Deployment:web-1, Deployment:web-2"),
        (4, "Caused by Deployment:web-0, Deployment:web-1, Deployment:web-2 and 1 more"),
        (40, "Caused by Deployment:web-0, Deployment:web-1, Deployment:web-2 and 37 more"),
    ],
)
@pytest.mark.parametrize("status", [PROGRESSING, MISSING])
def test_three_causes_are_named_and_the_others_counted(status: HealthStatus, count: int, message: str) -> None:
    assert roll_up([resource(status, f"web-{number}") for number in range(count)]) == Health(status, message)


def test_the_codes_are_ordered_from_healthy_to_unknown() -> None:
    order = ["Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"]
    for better_at, better in enumerate(order):
        for worse in order[better_at:]:
            assert worse_of(HealthStatus(better), HealthStatus(worse)) == worse
            assert worse_of(HealthStatus(worse), HealthStatus(better)) == worse
