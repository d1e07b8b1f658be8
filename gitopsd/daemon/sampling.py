"""Looks at what every thread does, many times a second."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Final

INTERVAL: Final = 0.005
_DEEPEST: Final = 150
_MOST_STACKS: Final = 20_000
_LONGEST_STRETCHES: Final = 5
_LEAST_STRETCH: Final = 0.02

# What the loop waits in is C, called from there.
_LOOPS: Final = frozenset({"asyncio", "anyio"})
_LEAST_CPU: Final = 0.0001

Stack = tuple[str, ...]
"""Frames, outermost first, in pyinstrument's words: function NUL file NUL first line, \\x01l and the line."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which the loop's thread did not wait once, and the frames that it was in all the while."""

    seconds: float
    stack: Stack


@dataclass(slots=True)
class Samples:
    """Seconds by thread and stack, how many looks they come from, and what held the loop up longest."""

    seconds: dict[tuple[str, Stack], float] = field(default_factory=dict)
    idle: float = 0.0
    looks: int = 0
    elapsed: float = 0.0
    cpu: float = 0.0
    left_out: int = 0
    stretches: list[Stretch] = field(default_factory=list)


class Sampler:
    """Samples until `stop`, or for `seconds`. `loop` is the thread of the event loop.

    Of other threads it counts when they have the processor: most of them wait most of the time. It sees code of C that
    holds Python's lock only after it: that time is counted where the code was called from.
    """

    def __init__(self, seconds: float, loop: int) -> None:
        self._seconds = seconds
        self._loop = loop
        self._stop = threading.Event()
        self._names: dict[CodeType, str] = {}
        self._busy = 0.0
        self._common: Stack = ()
        self._cpu: dict[int, float] = {}

    def stop(self) -> None:
        """End before the time."""
        self._stop.set()

    def run(self) -> Samples:
        """Blocks for as long as it samples."""
        found = Samples()
        began = last = time.monotonic()
        cpu = time.process_time()
        while last - began < self._seconds and not self._stop.wait(INTERVAL):
            now = time.monotonic()
            self._look(found, now - last)
            last = now
        self._rested(found)
        found.elapsed = time.monotonic() - began
        found.cpu = time.process_time() - cpu
        return found

    def _look(self, found: Samples, passed: float) -> None:
        found.looks += 1
        threads = {thread.ident: thread.name for thread in threading.enumerate()}
        own = threading.get_ident()
        for ident, frame in sys._current_frames().items():  # documented, its name notwithstanding
            if ident == own:
                continue
            if ident == self._loop:
                self._look_at_loop(found, frame, passed)
            elif self._worked(ident):
                self._add(found, threads.get(ident, "a thread of C"), self._stack(frame), passed)

    def _worked(self, ident: int) -> bool:
        """Whether the thread, which is alive, had the processor since the last look."""
        now = time.clock_gettime(time.pthread_getcpuclockid(ident))
        before, self._cpu[ident] = self._cpu.get(ident, now), now
        return now - before > _LEAST_CPU

    def _look_at_loop(self, found: Samples, frame: FrameType, passed: float) -> None:
        if _is_loop(frame):
            found.idle += passed
            self._rested(found)
            return
        stack = self._stack(frame)
        self._common = _shared(self._common, stack) if self._busy else stack
        self._busy += passed
        self._add(found, "event loop", stack, passed)

    def _rested(self, found: Samples) -> None:
        """The loop's thread waits: that ends a stretch."""
        if self._busy >= _LEAST_STRETCH:
            found.stretches.append(Stretch(self._busy, self._common))
            found.stretches.sort(key=lambda each: -each.seconds)
            del found.stretches[_LONGEST_STRETCHES:]
        self._busy = 0.0

    def _add(self, found: Samples, thread: str, stack: Stack, passed: float) -> None:
        key = (thread, stack)
        if key not in found.seconds and len(found.seconds) >= _MOST_STACKS:
            found.left_out += 1
            return
        found.seconds[key] = found.seconds.get(key, 0.0) + passed

    def _stack(self, frame: FrameType | None) -> Stack:
        frames: list[str] = []
        while frame is not None and len(frames) < _DEEPEST:
            frames.append(f"{self._name(frame.f_code)}\x01l{frame.f_lineno or 0}")
            frame = frame.f_back
        return tuple(reversed(frames))

    def _name(self, code: CodeType) -> str:
        name = self._names.get(code)
        if name is None:
            name = self._names[code] = f"{code.co_qualname}\x00{code.co_filename}\x00{code.co_firstlineno}"
        return name


def by_thread(samples: Samples) -> Mapping[str, float]:
    """Seconds in which each thread was seen at work."""
    found: dict[str, float] = {}
    for (thread, _), seconds in samples.seconds.items():
        found[thread] = found.get(thread, 0.0) + seconds
    return found


def _is_loop(frame: FrameType) -> bool:
    """Whether the loop itself is the last frame: it waits there."""
    *folders, file = frame.f_code.co_filename.split("/")
    if file == "selectors.py":
        return frame.f_code.co_name == "select"
    return frame.f_code.co_name.startswith("run") and not _LOOPS.isdisjoint(folders)


def _shared(one: Stack, other: Stack) -> Stack:
    """The frames that both began with."""
    count = 0
    for first, second in zip(one, other, strict=False):
        if first.partition("\x01")[0] != second.partition("\x01")[0]:
            break
        count += 1
    return other[:count]
