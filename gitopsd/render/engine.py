"""Where the render engine's binary is, and which one it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from gitopsd.core.errors import RenderError

NAME = "gitopsd-engine"
VARIABLE = "GITOPSD_ENGINE"


def locate(setting: str, environ: Mapping[str, str]) -> str | None:
    """The engine to run: the one that the setting names, else the environment's, else the one that came with gitopsd.

    None where there is none: the plain renderer still works without. Raises `RenderError` if a named one cannot be run.
    """
    for origin, path in (("render.engine", setting), (VARIABLE, environ.get(VARIABLE, ""))):
        if path:
            if not _runs(path):
                raise RenderError(
                    f"{origin} names {path!r}, which is not a program that can be run",
                    hint="correct the path, or leave it out to use the engine that came with gitopsd",
                )
            return os.path.abspath(path)
    packaged = Path(__file__).resolve().parent.parent / "bin" / NAME
    return str(packaged) if _runs(str(packaged)) else None


def identity(binary: str | None) -> str:
    """A text that changes when the engine does: what another engine rendered is not reused."""
    if binary is None:
        return "none"
    found = os.stat(binary)
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"


def _runs(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)
