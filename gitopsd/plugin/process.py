"""Processes that run a module in this Python, wherever that is: an installation, or one program with Python inside."""

from __future__ import annotations

import sys
from typing import Final

# What the frozen program takes as its first argument (packaging/binary/entry.py).
RUN_MODULE: Final = "--run-module"
_START: Final = "import sys; sys.path.append(sys.argv.pop(1)); from {module} import main; main()"


def module_command(module: str, *, only_from: str = "") -> tuple[str, ...]:
    """The argv of a process that runs `main()` of `module` in this Python, untouched by environment and working folder.

    `only_from` is the folder that holds the module's package; with it nothing but that folder and the standard library
    can be imported, and the process starts faster. Everything that is added to the argv is in the process' `sys.argv`.
    """
    if getattr(sys, "frozen", False):
        return sys.executable, RUN_MODULE, module
    if only_from:
        return sys.executable, "-I", "-S", "-B", "-c", _START.format(module=module), only_from
    return sys.executable, "-I", "-c", f"from {module} import main; main()"
