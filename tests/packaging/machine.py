"""A Debian machine for a test: systemd as process 1 in namespaces of its own, over a root that is thrown away.

It shares the host's kernel, network and clock, and nothing else; what it writes is in memory.
"""

from __future__ import annotations

import itertools
import os
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tools import bareroot
from tools.golang import ROOT

SHARE: Final = "/mnt"
BOOT_SECONDS: Final = 60.0
_NUMBERS: Final = itertools.count(1)
_ENVIRONMENT: Final = {
    "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
_UNIT: Final = "machine.target"
_KEPT_OF_SYSINIT: Final = ("systemd-journald.service", "systemd-tmpfiles-setup.service", "systemd-sysusers.service")

# Runs in the new namespaces, with the programs of the host until it hands over to systemd.
_BOOT: Final = r"""
set -eu
root=$1 share=$2 top=$3
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$top"
mkdir "$top/upper" "$top/work" "$top/root"
mount -t overlay -o "lowerdir=$root,upperdir=$top/upper,workdir=$top/work" overlay "$top/root"
cd "$top/root"
mount --rbind "$share" mnt
mkdir -p mnt/.old
mount -t proc proc proc
mount --bind proc/sys proc/sys && mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do
  touch "dev/$node"
  mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/pts dev/shm
mount -t devpts -o mode=620,ptmxmode=666,newinstance devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s null dev/console
for wanted in lib/systemd/system/sysinit.target.wants/*; do
  case " $KEPT " in *" ${wanted##*/} "*) ;; *) rm -f "$wanted" ;; esac
done
rm -f lib/systemd/system/sockets.target.wants/systemd-journald-audit.socket lib/systemd/system/timers.target.wants/*
rm -f etc/systemd/system/timers.target.wants/*
printf '[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n' > "etc/systemd/system/$UNIT"
pivot_root . mnt/.old
exec /bin/sh -c 'cd /; umount -l /mnt/.old; mount --make-rshared /
exec env -i PATH=/usr/sbin:/usr/bin container=test NOTIFY_SOCKET=/mnt/.boot \
  /lib/systemd/systemd --system --log-target=journal --show-status=false --unit='"$UNIT"
"""


def missing() -> str:
    """What keeps a machine from being booted here, in words; "" if nothing does."""
    if why := bareroot.missing():
        return why
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        return "unshare and nsenter are missing"
    if _cgroups() is None:
        return "no cgroup2 file system is mounted"
    return ""


class Machine:
    """A booted machine; `share` is a folder of the host that it sees at `SHARE`."""

    def __init__(self, pid: int, share: Path) -> None:
        self._pid = pid
        self.share = share
        self.transcript: list[str] = []

    def run(
        self, *command: str, check: bool = True, shown: bool = True, seconds: float = 90.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in it, as root; `shown` in the transcript."""
        done = subprocess.run(
            self.inside(*command),
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        told = f"# {' '.join(command)}\n{done.stdout}{done.stderr}"
        if shown:
            self.transcript.append(told)
        assert not check or done.returncode == 0, f"exit code {done.returncode}: {told}"
        return done

    def says(self, *command: str) -> str:
        """What a program prints that succeeds, without its last newline."""
        return self.run(*command, shown=False).stdout.rstrip("\n")

    def inside(self, *command: str) -> Sequence[str]:
        """The command line that runs `command` in it."""
        return ["nsenter", f"--target={self._pid}", "-m", "-p", "-u", "-i", "-C", "-r", "-w", "--", *command]

    def journal(self, unit: str) -> str:
        """What a unit has logged."""
        return self.says("journalctl", f"--unit={unit}", "--no-pager", "--output=cat")

    def save_transcript(self, name: str) -> None:
        """Keep what was run and what it printed, for people, as `.build/NAME-transcript.txt`."""
        path = ROOT / ".build" / f"{name}-transcript.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(self.transcript), encoding="utf-8")

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Make a file in it, owned by root."""
        source = self.share / f"file-{next(_NUMBERS)}"
        source.write_text(text, encoding="utf-8")
        self.run("install", "-D", f"--mode={mode:o}", f"{SHARE}/{source.name}", path, shown=False)
        source.unlink()


@contextmanager
def booted(share: Path) -> Iterator[Machine]:
    """A machine, up to its basic target; gone at the end with all that runs in it."""
    root = bareroot.root("systemd")
    cgroups = _cgroups()
    assert cgroups is not None
    own = cgroups / f"gitopsd-test-{os.getpid()}-{next(_NUMBERS)}"
    own.mkdir()
    top = share.with_name(f"{share.name}.top")
    top.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(str(share / ".boot"))
        process = subprocess.Popen(
            ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(own / "cgroup.procs"), *_unshared(root, share, top)],
            env={**os.environ, "KEPT": " ".join(_KEPT_OF_SYSINIT), "UNIT": _UNIT},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            _wait(ready)
            (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
            yield Machine(int(child), share)
        finally:
            process.send_signal(signal.SIGKILL)  # process 1 goes with it, and all others with that
            process.wait()
            _remove_cgroup(own)
            top.rmdir()


def _unshared(root: Path, share: Path, top: Path) -> list[str]:
    namespaces = ["--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child"]
    return ["unshare", *namespaces, "--", "sh", "-c", _BOOT, "boot", str(root), str(share), str(top)]


def _wait(ready: socket.socket) -> None:
    ready.settimeout(BOOT_SECONDS)
    while b"READY=1" not in ready.recv(4096).splitlines():
        pass


def _remove_cgroup(group: Path) -> None:
    """Once the kernel has let go of the dead, innermost first."""
    with (group / "cgroup.events").open(encoding="ascii") as events:
        changes = select.poll()
        changes.register(events, select.POLLPRI)
        while "populated 1" in events.read():
            assert changes.poll(BOOT_SECONDS * 1000), f"{group}: something lives on"
            events.seek(0)
    for folder in [*sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True), group]:
        folder.rmdir()


def _cgroups() -> Path | None:
    """Where the kernel's unified hierarchy is mounted, at the group that this process is in."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        fields, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 "):
            return Path(fields.split()[4])
    return None
