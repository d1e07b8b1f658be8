"""The time that counts as that of a build: two builds of one commit have the same."""

from __future__ import annotations

import os
import subprocess

from tools.golang import ROOT

# Where there is no commit to ask, as in a source distribution: the first time that a zip file can hold.
_WITHOUT_GIT = 315_532_800


def epoch() -> int:
    """Seconds since 1970: $SOURCE_DATE_EPOCH, else the commit's."""
    if asked := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(asked)
    asked_git = ["git", "log", "-1", "--format=%ct"]
    told = subprocess.run(asked_git, cwd=ROOT, check=False, capture_output=True, text=True)
    return int(told.stdout) if told.returncode == 0 and told.stdout.strip() else _WITHOUT_GIT
