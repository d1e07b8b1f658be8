"""The Makefile explains itself."""

import re
import subprocess
from pathlib import Path


def test_help_lists_every_target_and_is_the_default(root: Path) -> None:
    targets = set(re.findall(r"^\.PHONY: (\S+)$", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"help", "setup", "demo", "test", "check", "bench"} <= targets
    told = subprocess.run(["make", "-s"], cwd=root, check=True, capture_output=True, text=True)
    listed = re.findall(r"^  make (\S+) +\S", told.stdout, re.MULTILINE)
    assert sorted(listed) == sorted(targets)
