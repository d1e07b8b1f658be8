"""Hatch's build hook: a wheel holds the render engine and the SOPS program, so it is for one platform.

They are built by the same code as `make setup` does it, from the Go sources that stand beside; the programs are static,
so that any glibc (and any Python 3 from 3.11 on) will do.
"""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# As Go names a machine → as wheels name it.
_MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
_PROGRAMS = ("engine", "sops")


class GoPrograms(BuildHookInterface[Any]):
    """Builds what is missing and names the platform."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the files are collected; an editable installation has its programs from `make setup`."""
        if version == "editable":
            return
        sys.path.insert(0, str(Path(self.root)))
        from tools import gobuild
        from tools.golang import find_go, program

        if gobuild.main(_PROGRAMS) != 0:
            raise RuntimeError("the Go programs could not be built; see above")
        target = find_go([program(name) for name in _PROGRAMS]).target
        if target not in _MACHINES:
            raise RuntimeError(f"no wheels are made for {target}")
        machine = _MACHINES[target]
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-manylinux_2_17_{machine}.manylinux2014_{machine}"
