"""Every branch of the rule table, as data: `cases/<kind>.yaml` holds live objects and the verdicts they get."""

from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from gitopsd.core.health.assess import assess
from gitopsd.core.health.builtin import BUILT_IN
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.jsonvalue import JsonObject

CASES = Path(__file__).parent / "cases"


class Case(NamedTuple):
    file: str
    name: str
    live: JsonObject
    is_hook: bool
    expected: Health | None


def load(file: Path) -> list[Case]:
    return [
        Case(
            file=file.stem,
            name=entry["name"],
            live=entry["object"],
            is_hook=entry.get("is_hook", False),
            expected=entry["expect"] and Health(HealthStatus(entry["expect"]["status"]), entry["expect"]["message"]),
        )
        for entry in yaml.safe_load(file.read_text())
    ]


ALL_CASES = [case for file in sorted(CASES.glob("*.yaml")) for case in load(file)]


@pytest.mark.parametrize("case", ALL_CASES, ids=lambda case: f"{case.file}: {case.name}")
def test_an_object_gets_the_verdict_of_its_case(case: Case) -> None:
    assert assess(case.live, is_hook=case.is_hook) == case.expected


def test_every_kind_of_the_table_has_its_file_of_cases() -> None:
    assert {kind.lower() for _, kind in BUILT_IN} | {"any"} == {case.file for case in ALL_CASES}


@pytest.mark.parametrize("file", sorted({case.file for case in ALL_CASES}))
def test_the_names_of_a_file_of_cases_differ(file: str) -> None:
    names = [case.name for case in ALL_CASES if case.file == file]
    assert len(names) == len(set(names))
