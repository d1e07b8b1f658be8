"""The Debian package: made the same each time; installed, upgraded, removed and purged on a machine with systemd."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging import built
from tests.packaging.machine import SHARE, Machine, booted, missing
from tests.packaging.surroundings import KUBECONFIG, on, surroundings, until_as_expected
from tools import bareroot, deb
from tools.golang import ROOT

pytestmark = [
    pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb"),
    pytest.mark.timeout(built.SECONDS),
]
needs_a_machine = pytest.mark.skipif(bool(missing()), reason=f"no machine can be booted: {missing()}")
UNIT = "gitopsd.service"
OLD, NEW = "0.0.1~test", "0.0.2~test"
QUICK = ("-Zgzip", "-z1")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The frozen program's folder; a copy, so that nobody makes it anew meanwhile."""
    copy = tmp_path_factory.mktemp("bundle") / "gitopsd"
    shutil.copytree(built.folder().parent, copy, symlinks=True)
    return copy


@pytest.fixture(scope="module")
def packages(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two packages of the same program, one with a higher version."""
    folder = tmp_path_factory.mktemp("packages")
    for version in (OLD, NEW):
        made = deb.build(bundle, version, folder, packing=QUICK)
        made.rename(folder / f"{version}.deb")
    return folder


@pytest.fixture(scope="module")
def light(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle without most of what is inside: all that the packaging itself can do right or wrong is there."""
    folder = tmp_path_factory.mktemp("light") / "gitopsd"
    chosen = ["gitopsd", "_internal/libz.so.1", *(f"_internal/{name}" for name in ("gitopsd/core", "gitopsd_plain"))]
    for name in chosen:
        source, copy = bundle / name, folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy)
        else:
            shutil.copy(source, copy)
    return folder


@pytest.fixture
def machine(packages: Path) -> Iterator[Machine]:
    with booted(packages) as running:
        yield running


def test_two_packages_of_one_program_are_the_same_byte_for_byte(bundle: Path, light: Path, tmp_path: Path) -> None:
    made = [
        deb.build(light, OLD, tmp_path / name, packing=QUICK, asked=bundle / "gitopsd", at=1_700_000_000).read_bytes()
        for name in ("one", "two")
    ]
    assert made[0] == made[1]


@pytest.mark.skipif(shutil.which("lintian") is None, reason="needs lintian")
def test_lintian_has_no_complaint(bundle: Path, light: Path, tmp_path: Path) -> None:
    made = deb.build(light, OLD, tmp_path, packing=QUICK, asked=bundle / "gitopsd")
    command = ["lintian", "--allow-root", "--fail-on=error,warning", str(made)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.skipif(bool(bareroot.missing()), reason=bareroot.missing())
def test_it_installs_and_purges_where_no_systemd_runs(packages: Path) -> None:
    script = """set -e
        mount -t tmpfs tmpfs /opt
        mkdir /opt/upper /opt/work /opt/whole
        mount -t overlay -o "lowerdir=$1,upperdir=/opt/upper,workdir=/opt/work" overlay /opt/whole
        cp "$2" /opt/whole/gitopsd.deb
        exec chroot /opt/whole sh -ec 'dpkg --install gitopsd.deb; gitopsd version; dpkg --purge gitopsd; ls /etc'
    """
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", bareroot.root(), packages / f"{OLD}.deb"],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "gitopsd 0." in done.stdout
    assert "\ngitopsd\n" not in done.stdout


@needs_a_machine
async def test_it_installs_starts_upgrades_and_purges_cleanly(machine: Machine, tmp_path: Path) -> None:
    async with surroundings(tmp_path / "demo") as around:
        await on(machine, "dpkg", "--install", f"{SHARE}/{OLD}.deb")
        assert machine.says("systemctl", "is-active", UNIT) == "active"
        assert machine.says("systemctl", "is-enabled", UNIT) == "enabled"
        assert machine.says("stat", "--format=%a %U:%G", "/etc/gitopsd/gitopsd.yaml") == "640 root:gitopsd-config"

        config = around.config(
            f"${{CREDENTIALS_DIRECTORY}}/secret_{KUBECONFIG}", "/var/lib/gitopsd", "/var/cache/gitopsd"
        )
        machine.write(f"/etc/gitopsd/secrets/{KUBECONFIG}", around.kubeconfig, 0o600)
        machine.write("/etc/gitopsd/gitopsd.yaml", config, 0o640)
        machine.run("chgrp", "gitopsd-config", "/etc/gitopsd/gitopsd.yaml")
        await on(machine, "systemctl", "restart", UNIT)
        await until_as_expected(machine)
        kept = await _kept(machine)

        await on(machine, "dpkg", "--install", f"{SHARE}/{NEW}.deb")
        assert NEW in machine.says("dpkg-query", "--show", "gitopsd")
        assert machine.says("systemctl", "is-active", UNIT) == "active"
        await until_as_expected(machine)
        assert await _kept(machine) == kept
        await on(machine, "gitopsd", "app", "list")
        await on(machine, "systemctl", "status", "--no-pager", "--lines=5", UNIT)

        await on(machine, "systemctl", "stop", UNIT)
        await on(machine, "dpkg", "--install", f"{SHARE}/{NEW}.deb")
        left = machine.run("systemctl", "is-active", UNIT, check=False).stdout.strip()
        assert left == "inactive", "what somebody stopped stays so"
        await on(machine, "systemctl", "start", UNIT)

        await on(machine, "dpkg", "--remove", "gitopsd")
        assert machine.run("systemctl", "is-active", UNIT, check=False).stdout.strip() == "inactive"
        assert machine.run("sh", "-c", "ls -l /proc/[0-9]*/exe | grep gitopsd", check=False).stdout == ""
        for path in ("/etc/gitopsd/gitopsd.yaml", "/var/lib/private/gitopsd/state.db"):
            machine.run("test", "-e", path)
        machine.run("test", "!", "-e", "/usr/lib/gitopsd")

        purged = await on(machine, "dpkg", "--purge", "gitopsd")
        assert "Removing /var/lib/gitopsd" in purged
        assert "Leaving /etc/gitopsd/secrets" in purged, "what somebody put there is his"
        machine.run("rm", "-r", "/etc/gitopsd")
        found = machine.says("sh", "-c", "find / -xdev -name '*gitopsd*' -not -path '/mnt/*' -not -path '/tmp/*'")
        assert found == "", found
        machine.save_transcript("deb")
    shown = (ROOT / ".build" / "deb-transcript.txt").read_text(encoding="utf-8")
    assert "Setting up gitopsd" in shown


async def _kept(machine: Machine) -> tuple[str, str, str]:
    """What an upgrade must not touch: the configuration, the key of the state, and the history."""
    sums = machine.says("sha256sum", "/etc/gitopsd/gitopsd.yaml", "/var/lib/private/gitopsd/state.key")
    history = await on(machine, "gitopsd", "app", "history", "guestbook", "-o", "json", polling=True)
    assert '"id": 0' in history
    return machine.says("stat", "--format=%a %U:%G", "/etc/gitopsd/gitopsd.yaml"), sums, history
