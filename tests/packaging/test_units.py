"""The units on a Debian machine with systemd and no Python: the one file, run with all that they forbid."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging import built
from tests.packaging.machine import SHARE, Machine, booted, missing
from tests.packaging.surroundings import KUBECONFIG, on, surroundings, until, until_as_expected
from tools.golang import ROOT

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=f"no machine can be booted: {missing()}"),
    pytest.mark.timeout(built.SECONDS),
]
UNIT = "gitopsd.service"
SYSTEMD = ROOT / "systemd"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine with the one file and the units, put there by hand as docs/systemd.md says."""
    share = tmp_path / "share"
    share.mkdir()
    shutil.copy(built.one_file(), share / "gitopsd")
    for path in SYSTEMD.iterdir():
        shutil.copy(path, share)
    with booted(share) as running:
        running.run("install", "-D", "--mode=0755", f"{SHARE}/gitopsd", "/usr/local/bin/gitopsd")
        for unit in ("gitopsd.service", "gitopsd@.service"):
            running.run("install", "--mode=0644", f"{SHARE}/{unit}", f"/etc/systemd/system/{unit}")
        running.run("install", "-D", "--mode=0644", f"{SHARE}/gitopsd.sysusers", "/etc/sysusers.d/gitopsd.conf")
        running.run("systemd-sysusers", "gitopsd.conf")
        running.run("install", "-d", "--mode=0750", "--group=gitopsd-config", "/etc/gitopsd")
        running.run("install", "-d", "--mode=0700", "/etc/gitopsd/secrets")
        yield running


def configure(machine: Machine, name: str, text: str) -> None:
    machine.write(f"/etc/gitopsd/{name}.yaml", text, 0o640)
    machine.run("chgrp", "gitopsd-config", f"/etc/gitopsd/{name}.yaml")


async def test_the_one_file_reconciles_the_samples_as_the_unit_confines_it(machine: Machine, tmp_path: Path) -> None:
    async with surroundings(tmp_path / "demo") as around:
        machine.write(f"/etc/gitopsd/secrets/{KUBECONFIG}", around.kubeconfig, 0o600)
        text = around.config(
            f"${{CREDENTIALS_DIRECTORY}}/secret_{KUBECONFIG}", "/var/lib/gitopsd", "/var/cache/gitopsd"
        )
        configure(machine, "gitopsd", text)
        await on(machine, "systemctl", "daemon-reload")
        await on(machine, "systemctl", "start", UNIT)
        await until_as_expected(machine)

        pid = machine.says("systemctl", "show", "--property=MainPID", "--value", UNIT)
        held = machine.says("grep", "-E", "^(Uid|CapPrm|CapEff|CapBnd|NoNewPrivs|Seccomp):", f"/proc/{pid}/status")
        kept = {name: value.split() for name, _, value in (line.partition(":") for line in held.splitlines())}
        assert {kept[name][0] for name in ("CapPrm", "CapEff", "CapBnd")} == {"0" * 16}
        assert (kept["NoNewPrivs"], kept["Seccomp"]) == (["1"], ["2"])
        assert 61184 <= int(kept["Uid"][0]) <= 65519, "a user who exists only meanwhile"
        assert machine.run("sh", "-c", "command -v python3 git", check=False).stdout == ""
        engine = machine.says("sh", "-c", "grep -l gitopsd-engine /proc/[0-9]*/comm").split("/")[2]
        filters = [machine.says("grep", "Seccomp_filters", f"/proc/{each}/status").split()[1] for each in (pid, engine)]
        assert int(filters[1]) > int(filters[0]), "the engine gives up more on top of what the unit forbids"

        configure(machine, "gitopsd", text.replace("refreshInterval: 5s", "refreshInterval: 6s"))
        await on(machine, "systemctl", "reload", UNIT)
        await until(machine, lambda told: "configuration reloaded" in told, "journalctl", f"--unit={UNIT}", "-o", "cat")

        await on(machine, "systemctl", "stop", UNIT)
        assert machine.says("systemctl", "show", "--property=Result", "--value", UNIT) == "success"
        machine.save_transcript("units")


async def test_the_line_of_the_page_checks_with_the_secrets_of_the_service(machine: Machine) -> None:
    machine.write("/etc/gitopsd/secrets/git-password", "of-the-secret\n", 0o600)
    configure(
        machine,
        "gitopsd",
        "server: {listen: '127.0.0.1:0'}\nstate: {dir: /var/lib/gitopsd, cacheDir: /var/cache/gitopsd}\n"
        "repositories:\n  - {url: https://git.invalid/a, username: ci, password: {credential: secret_git-password}}\n",
    )
    plain = machine.run("gitopsd", "config", "check", "/etc/gitopsd/gitopsd.yaml", check=False)
    assert "systemd passed none" in plain.stderr
    page = (ROOT / "docs" / "systemd.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"sudo systemd-run ((?:.*\\\n)+.*)\n", page)
    assert " ".join(line.split()) in " ".join(
        (ROOT / "packaging" / "deb" / "gitopsd.yaml").read_text(encoding="utf-8").replace("#", "").split()
    )
    # No bus here, over which what it prints would come back: it goes to the journal.
    words = [word for word in shlex.split(line.replace("\\\n", " ")) if word not in {"--pipe", "--wait"}]
    for unit, wanted in (("before", "inactive"), ("beside", "active")):
        await on(machine, "systemd-run", "--service-type=oneshot", f"--unit={unit}", *words)
        told = machine.journal(unit)
        assert "valid: 0 applications, 0 clusters, 1 repository" in told
        assert machine.run("systemctl", "is-active", UNIT, check=False).stdout.strip() == wanted
        await on(machine, "systemctl", "start", UNIT)


async def test_a_daemon_that_hangs_is_ended_by_the_watchdog_and_started_anew(machine: Machine) -> None:
    configure(machine, "gitopsd", "server: {listen: '127.0.0.1:0'}\nstate: {dir: /var/lib/gitopsd}\napplications: []\n")
    machine.write(f"/etc/systemd/system/{UNIT}.d/quick.conf", "[Service]\nWatchdogSec=1s\nRestartSec=100ms\n")
    await on(machine, "systemctl", "daemon-reload")
    await on(machine, "systemctl", "start", UNIT)
    await until(
        machine, lambda told: told.strip() != "0", "systemctl", "show", "-P", "WatchdogTimestampMonotonic", UNIT
    )
    before = machine.says("systemctl", "show", "-P", "MainPID", UNIT)
    machine.run("sh", "-c", f"kill -STOP {before}")  # nothing of it turns any more
    await until(machine, lambda told: told.strip() == "1", "systemctl", "show", "-P", "NRestarts", UNIT)
    await until(machine, lambda told: told.strip() == "active", "systemctl", "is-active", UNIT)
    assert machine.says("systemctl", "show", "-P", "MainPID", UNIT) != before
    assert "Watchdog timeout" in machine.journal(UNIT)


async def test_two_instances_run_beside_each_other_each_with_folders_of_its_own(machine: Machine) -> None:
    for name in ("one", "two"):
        machine.run("install", "-d", "--mode=0700", f"/etc/gitopsd/secrets-{name}")
        configure(
            machine,
            name,
            f"server: {{listen: '127.0.0.1:0'}}\nstate: {{dir: /var/lib/gitopsd-{name}}}\napplications: []\n",
        )
    await on(machine, "systemctl", "daemon-reload")
    await on(machine, "systemctl", "start", "gitopsd@one", "gitopsd@two")
    owners = {machine.says("stat", "--format=%U", f"/var/lib/private/gitopsd-{name}") for name in ("one", "two")}
    assert owners == {"gitopsd-one", "gitopsd-two"}
    for name in ("one", "two"):
        told = await on(machine, "gitopsd", "app", "list", "-o", "json", "--config", f"/etc/gitopsd/{name}.yaml")
        assert told.strip() == "[]"
