"""The pages of docs/ that are made from the code: `python -m tools.docs` (`make docs`) writes those that are stale."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tools import docs_configuration

ROOT: Final = Path(__file__).resolve().parent.parent


def _printed(module: str) -> Callable[[], str]:
    """What a module prints when it is run."""

    def text() -> str:
        command = [sys.executable, "-m", module]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout

    return text


# In this order: the page of the configuration shows what the models say, which the schema is made of, too.
PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "config/schema.json": _printed("gitopsd.config.schema"),
    "docs/cli.md": _printed("gitopsd.cli.reference"),
    "docs/configuration.md": docs_configuration.page,
    "docs/metrics.md": _printed("gitopsd.metrics.reference"),
}


def write() -> list[str]:
    """Write what is stale; returns its paths below the repository."""
    stale = []
    for name, made in PAGES.items():
        path, text = ROOT / name, made()
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            stale.append(name)
    return stale


if __name__ == "__main__":
    for written in write():
        print(f"docs: {written} is written anew")
