"""docs/cli.md is what the commands say of themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitopsd.cli.reference import reference
from tests.cli.conftest import Cli

DOCUMENT = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_is_up_to_date() -> None:
    written = DOCUMENT.read_text(encoding="utf-8")
    assert written == reference(), "run: python -m gitopsd.cli.reference > docs/cli.md"


@pytest.mark.parametrize(
    "command",
    [
        "run",
        "render",
        "health",
        "version",
        "config check",
        "app list",
        "app refresh",
        "app plan",
        "app sync",
        "app wait",
        "app history",
    ],
)
def test_every_command_explains_itself(cli: Cli, command: str) -> None:
    ran = cli(*command.split(), "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: gitopsd {command}")


def test_every_option_has_a_description() -> None:
    bare = [line for line in reference().splitlines() if line.startswith("  -") and "  " not in line.strip()]
    assert [line for line in bare if len(line) < 30] == []
