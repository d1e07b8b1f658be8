"""Which Go modules a program was linked with, as the program itself says."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.golang import find_go, program


@dataclass(frozen=True, slots=True)
class Module:
    """A module by its path, such as "helm.sh/helm/v4", with version and the hash of go.sum ("" for Go itself)."""

    path: str
    version: str
    sum: str


def modules_of(path: Path) -> Sequence[Module]:
    """The modules of the program at `path`, Go's standard library first. Raises CalledProcessError."""
    go = find_go([program("engine")])
    told = subprocess.run([go.command, "version", "-m", path], check=True, capture_output=True, text=True).stdout
    first, *rest = told.splitlines()
    found = [Module("stdlib", first.rpartition("go")[2], "")]
    for line in rest:
        match line.split("\t")[1:]:
            case ["dep", name, version, *more]:
                found.append(Module(name, version, more[0] if more else ""))
            case ["=>", name, version, *more]:  # what stands in the place of the one before
                found[-1] = Module(name, version, more[0] if more else "")
            case _:
                continue
    return found
