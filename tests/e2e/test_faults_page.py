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
    "wrong or expired credentials, put right",
    "unknown host key",
    "revoked CA",
    "repository moved or force-pushed",
    "tag moved",
    "branch deleted",
    "history rewritten under a running fetch",
    "disk full while fetching and while snapshotting",
    "200 MB repository, 50 MB file",
    "chart archive that is a zip bomb",
    "YAML alias bomb",
    "endless template recursion",
    "dependency that is gone",
    "registry answering 500 or slowly",
    "plugin that hangs, prints binary, or forks away",
    "two daemons on one cache folder",
    "wrong or missing key of an encrypted file",
    "API server restarted or slow, refusing connections",
    "429 for a long time",
    "watch that sends an object out of order, bookmarks only, garbage",
    "etcd compaction",
    "token expired while watching",
    "definition deleted under a watch",
    "conversion webhook down",
    "aggregated API that is unavailable",
    "object of 1.5 MB",
    "2,000 events a second",
    "two clusters with one down",
    "Lua that loops or eats memory",
    "CEL or jq that errs",
    "no permission to list one kind",
    "mutating webhook that does something else each time",
    "unknown sync option",
    "bad wave number",
    "hook cycle",
    "cyclic `dependsOn`",
    "a plan that went stale",
    "a namespace stuck in deletion",
    "a finalizer that never goes",
    "an admission webhook that denies one object",
    "quota exceeded and raised later",
    "definition and instance in one commit",
    "a definition removed with instances",
    "a Job that is immutable",
    "3,000 objects in one wave",
    "two operators on one object",
    "the store's disk full",
    "the store's file damaged",
    "state folder that cannot be written to",
    "state folder full",
    "state file of a newer version",
    "state file of an older version",
    "two daemons on one state folder",
    "state restored from an old backup",
    "backup or restore cut off",
    "backup that is damaged or for another key",
    "wrong file modes on credentials",
    "SIGHUP with a broken file",
    "SIGTERM in the middle of a sync",
    "the clock jumps",
    "1,024 open files only",
    "no open file left",
    "out of memory in the engine",
    "log pipe closed",
    "log pipe that nobody reads",
    "disk full under the log",
    "journald restarted or gone",
    "the same error all night",
    "trace collector down or slow",
    "one file started twice at once",
    "one file killed while it unpacks",
    "unpacked runtime damaged",
    "one file not copied whole",
    "nowhere to unpack: read-only, full, noexec",
    "runtime put there by somebody else",
    "runtime in use during an upgrade",
    "plugin in a folder that is broken or not there",
    "plugin folder that others can change",
)
ADVISORIES: Final = (
    *("P1", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11", "S8", "S9", "S10", "S11", "S12", "S13", "S15"),
    *("S1", "S2", "S3", "S4", "S5", "S6", "S14", "E10", "N1", "N3", "N4", "N6", "R1", "R2"),
    *(
        "D1",
        "D2",
        "D3",
        "D4",
        "D5",
        "D6",
        "D7",
        "D8",
        "D9",
        "U2",
        "U3",
        "E1",
        "E2",
        "E3",
        "E4",
        "E5",
        "E6",
        "E7",
        "E9",
        "E11",
    ),
    *("G1", "G2", "G3", "G4", "G5", "G6", "G7", "G8", "Z2"),
)
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
    bears = re.compile(r"\b(?:def test_((?:[A-Z]\d+_)+)|func Test([A-Z]\d+)(?:[A-Z]|_))")
    files = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("engine/*_test.go"), *ROOT.glob("sops/*_test.go")]
    found: set[str] = set()
    for file in files:
        for match in bears.finditer(file.read_text(encoding="utf-8")):
            found.update((match[1] or match[2]).strip("_").split("_"))
    listed = set(re.findall(r"^\| ([A-Z]\d+) \|", PAGE, re.MULTILINE))
    assert found - listed == set()
