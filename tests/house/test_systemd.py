"""The unit that ships is one that systemd accepts, and that locks the daemon in."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gitopsd.daemon.alive import PACE_SECONDS

FOLDER = Path(__file__).parents[2] / "systemd"
UNIT = FOLDER / "gitopsd.service"
TEMPLATE = FOLDER / "gitopsd@.service"
MOST_EXPOSURE = 2.0
# What an instance has of its own; all else it has as every other.
OWN = {
    "Description",
    "ExecStart",
    "User",
    "StateDirectory",
    "CacheDirectory",
    "RuntimeDirectory",
    "WorkingDirectory",
    "LoadCredential",
}

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


def settings(path: Path) -> list[tuple[str, str]]:
    """A unit's settings in order, without comments."""
    lines = [line.partition("=") for line in path.read_text().splitlines() if "=" in line and not line.startswith("#")]
    return [(name, value) for name, _, value in lines]


def test_systemd_has_nothing_to_say_of_the_units() -> None:
    done = _analyze("verify", str(UNIT), str(TEMPLATE))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("unit", [UNIT, TEMPLATE], ids=lambda path: path.name)
def test_the_unit_exposes_little(unit: Path) -> None:
    done = _analyze("security", "--offline=true", str(unit))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    assert float(found[1]) <= MOST_EXPOSURE


def test_the_unit_says_ready_reloads_and_ends_in_time() -> None:
    text = UNIT.read_text()
    assert "Type=notify\n" in text
    assert 'ExecReload=/bin/sh -c "kill -HUP $MAINPID"\n' in text, "the shell's own: a bare system has no kill"
    stop = re.search(r"TimeoutStopSec=(\d+)s", text)
    assert stop is not None
    assert int(stop[1]) >= 10, "a sync may take 10 s to finish the step in hand"


def test_an_instance_differs_from_the_service_by_its_name_alone() -> None:
    one, other = settings(UNIT), settings(TEMPLATE)
    assert [name for name, _ in one] == [name for name, _ in other]
    assert {name for (name, value), (_, its) in zip(one, other, strict=True) if value != its} == OWN
    assert all("%i" in value for name, value in other if name in OWN)


def test_the_watchdog_allows_the_check_two_looks_and_restarts_whatever_it_ends() -> None:
    given = dict(settings(UNIT))
    assert float(given["WatchdogSec"].removesuffix("s")) >= 2 * PACE_SECONDS
    assert given["Restart"] == "on-failure"
    assert (given["LimitCORE"], given["OOMPolicy"]) == ("0", "continue")
