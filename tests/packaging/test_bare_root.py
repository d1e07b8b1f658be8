"""The one file in a bare Debian root file system, with nothing installed: as nobody in particular, in what bubblewrap
can do of the unit's sandbox. In `test_units.py` systemd itself confines it, system calls included.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import anyio.to_thread
import pytest

from tests.packaging import built
from tests.packaging.surroundings import expected, found, surroundings
from tools import bareroot
from tools.golang import ROOT

pytestmark = [
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bwrap"),
    pytest.mark.skipif(bool(bareroot.missing()), reason=bareroot.missing() or "a root can be made"),
    pytest.mark.timeout(built.SECONDS),
]
USER: Final = 61999
_ENVIRONMENT: Final = {
    "PATH": "/usr/local/bin:/usr/bin",
    "HOME": "/",
    "STATE_DIRECTORY": "/var/lib/gitopsd",
    "CACHE_DIRECTORY": "/var/cache/gitopsd",
    "RUNTIME_DIRECTORY": "/run/gitopsd",
    "CREDENTIALS_DIRECTORY": "/run/credentials",
}
_READ: Final = {"gitopsd": "/usr/local/bin/gitopsd", "etc": "/run/etc", "credentials": "/run/credentials"}
_WRITTEN: Final = {"state": "/var/lib/gitopsd", "cache": "/var/cache/gitopsd", "runtime": "/run/gitopsd"}


class Confined:
    """Programs in the root, confined: it is read only but for the folders that the unit makes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.transcript: list[str] = []
        for name in ("state", "cache", "runtime", "credentials", "etc"):
            (folder / name).mkdir(mode=0o700)
            shutil.chown(folder / name, USER, USER)
        shutil.copy(built.one_file(), folder / "gitopsd")

    def write(self, name: str, text: str) -> None:
        """A file of the daemon's own; `name` begins with `etc/` or `credentials/`."""
        path = self._folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        shutil.chown(path, USER, USER)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program; nothing is checked."""
        done = subprocess.run(
            [*self._bubble(), "--", *_as_nobody(), *command], check=False, capture_output=True, text=True, timeout=180
        )
        self.transcript.append(f"$ {' '.join(command)}\n{done.stdout}{done.stderr}[{done.returncode}]\n")
        return done

    def _bubble(self) -> Sequence[str]:
        folder = self._folder
        words = ["bwrap", "--die-with-parent", "--new-session", "--clearenv"]
        for name, value in _ENVIRONMENT.items():
            words += ["--setenv", name, value]
        words += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
        words += ["--ro-bind", str(bareroot.root()), "/", "--proc", "/proc", "--dev", "/dev"]
        words += ["--perms", "1777", "--tmpfs", "/tmp"]
        for place in ("/var/tmp", "/root", "/home", "/run", "/usr/local", "/var/lib", "/var/cache"):
            words += ["--tmpfs", place]
        words += ["--perms", "0755", "--dir", "/usr/local/bin"]
        for name, place in _READ.items():
            words += ["--ro-bind", str(folder / name), place]
        for name, place in _WRITTEN.items():
            words += ["--bind", str(folder / name), place]
        for place in ("/usr/local", "/var/lib", "/var/cache", "/run"):
            words += ["--remount-ro", place]
        words += ["--chdir", "/", "--cap-drop", "ALL"]
        return words + [word for name in ("SETUID", "SETGID", "SETPCAP") for word in ("--cap-add", f"CAP_{name}")]


def _as_nobody() -> Sequence[str]:
    identity = [f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    return ["setpriv", *identity, "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]


@pytest.fixture
def confined(tmp_path: Path) -> Confined:
    folder = tmp_path / "confined"
    folder.mkdir()
    return Confined(folder)


async def test_with_nothing_installed_it_reconciles_the_samples(confined: Confined, tmp_path: Path) -> None:
    python = confined.run("sh", "-c", "command -v python3 git ssh openssl")
    assert python.stdout == ""
    held = confined.run("grep", "-E", "^(Uid|CapEff|CapBnd|NoNewPrivs):", "/proc/self/status").stdout.split()
    assert held == ["Uid:", *[str(USER)] * 4, "CapEff:", "0" * 16, "CapBnd:", "0" * 16, "NoNewPrivs:", "1"]
    for place in ("/", "/etc", "/usr/local/bin", "/var/lib"):
        assert confined.run("touch", f"{place}/x").returncode != 0
    assert confined.run("gitopsd", "version").stdout.startswith("gitopsd ")
    async with surroundings(tmp_path / "demo") as around:
        confined.write("credentials/kubeconfig", around.kubeconfig)
        config = around.config("${CREDENTIALS_DIRECTORY}/kubeconfig", "/var/lib/gitopsd", "/var/cache/gitopsd")
        confined.write("etc/gitopsd.yaml", config)
        checked = confined.run("gitopsd", "config", "check", "/run/etc/gitopsd.yaml")
        assert checked.returncode == 0, checked.stdout + checked.stderr
        once = ["gitopsd", "run", "--config", "/run/etc/gitopsd.yaml", "--once", "--timeout", "120", "-o", "json"]
        done = await anyio.to_thread.run_sync(partial(confined.run, *once))
        assert found(done.stdout) == expected(), done.stdout + done.stderr
        path = ROOT / ".build" / "bare-root-transcript.txt"
    await anyio.to_thread.run_sync(partial(path.write_text, "".join(confined.transcript), encoding="utf-8"))
