"""docs/faults.md names a test for every fault and every advisory's row, and each of them exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent.parent
PAGE: Final = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
# Each has a row of the page that begins with these words.
FAULTS: Final = (
    "unknown key",
    "wrong type",
    "YAML syntax error",
    "duplicate application",
    "missing cluster",
    "unreadable include",
    "unknown host",
    "wrong password",
    "missing branch",
    "missing path",
    "repository emptied",
    "broken YAML, chart that fails, missing base",
    "endless template",
    "engine killed in the middle",
    "down at start",
    "down in the middle",
    "429 and 500 bursts",
    "watch dropped",
    "invalid object among good ones",
    "namespace that is being deleted",
    "no permission for one kind",
)
ADVISORIES: Final = ("P1", "P3", "P4", "P6", "P10", "E1", "E2", "E3", "G1", "G2", "G3", "G4", "G5", "S8", "S10", "Z2")
NAMED: Final = sorted(set(re.findall(r"`([\w/.]+::\w+)`", PAGE)))


@pytest.mark.parametrize("name", NAMED)
def test_each_named_test_exists(name: str) -> None:
    path, _, function = name.partition("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    assert re.search(rf"\b(def|func) {re.escape(function)}\b", text), f"{path} has no {function}"


@pytest.mark.parametrize("row", [*FAULTS, *ADVISORIES])
def test_each_fault_and_row_names_its_tests(row: str) -> None:
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {row} |")]
    assert "::" in line


def test_each_row_that_a_test_bears_is_on_the_page() -> None:
    bears = re.compile(r"\b(?:def test_((?:[A-Z]\d+_)+)|func Test([A-Z]\d+)[A-Z])")
    files = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("engine/*_test.go")]
    found: set[str] = set()
    for file in files:
        for match in bears.finditer(file.read_text(encoding="utf-8")):
            found.update((match[1] or match[2]).strip("_").split("_"))
    listed = set(re.findall(r"^\| ([A-Z]\d+) \|", PAGE, re.MULTILINE))
    assert found - listed == set()
