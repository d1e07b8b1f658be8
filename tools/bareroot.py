"""A bare Debian root file system, for tests of what is installed: `python -m tools.bareroot [systemd]` prints its path.

It holds what debootstrap's minbase holds: no Python, no git. With `systemd` it can be booted too. It is made once per
machine, kept outside of the tree, and read only: whoever wants to write lays something of his own over it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tools.gobuild import alone
from tools.golang import SetupError, cache_folder

SUITE: Final = "bookworm"
_EDITION: Final = 1  # raise it when a root is to be made in another way
_INCLUDED: Final = {"": (), "systemd": ("systemd", "libnss-systemd")}
_STALE_SECONDS: Final = 30 * 24 * 3600.0
_LEFT_OVER: Final = ("var/cache/apt", "var/lib/apt/lists", "var/log/bootstrap.log", "usr/share/doc", "usr/share/locale")


def main(arguments: Sequence[str]) -> int:
    """Make what is missing; returns the exit code."""
    try:
        print(root(*arguments[:1]))
    except SetupError as error:
        print(f"bareroot: {error}", file=sys.stderr)
        return 1
    return 0


def missing() -> str:
    """What keeps a root from being made or used here, in words; "" if nothing does."""
    if os.geteuid() != 0:
        return "only root can make a root file system"
    if shutil.which("debootstrap", path=_path()) is None:
        return "debootstrap is missing"
    return ""


def root(kind: str = "") -> Path:
    """The folder of a root ("" or `systemd`); made anew when it is a month old. Raises SetupError."""
    if kind not in _INCLUDED:
        raise SetupError(f"there is no root {kind!r}; there are: {', '.join(name or 'bare' for name in _INCLUDED)}")
    shelf = cache_folder() / "roots"
    shelf.mkdir(parents=True, exist_ok=True)
    made_of = f"{_EDITION} {SUITE} {' '.join(_INCLUDED[kind])} {' '.join(_LEFT_OVER)}"
    kept = shelf / f"{kind or 'bare'}-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}"
    with alone(kept):
        if not kept.exists() or time.time() - kept.stat().st_mtime > _STALE_SECONDS:
            _make(kept, _INCLUDED[kind])
    return kept


def _make(kept: Path, included: Sequence[str]) -> None:
    if why := missing():
        raise SetupError(why)
    fresh = kept.with_name(f"{kept.name}.part")
    shutil.rmtree(fresh, ignore_errors=True)
    command = ["debootstrap", "--variant=minbase"]
    if included:
        command.append(f"--include={','.join(included)}")
    done = subprocess.run(
        [*command, SUITE, str(fresh)],
        env={**os.environ, "PATH": _path()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SetupError(f"debootstrap failed:\n{done.stdout[-2000:]}")
    for path in _LEFT_OVER:
        _remove(fresh / path)
    (fresh / "var/cache/apt/archives/partial").mkdir(parents=True)
    (fresh / "var/lib/apt/lists/partial").mkdir(parents=True)
    os.utime(fresh)
    shutil.rmtree(kept, ignore_errors=True)
    fresh.replace(kept)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _path() -> str:
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
