"""The import contracts hold, and each of them can break."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """Return a copy of all that import-linter looks at."""
    for folder in ("gitopsd", "plugins", "tools"):
        shutil.copytree(root / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "bin"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("gitopsd/control/probe.py", "import anyio", []),
        ("gitopsd/core/probe.py", "import time", ["core is pure"]),
        ("gitopsd/core/probe.py", "import anyio", ["core is pure"]),
        ("gitopsd/ports/probe.py", "import gitopsd.control", ["Imports point down"]),
        ("gitopsd/kube/probe.py", "import gitopsd.store", ["Imports point down"]),
        ("gitopsd/attic/__init__.py", "", ["Imports point down"]),
        ("gitopsd/web/probe.py", "import pygit2", ["one door per library"]),
        ("gitopsd/kube/probe.py", "import a_library_that_nobody_thought_of", ["one door per library"]),
        (
            "plugins/gitopsd_helm/probe.py",
            "import gitopsd.core",
            ["the official plugins import gitopsd.plugin alone"],
        ),
        (
            "plugins/gitopsd_helm/probe.py",
            "import gitopsd_plain",
            ["the official plugins do not know each other"],
        ),
    ],
)
def test_a_line_in_the_wrong_room_breaks_exactly_its_contract(
    copy: Path, module: str, line: str, broken: Sequence[str]
) -> None:
    probe = copy / module
    probe.parent.mkdir(exist_ok=True)
    probe.write_text(f"{line}\n", encoding="utf-8")
    told = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-logo", "--no-cache"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": f"{copy}{os.pathsep}{copy / 'plugins'}", "COLUMNS": "200", "NO_COLOR": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert re.findall(r"^(.+) BROKEN", told.stdout, re.MULTILINE) == broken, told.stdout + told.stderr
    assert told.returncode == (1 if broken else 0)
