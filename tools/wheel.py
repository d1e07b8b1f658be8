"""`make wheel`: a wheel for this platform and a source distribution, in dist/."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tools.epoch import epoch
from tools.golang import ROOT

DIST: Final = ROOT / "dist"


def main() -> int:
    """Returns the exit code."""
    for built in build(ROOT, DIST):
        print(f"{built.relative_to(ROOT)}: {built.stat().st_size / 1e6:.1f} MB")
    return 0


def build(source: Path, dist: Path, targets: Sequence[str] = ("sdist", "wheel")) -> Sequence[Path]:
    """Build the targets from the folder `source`, in place of those that `dist` holds; returns them.

    Hatchling is that of this environment: the lock pins it. Raises CalledProcessError; hatchling said why.
    """
    for old in (*dist.glob("gitopsd-*.whl"), *dist.glob("gitopsd-*.tar.gz")):
        old.unlink()
    wanted = [word for target in targets for word in ("--target", target)]
    command = [sys.executable, "-m", "hatchling", "build", *wanted, "--directory", str(dist)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch()), "PYTHONHASHSEED": "0"}
    subprocess.run(command, cwd=source, env=environment, check=True, stdout=sys.stderr)
    return sorted((*dist.glob("gitopsd-*.whl"), *dist.glob("gitopsd-*.tar.gz")))


if __name__ == "__main__":
    sys.exit(main())
