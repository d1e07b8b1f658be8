"""A log whose lines a test can read, and whose reader it can stop."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from gitopsd.daemon.logwriter import Line

DEADLINE = 10.0


@dataclass
class Reader:
    """An `Output` that keeps lines; it waits while it is not `open`, and takes none while it is `failing`."""

    lines: list[Line] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)
    failing: bool = False
    came: threading.Condition = field(default_factory=threading.Condition)
    begun: int = 0
    tried: int = 0

    def __post_init__(self) -> None:
        self.open.set()

    def write(self, lines: Sequence[Line]) -> int:
        with self.came:
            self.begun += 1
            self.came.notify_all()
        assert self.open.wait(DEADLINE)
        with self.came:
            self.tried += len(lines)
            self.came.notify_all()
            if self.failing:
                return 0
            self.lines += lines
        return len(lines)

    def close(self) -> None:
        """Nothing to close."""

    def wait_for(self, count: int) -> list[str]:
        """The texts, as soon as there are so many."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.lines) >= count, DEADLINE), self.lines
            return [line.text for line in self.lines]

    def wait_until_it_waits(self) -> None:
        """Until it has a line that it does not let go."""
        with self.came:
            assert self.came.wait_for(lambda: self.begun > self.tried, DEADLINE)

    def wait_for_tries(self, count: int) -> None:
        with self.came:
            assert self.came.wait_for(lambda: self.tried >= count, DEADLINE)


def parsed(text: str) -> dict[str, object]:
    found = json.loads(text)
    assert isinstance(found, dict)
    return found
