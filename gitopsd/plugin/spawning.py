"""Starting processes where files may be running out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO, Final

import anyio
from anyio.abc import Process

NEEDED_FILES: Final = 16
"""More than the pipes of a start take at most, whichever loop runs."""


async def open_process(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str | None = None,
    stdin: int = subprocess.PIPE,
    stdout: int = subprocess.PIPE,
    stderr: int | IO[bytes] = subprocess.PIPE,
) -> Process:
    """Start a program in a session of its own, as `anyio.open_process` does. Raises `OSError`.

    Where fewer than sixteen more files can be opened nothing is begun: a start that fails half-way for want of them
    keeps some open for ever on uvloop, so that trying again and again would take the last ones, and names no cause.
    """
    _require_files()
    return await anyio.open_process(
        command, stdin=stdin, stdout=stdout, stderr=stderr, env=env, cwd=cwd, start_new_session=True
    )


def _require_files() -> None:
    """Raise what the kernel says if there is no room for a start."""
    opened: list[int] = []
    try:
        for _ in range(NEEDED_FILES):
            opened.append(os.eventfd(0))  # noqa: PERF401  # what was opened before one fails has to be closed
    finally:
        for descriptor in opened:
            os.close(descriptor)
