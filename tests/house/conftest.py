"""The repository as the tests of the house see it."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the top folder of the repository."""
    return Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="session")
def texts(root: Path) -> Sequence[tuple[str, str]]:
    """Return (path, text) of each text file that git keeps or would keep."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    found = []
    for name in sorted(filter(None, listed.stdout.split("\0"))):
        path = root / name
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if b"\0" not in content:
                found.append((name, content.decode("utf-8", errors="replace")))
    return found
