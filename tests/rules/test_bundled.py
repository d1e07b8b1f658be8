"""Each bundled table against its cases: live objects that say themselves how they are."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

import gitopsd.rules
from gitopsd.core.health.assess import assess
from gitopsd.core.health.status import Health, HealthStatus
from gitopsd.core.health.table import Case as TableCase
from gitopsd.core.health.table import Table
from gitopsd.rules.bundled import bundled_files, bundled_table, file_for, read_bundled

FOLDER = Path(gitopsd.rules.__file__).parent / "bundled"
GROUPS = sorted(bundled_files())


class Case(NamedTuple):
    group: str
    live: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.live['kind']} {self.live['metadata']['name']}"


def cases_of(group: str) -> Iterator[Case]:
    text = (FOLDER / f"{group}.cases.yaml").read_text(encoding="utf-8")
    for live in yaml.safe_load_all(text):
        yield Case(group, live)


ALL = [case for group in GROUPS for case in cases_of(group)]


def judged(live: dict[str, Any], table: Table | None = None) -> Health | None:
    def tables(group: str, kind: str) -> Table | None:
        return table or bundled_table(group, kind)

    return assess(live, tables=tables)


@pytest.mark.parametrize("case", ALL, ids=lambda case: f"{case.group} {case.name}")
def test_an_object_is_as_its_case_says(case: Case) -> None:
    expected = case.live["metadata"]["annotations"]
    found = judged(case.live)
    assert found is not None
    assert found.status == expected["gitopsd.io/expected-health"]
    if "gitopsd.io/expected-message" in expected:
        assert found.message == expected["gitopsd.io/expected-message"]


@pytest.mark.parametrize("file", GROUPS)
def test_cases_of_a_file_are_of_its_kinds_and_have_names_of_their_own(file: str) -> None:
    kinds = read_bundled(file).tables.keys()
    found = list(cases_of(file))
    spoken_of = {case.live["kind"] for case in found}
    assert "*" in kinds or spoken_of == kinds
    assert spoken_of
    for case in found:
        assert file_for(case.live["apiVersion"].rpartition("/")[0]) == file
    names = [case.name for case in found]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("group", GROUPS)
def test_the_tables_of_a_group_cite_the_operators_own_documentation(group: str) -> None:
    text = yaml.safe_load((FOLDER / f"{group}.yaml").read_text(encoding="utf-8"))
    for kind, entry in text["kinds"].items():
        assert str(entry.get("documentation", text.get("documentation", ""))).startswith("https://"), kind


@pytest.mark.parametrize("group", GROUPS)
def test_every_outcome_of_a_table_has_a_case(group: str) -> None:
    tables = read_bundled(group).tables
    first: dict[int, str] = {}
    for kind, table in tables.items():
        if first.setdefault(id(table), kind) != kind:
            continue  # `like` another kind, whose cases cover it
        lives = [case.live for case in cases_of(group) if _judges(tables, kind, case.live["kind"])]
        told = [judged(live, _told_apart(table)) for live in lives]
        met = {health.message for health in told if health is not None}
        wanted = {f"outcome {number}" for number in range(len(table.cases) + 1)}
        assert wanted <= met, f"{kind}: no case reaches {sorted(wanted - met)}"


def _judges(tables: Mapping[str, Table], kind: str, of: str) -> bool:
    return kind == of or (kind == "*" and of not in tables)


def _told_apart(table: Table) -> Table:
    cases = tuple(
        TableCase(case.test, HealthStatus.UNKNOWN, f"outcome {number}") for number, case in enumerate(table.cases)
    )
    otherwise = TableCase(table.otherwise.test, HealthStatus.UNKNOWN, f"outcome {len(cases)}")
    return replace(table, cases=cases, otherwise=otherwise)
