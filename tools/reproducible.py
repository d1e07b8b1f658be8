"""`make reproducible`: build everything in two folders and compare it byte for byte.

Both builds are of copies of the work tree. The first may take what the build cache has; the second starts with an empty
one, in a folder with another name, with another umask, time zone, home and hash seed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tools.epoch import epoch
from tools.golang import ROOT, cache_folder

_MADE: Final = ("dist", ".build/binary/gitopsd")


def main(arguments: Sequence[str]) -> int:
    """Build and compare; `--cold` shares not even Go's own cache. Returns 1 if anything differs."""
    with tempfile.TemporaryDirectory(prefix="gitopsd-reproducible-") as folder:
        here, there = Path(folder, "here"), Path(folder, "somewhere", "with-a-longer-name")
        for tree in (here, there):
            _copy_tree(tree)
        started = time.monotonic()
        shared = {"SOURCE_DATE_EPOCH": str(epoch())}
        _build(here, {**shared, "GITOPSD_BUILD_CACHE": str(cache_folder())}, umask=0o022)
        apart = {"GITOPSD_BUILD_CACHE": f"{folder}/cache", "TZ": "Pacific/Auckland", "PYTHONHASHSEED": "7"}
        if "--cold" in arguments:
            apart["GOCACHE"] = f"{folder}/go"
        _build(there, {**shared, **apart}, umask=0o077)
        different = differences(here, there)
    for line in different:
        print(f"different: {line}", file=sys.stderr)
    if not different:
        print(f"both builds are the same byte for byte ({time.monotonic() - started:.0f} s)")
    return 1 if different else 0


def differences(one: Path, other: Path) -> Sequence[str]:
    """What was made in the two trees and is not the same: content, mode, link or being there, by name."""
    first, second = _made(one), _made(other)
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


def _made(tree: Path) -> Mapping[str, str]:
    return {
        path.relative_to(tree).as_posix(): _described(path)
        for made in _MADE
        for path in (tree / made).rglob("*")
        if not path.is_dir() or path.is_symlink()
    }


def _described(path: Path) -> str:
    if path.is_symlink():
        return f"link to {os.readlink(path)}"
    return f"{stat.S_IMODE(path.stat().st_mode):o} {hashlib.sha256(path.read_bytes()).hexdigest()}"


def _copy_tree(tree: Path) -> None:
    """Every file that git knows or would take in, as it stands in the work tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        source = ROOT / name
        if source.is_file():
            target = tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)


def _build(tree: Path, environ: Mapping[str, str], *, umask: int) -> None:
    print(f"reproducible: building in {tree}", flush=True)
    for module in ("tools.sbom", "tools.wheel"):
        command = [sys.executable, "-m", module]
        subprocess.run(command, cwd=tree, env={**os.environ, **environ}, umask=umask, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
