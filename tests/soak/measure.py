"""What a daemon holds on to: files, threads, tasks, memory."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.long.process import Process
from tests.soak.runner import TASKS

_MORE_FILES: Final = 15
_MORE_THREADS: Final = 8
_MORE_TASKS: Final = 30
_MORE_MEGABYTES: Final = 30.0
_MEMORY_RATIO: Final = 1.3
_TELL_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Held:
    """At one moment; `megabytes` is resident memory."""

    files: int
    threads: int
    tasks: int
    megabytes: float

    def __str__(self) -> str:
        return f"{self.files} files, {self.threads} threads, {self.tasks} tasks, {self.megabytes:.0f} MB"


async def held(process: Process) -> Held:
    """What the process holds now. Raises `AssertionError` if it does not answer to the signal."""

    def tells() -> list[int]:
        return [line["count"] for line in process.lines if line.get("event") == TASKS]

    before = len(tells())
    process.signal(signal.SIGUSR1)
    await process.until(lambda _: len(tells()) > before, _TELL_SECONDS)
    return _held(process.process.pid, tells()[-1])


def _held(number: int, tasks: int) -> Held:
    folder = Path(f"/proc/{number}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text(encoding="utf-8").splitlines())
    return Held(
        files=sum(1 for _ in (folder / "fd").iterdir()),
        threads=int(status["Threads"]),
        tasks=tasks,
        megabytes=int(status["VmRSS"].split()[0]) / 1024,
    )


def leaks(before: Held, after: Held) -> Iterator[str]:
    """A sentence for each thing of which there is so much more that it must be a leak."""
    for name, more in (("files", _MORE_FILES), ("threads", _MORE_THREADS), ("tasks", _MORE_TASKS)):
        then, now = getattr(before, name), getattr(after, name)
        if now > then + more:
            yield f"{name}: {then}, and {now} in the end"
    if after.megabytes > before.megabytes * _MEMORY_RATIO + _MORE_MEGABYTES:
        yield f"memory: {before.megabytes:.0f} MB, and {after.megabytes:.0f} MB in the end"
