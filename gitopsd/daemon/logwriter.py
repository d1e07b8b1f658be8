"""The way of log lines out of the process: a bounded buffer, and a thread that waits for whoever reads them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final, Protocol

MOST_BYTES: Final = 8 << 20
MOST_LINES: Final = 16_384
_END_SECONDS: Final = 2.0
# Each write gives Python's lock away, and a busy loop gives it back only after some milliseconds.
_LINES_AT_ONCE: Final = 1000
_BYTES_AT_ONCE: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `text` as standard error shows it, without its end; `entry` as the journal takes it (b"": not for it).

    `priority` is syslog's: 7 debug, 6 info, 4 warning, 3 error.
    """

    text: str
    priority: int = 6
    entry: bytes = b""

    @property
    def size(self) -> int:
        """About the memory that it takes, in bytes."""
        return len(self.text) + len(self.entry)


class Output(Protocol):
    """Where lines end. Called by one thread."""

    def write(self, lines: Sequence[Line]) -> int:
        """How many of the lines are out; the others are lost. May take as long as the reader does."""
        ...

    def close(self) -> None:
        """No line comes any more."""
        ...


@dataclass(slots=True)
class _Gap:
    """Lines that are missing here."""

    lines: int = 0


class LogWriter:
    """Takes lines from any thread at once, never waiting, and gives them to `output` from a thread of its own.

    What does not fit in is lost and counted, and so is what `output` cannot take: where lines are missing, `notice`
    says how many, as soon as it can be said. `on_idle` is called by the thread when there is nothing to write; it
    returns after how many seconds it wants to be called again, or None for never. `wake` has it called now.

    The thread is not anyio's: lines come before the loop begins, after it has ended, and while it is held up.

    Python may run a finalizer at any moment, and one that writes a line may come in the middle of another line: `lock`
    lets its own thread in again. `wake` waits for no lock at all.
    """

    def __init__(
        self,
        output: Output,
        notice: Callable[[int], Line],
        on_idle: Callable[[], float | None] = lambda: None,
        *,
        most_bytes: int = MOST_BYTES,
        most_lines: int = MOST_LINES,
    ) -> None:
        self._output = output
        self._notice = notice
        self._on_idle = on_idle
        self._most_bytes = most_bytes
        self._most_lines = most_lines
        self._waiting: deque[Line | _Gap] = deque()
        self._bytes = 0
        self._lost = 0
        self.lock: Final = threading.RLock()
        self._bell: SimpleQueue[None] = SimpleQueue()  # unlike a condition's, its `put` may come in its own `get`
        self._ending = False
        self._missing = 0  # lines that the output did not take, of which nothing was said yet; the thread's alone
        # A thread that waits for a reader who never comes must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    @property
    def lost(self) -> int:
        """How many lines nobody will read."""
        return self._lost

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, line: Line) -> None:
        """Write the line when its turn comes."""
        size = line.size
        with self.lock:
            if self._ending or self._bytes + size > self._most_bytes or len(self._waiting) >= self._most_lines:
                self.lose(1)
                return
            self._waiting.append(line)
            self._bytes += size
        self.wake()

    def lose(self, count: int) -> None:
        """So many lines that would come next are lost."""
        if not count:
            return
        with self.lock:
            self._lost += count
            if not self._waiting or not isinstance(gap := self._waiting[-1], _Gap):
                self._waiting.append(gap := _Gap())
            gap.lines += count

    def wake(self) -> None:
        """Have `on_idle` called soon. A finalizer may call it."""
        if self._bell.empty():
            self._bell.put(None)

    def end(self, timeout: float = _END_SECONDS) -> None:
        """Take no more lines, and write those that wait; at most `timeout` seconds long."""
        with self.lock:
            self._ending = True
        self.wake()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            again = self._on_idle()
            if not self._waiting and not self._ending:
                with suppress(Empty):
                    self._bell.get(timeout=again)
            if self._ending and not self._waiting:
                self._output.close()
                return
            self._write_waiting()

    def _write_waiting(self) -> None:
        while True:
            gap, lines = self._taken()
            if not gap and not lines:
                return
            self._missing += gap
            told = [self._notice(self._missing)] if self._missing else []
            out = self._output.write([*told, *lines])
            if told and out:
                self._missing = 0
                out -= 1
            lost = len(lines) - out
            self._missing += lost
            with self.lock:
                self._lost += lost

    def _taken(self) -> tuple[int, list[Line]]:
        """What is to be written next: how many lines are missing before, and lines with none missing among them."""
        gap, lines, size = 0, list[Line](), 0
        with self.lock:
            while self._waiting and len(lines) < _LINES_AT_ONCE and size < _BYTES_AT_ONCE:
                if lines and isinstance(self._waiting[0], _Gap):
                    break
                item = self._waiting.popleft()  # nobody adds to a gap any more that is not among them
                if isinstance(item, _Gap):
                    gap += item.lines
                else:
                    lines.append(item)
                    size += item.size
            self._bytes -= size
        return gap, lines
