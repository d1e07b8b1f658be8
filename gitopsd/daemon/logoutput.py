"""Standard error as the log's end."""

from __future__ import annotations

import os
import select
import sys
from typing import Final, TextIO

from gitopsd.daemon.logwriter import Line

_MOST_AT_ONCE: Final = 1 << 16


class StandardError:
    """Writes lines to `stream`, past its buffer where it is the process's `own` standard error.

    Something else in its place (a terminal's progress bar, which shows lines above itself) gets them as text.
    """

    def __init__(self, stream: TextIO, *, own: bool | None = None) -> None:
        self._stream = stream
        self._own = stream is sys.__stderr__ if own is None else own
        self._torn = False

    def write(self, line: Line) -> None:
        """See `logwriter.Output`."""
        if not self._own:
            self._stream.write(line.text + "\n")
            self._stream.flush()
            return
        # What broke off in the middle of a line before must not swallow the beginning of this one.
        start = b"\n" if self._torn else b""
        data = start + line.text.encode(errors="backslashreplace") + b"\n"
        written = 0
        try:
            while written < len(data):
                written += self._some(data[written : written + _MOST_AT_ONCE])
        finally:
            if written == len(data):
                self._torn = False
            elif written > len(start):
                self._torn = True

    def close(self) -> None:
        """Standard error is not ours to close."""

    def _some(self, data: bytes) -> int:
        try:
            return os.write(self._stream.fileno(), data)
        except BlockingIOError:
            # Whoever shares the pipe with us made it non-blocking (O_NONBLOCK belongs to the open file, open(2)).
            watch = select.poll()
            watch.register(self._stream.fileno(), select.POLLOUT)
            watch.poll()
            return 0
