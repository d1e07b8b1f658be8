"""Takes finished traces out of the process: a bounded queue, and a thread that sends what is in it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gitopsd.tracing.values import SpanValue

MOST_WAITING: Final = 2048
AT_ONCE: Final = 512
DELAY: Final = 5.0
END_SECONDS: Final = 2.0

Send = Callable[[Sequence[SpanValue]], str]
"""Sends spans; returns why that failed, "" if it did not. Blocks as long as that takes, which has to have an end."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """How many spans the collector took, and how many it will never get."""

    sent: int
    lost: int


class Delivery:
    """Sends what it is given at most `delay` seconds later, or as soon as there are `at_once` spans, by a thread of its
    own. A trace for which there is no room among `most` waiting spans is lost, and so is what could not be sent; both
    are counted. `on_trouble` hears, in that thread, when sending begins to fail (why) and when it works again ("").

    The thread is not anyio's: the end of the daemon must not wait for a collector that does not answer.
    """

    def __init__(
        self,
        send: Send,
        on_trouble: Callable[[str], None],
        *,
        most: int = MOST_WAITING,
        at_once: int = AT_ONCE,
        delay: float = DELAY,
    ) -> None:
        self._send = send
        self._on_trouble = on_trouble
        self._most = most
        self._at_once = min(at_once, most)
        self._delay = delay
        self._waiting: deque[SpanValue] = deque()
        self._news = threading.Condition(threading.Lock())
        self._ending = False
        self._sent = self._lost = 0
        self._troubled = False
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def put(self, spans: Sequence[SpanValue]) -> None:
        """Send this trace when its turn comes; never waits."""
        with self._news:
            if self._ending or len(self._waiting) + len(spans) > self._most:
                self._lost += len(spans)
                return
            self._waiting.extend(spans)
            # The first wakes the thread, which then waits for others; a full batch ends that.
            if len(self._waiting) == len(spans) or len(self._waiting) >= self._at_once:
                self._news.notify()

    def delivered(self) -> Delivered:
        """What became of the spans so far."""
        with self._news:
            return Delivered(self._sent, self._lost)

    def end(self, timeout: float = END_SECONDS) -> None:
        """Take no more, and send what waits; at most `timeout` seconds long. Blocks."""
        with self._news:
            self._ending = True
            self._news.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while batch := self._next():
            try:
                why = self._send(batch)
            except Exception as error:  # noqa: BLE001  # whatever a library meets there, the next batch gets its turn
                why = f"{type(error).__name__}: {error}"
            with self._news:
                if why:
                    self._lost += len(batch)
                else:
                    self._sent += len(batch)
            if bool(why) is not self._troubled:
                self._troubled = bool(why)
                self._on_trouble(why)

    def _next(self) -> list[SpanValue]:
        """What to send now; nothing at the end."""
        with self._news:
            while not self._waiting and not self._ending:
                self._news.wait()
            due = time.monotonic() + self._delay
            while len(self._waiting) < self._at_once and not self._ending and (left := due - time.monotonic()) > 0:
                self._news.wait(left)
            return [self._waiting.popleft() for _ in range(min(self._at_once, len(self._waiting)))]
