"""What is built for tests of packages, once, and how programs are run as if nothing were installed."""

from __future__ import annotations

import functools
import subprocess
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
    """The executable of the frozen program's folder."""
    assert gobuild.main(["engine", "sops"]) == 0
    return binary.bundle() / "gitopsd"


@functools.cache
def one_file() -> Path:
    """The frozen program as one file."""
    assert gobuild.main(["engine", "sops", "launcher"]) == 0
    return binary.one_file()


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
