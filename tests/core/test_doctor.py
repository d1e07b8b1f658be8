"""How bad what a doctor finds is."""

from __future__ import annotations

import pytest

from gitopsd.core.doctor import Finding, Report, Severity, files_needed, open_files, skew, space

OK, WARNING, PROBLEM, _ = Severity


@pytest.mark.parametrize(
    ("seconds", "severity", "said"),
    [
        (0.0, OK, "agree"),
        (9.0, OK, "agree"),
        (-12.0, WARNING, "12 s behind"),
        (299.0, WARNING, "299 s ahead of"),
        (300.0, PROBLEM, "300 s ahead of"),
        (-86_400.0, PROBLEM, "86400 s behind"),
    ],
)
def test_a_clock_that_is_minutes_off_breaks_tokens(seconds: float, severity: Severity, said: str) -> None:
    found, text = skew(seconds)
    assert found is severity
    assert said in text


@pytest.mark.parametrize(
    ("free", "severity"), [(10 << 30, OK), (1 << 30, OK), (100 << 20, WARNING), (1 << 20, PROBLEM)]
)
def test_room_on_the_disk(free: int, severity: Severity) -> None:
    assert space(free)[0] is severity


@pytest.mark.parametrize(("allowed", "severity"), [(None, OK), (4096, OK), (900, WARNING), (600, PROBLEM)])
def test_open_files_for_three_clusters_of_forty_kinds(allowed: int | None, severity: Severity) -> None:
    needed = files_needed(watches=120, clusters=3, workers=5)
    assert needed == 664
    assert open_files(needed, allowed)[0] is severity


def test_a_report_is_well_as_long_as_nothing_is_broken() -> None:
    fine, odd, broken = (
        Finding(area, "x", severity, "") for area, severity in (("a", OK), ("b", WARNING), ("a", PROBLEM))
    )
    assert Report((fine, odd)).well
    assert not Report((fine, broken)).well
    assert [(area, list(found)) for area, found in Report((fine, odd, broken)).areas()] == [
        ("a", [fine, broken]),
        ("b", [odd]),
    ]
