"""Where the demo keeps things: everything below `.demo/`, made anew at each start."""

from __future__ import annotations

import fcntl
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

ROOT: Final = Path(__file__).resolve().parent.parent
PORT: Final = 8080
_LISTEN: Final = f"127.0.0.1:{PORT}"


class DemoError(Exception):
    """The demo cannot go on; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of one demo."""

    folder: Path
    port: int

    @property
    def config(self) -> Path:
        """The daemon's configuration."""
        return self.folder / "gitopsd.yaml"

    @property
    def cluster(self) -> Path:
        """The local cluster's folder."""
        return self.folder / "cluster"

    @property
    def samples(self) -> Path:
        """The work tree in which to change something."""
        return self.folder / "samples"

    @property
    def socket(self) -> Path:
        """Where the daemon answers its commands."""
        return self.folder / "state" / "gitopsd.sock"

    def log(self, name: str) -> Path:
        """What the program `name` has to say."""
        return self.folder / f"{name}.log"


@dataclass(frozen=True, slots=True)
class Sample:
    """What an application shows, and the health that it is meant to have."""

    shows: str
    expected: str


@contextmanager
def clean_place(folder: Path) -> Iterator[Place]:
    """An empty folder with the configuration in it, held for as long as the block lasts. Raises `DemoError`."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(f"another demo runs in {folder}; end it first") from None
        for old in folder.iterdir():
            if old.is_dir() and not old.is_symlink():
                shutil.rmtree(old)
            elif old.name != "lock":
                old.unlink()
        place = Place(folder, _free_port())
        content = (ROOT / "demo" / "gitopsd.yaml").read_text(encoding="utf-8")
        place.config.write_text(content.replace(_LISTEN, f"127.0.0.1:{place.port}"), encoding="utf-8")
        yield place


def samples() -> Mapping[str, Sample]:
    """The applications of the demo's configuration, by name."""
    content = yaml.safe_load((ROOT / "demo" / "gitopsd.yaml").read_text(encoding="utf-8"))
    prefix = "demo.gitopsd.io/"
    return {
        each["name"]: Sample(
            each["annotations"][f"{prefix}shows"], each["annotations"].get(f"{prefix}expected", "Healthy")
        )
        for each in content["applications"]
    }


def make_repository(place: Place) -> None:
    """A bare repository with demo/samples/ as its first commit, and a clone of it to work in. Raises `DemoError`."""
    bare, tree = place.folder / "samples.git", place.samples
    shutil.copytree(ROOT / "demo" / "samples", tree)
    _git(place.folder, "init", "--quiet", "--bare", str(bare))
    # Not by --initial-branch: git older than 2.28 does not know it.
    _git(bare, "symbolic-ref", "HEAD", "refs/heads/main")
    _git(tree, "init", "--quiet", ".")
    _git(tree, "symbolic-ref", "HEAD", "refs/heads/main")
    for key, text in {
        "user.name": "demo",
        "user.email": "demo@localhost",
        "commit.gpgSign": "false",
        "core.hooksPath": "/dev/null",
        "push.default": "current",
        "remote.origin.url": str(bare),
        "remote.origin.fetch": "+refs/heads/*:refs/remotes/origin/*",
    }.items():
        _git(tree, "config", key, text)
    # What `sed -i.old` leaves behind.
    (tree / ".git" / "info").mkdir(exist_ok=True)
    (tree / ".git" / "info" / "exclude").write_text("*.old\n", encoding="utf-8")
    _git(tree, "add", "--all")
    _git(tree, "commit", "--quiet", "--message", "The samples")
    _git(tree, "push", "--quiet", "origin", "main")


def _git(folder: Path, *arguments: str) -> None:
    command: Sequence[str] = ["git", *arguments]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        raise DemoError("git is not installed") from None
    except subprocess.SubprocessError as error:
        told = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
        raise DemoError(f"git {arguments[0]} failed: {str(told).strip()}") from None


def _free_port() -> int:
    """8080 if nobody has it, else any other."""
    for wanted in (PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            port: int = probe.getsockname()[1]
            return port
    raise DemoError("there is no free port on 127.0.0.1")
