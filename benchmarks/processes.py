"""CPU time and memory of a process and all its children, from /proc."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import anyio
import anyio.to_thread

_LOOK_SECONDS: Final = 0.25
_TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """`pid` and its living descendants."""
    return [pid, *(each for child in _children(pid) for each in family(child))]


def memory_bytes(pid: int, *, alone: bool = False) -> int:
    """Memory of the whole family, pages shared within it counted once (proportional set size); or its share `alone`."""
    return sum(_pss(each) for each in ([pid] if alone else family(pid)))


def cpu_seconds(pid: int) -> float:
    """CPU time that the family has used so far, ended children included."""
    return sum(_cpu(each) for each in family(pid))


def cpu_alone(pid: int) -> float:
    """CPU time that the process has used so far, without its children."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def busy_seconds() -> float:
    """CPU time that the whole machine has used since its start."""
    fields = Path("/proc/stat").read_text().partition("\n")[0].split()[1:]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
    return (user + nice + system + irq + softirq + steal) / _TICKS


class Others:
    """How much of the machine programs used that do not belong to this one, from `begin` to `cores`."""

    def __init__(self) -> None:
        self._busy, self._own, self._began = busy_seconds(), cpu_seconds(os.getpid()), time.monotonic()

    def cores(self) -> float:
        """In cores, on average; near 0 when the machine was ours."""
        busy = busy_seconds() - self._busy - (cpu_seconds(os.getpid()) - self._own)
        return max(0.0, busy / (time.monotonic() - self._began))


class PeakMemory:
    """The most memory (`bytes`) that a family of processes had within `async with`, looked at four times a second."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._tasks = anyio.create_task_group()
        self.bytes = 0

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._look)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._tasks.cancel_scope.cancel()
        return await self._tasks.__aexit__(kind, error, trace)

    async def _look(self) -> None:
        while True:
            self.bytes = max(self.bytes, await anyio.to_thread.run_sync(memory_bytes, self._pid))
            await anyio.sleep(_LOOK_SECONDS)


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
