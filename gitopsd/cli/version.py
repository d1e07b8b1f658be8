"""`gitopsd version`."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Annotated

import typer

import gitopsd
from gitopsd.cli.output import data, lines
from gitopsd.cli.params import Output


def version(
    *,
    output: Output = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also the render engine, the libraries, and the daemon that answers here.")
    ] = False,
) -> int:
    """Show which gitopsd this is."""
    found = {"gitopsd": gitopsd.__version__}
    commit = _commit(Path(gitopsd.__file__).parent.parent / ".git")
    if commit:
        found["commit"] = commit
    found["python"] = platform.python_version()
    if everything:
        from gitopsd.cli.parts import parts

        found.update(parts(os.environ))
    if output is not None:
        data(found, output)
    else:
        lines(f"{name} {what}" for name, what in found.items())
    return 0


def _commit(git: Path) -> str:
    """The commit of the work tree that this runs from; "" for an installed package."""
    try:
        head = (git / "HEAD").read_text(encoding="ascii").strip()
        if not head.startswith("ref: "):
            return head
        ref = head.removeprefix("ref: ")
        if (git / ref).is_file():
            return (git / ref).read_text(encoding="ascii").strip()
        packed = (git / "packed-refs").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return ""
    return next((line.split(" ", 1)[0] for line in packed if line.endswith(f" {ref}")), "")
