"""What is built for tests of packages, once, and how programs are run as if nothing were installed."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from demo.place import clean_place, make_repository, samples
from demo.programs import cluster, run_once
from demo.view import are_as_expected, rows
from tools import binary, gobuild

# The first build on a machine takes a minute and more.
SECONDS = 600


@functools.cache
def folder() -> Path:
    """The executable of the frozen program's folder, which stays as it is when somebody builds another meanwhile."""
    assert gobuild.main(["engine", "sops"]) == 0
    shutil.copytree(binary.bundle(), _place() / "folder", symlinks=True, copy_function=os.link)
    return _place() / "folder" / "gitopsd"


@functools.cache
def one_file() -> Path:
    """The frozen program as one file, likewise, with its digest beside it."""
    assert gobuild.main(["engine", "sops", "launcher"]) == 0
    made = binary.one_file()
    for path in (made, made.with_name("gitopsd.sha256")):
        (_place() / path.name).hardlink_to(path)
    return _place() / made.name


@functools.cache
def _place() -> Path:
    """On the file system of the builds, for hard links; gone with this process."""
    place = Path(tempfile.mkdtemp(prefix="tests-", dir=binary.FOLDER.parent))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return place


def run(
    command: Sequence[str | Path], home: Path, environ: Mapping[str, str] | None = None, seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run it in an empty environment with `home`, which becomes the working folder too; nothing is checked."""
    home.mkdir(exist_ok=True)
    return subprocess.run(
        command,
        cwd=home,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), **(environ or {})},
        check=False,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=seconds,
    )


async def reconciles_the_samples(program: Path, home: Path) -> None:
    """Fail unless `program` brings the demo's applications to a cluster of their own, as `make demo` does."""
    with clean_place(home) as place:
        make_repository(place)
        async with cluster(place):
            code, answer = await run_once(place, 120, program)
        assert are_as_expected(rows(answer), samples()), (code, answer, place.log("gitopsd").read_text())
