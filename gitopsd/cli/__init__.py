"""The commands: one module per group; they talk HTTP, except run, config, render and health, which work offline."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command (`arguments` without the program's name; those of the process by default); its exit code.

    Imports make many objects and no garbage: the collector is off until the command's own work begins.
    """
    gc.disable()
    try:
        from gitopsd.cli.guard import guarded

        return guarded(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        return 130
    finally:
        gc.enable()
