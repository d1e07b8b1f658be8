"""A state folder of its own for each test."""

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return where the state will be; nothing is there yet."""
    return tmp_path / "state"
