"""CPU time and memory of a process and all its children, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """`pid` and its living descendants."""
    return [pid, *(each for child in _children(pid) for each in family(child))]


def memory_bytes(pid: int) -> int:
    """Memory of the whole family, pages shared within it counted once (proportional set size)."""
    return sum(_pss(each) for each in family(pid))


def cpu_seconds(pid: int) -> float:
    """CPU time that the family has used so far, ended children included."""
    return sum(_cpu(each) for each in family(pid))


def _children(pid: int) -> Iterator[int]:
    for task in _listing(Path(f"/proc/{pid}/task")):
        try:
            yield from map(int, (task / "children").read_text().split())
        except OSError:
            continue


def _listing(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    user, system, children_user, children_system = map(int, fields[11:15])
    return (user + system + children_user + children_system) / _TICKS
