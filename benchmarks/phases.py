"""What is being measured, said aloud, and how busy other programs kept the machine meanwhile."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

from benchmarks.processes import Others


@dataclass(frozen=True, slots=True)
class Phase:
    """One part of the run. `others`: how many cores programs that are not ours used meanwhile."""

    name: str
    seconds: float
    others: float


class Phases:
    """Call it with a name when a part of the run begins, and `end` it at the end."""

    def __init__(self) -> None:
        self.done: list[Phase] = []
        self._name = ""
        self._began = time.monotonic()
        self._others = Others()

    def __call__(self, name: str) -> None:
        """`name` begins; what was under way ends."""
        self.end()
        self._name, self._began, self._others = name, time.monotonic(), Others()
        print(f"{name} …", end=" ", file=sys.stderr, flush=True)

    def end(self) -> None:
        """What was under way ends."""
        if self._name:
            phase = Phase(self._name, time.monotonic() - self._began, self._others.cores())
            print(f"{phase.seconds:.0f} s, other programs {phase.others:.1f} cores", file=sys.stderr, flush=True)
            self.done.append(phase)
            self._name = ""

    def others(self) -> float:
        """The cores that other programs used in all parts, on average."""
        seconds = sum(phase.seconds for phase in self.done)
        return sum(phase.others * phase.seconds for phase in self.done) / seconds if seconds else 0.0
