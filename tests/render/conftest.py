"""The engine, real and scripted, and a repository of dictionaries."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gitopsd.render.engine import locate
from tests.render.trees import Trees

SCRIPT = Path(__file__).with_name("scripted_engine.py")


class SteppedClock:
    """A clock that only tests move."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    def jitter(self, seconds: float) -> float:
        return 0.0


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees(tmp_path / "snapshots")


@pytest.fixture(scope="session")
def engine() -> str:
    """The real engine's binary."""
    found = locate("", os.environ)
    if found is None:
        assert not os.environ.get("CI"), "the render engine is missing: run `make setup`"
        pytest.skip("the render engine is not built: run `make setup`")
    return found


@pytest.fixture
def scripted() -> Sequence[str]:
    """The command of the scripted engine."""
    return (sys.executable, "-I", "-S", str(SCRIPT), "1")
