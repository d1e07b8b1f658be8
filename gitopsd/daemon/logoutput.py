"""Standard error as the log's end."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Sequence
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

    def write(self, lines: Sequence[Line]) -> int:
        """See `logwriter.Output`."""
        if not self._own:
            return self._shown(lines)
        # What broke off in the middle of a line before must not swallow the beginning of the next one.
        start = b"\n" if self._torn else b""
        parts = [line.text.encode(errors="backslashreplace") + b"\n" for line in lines]
        data = start + b"".join(parts)
        written = 0
        try:
            while written < len(data):
                written += self._some(data[written : written + _MOST_AT_ONCE])
        except OSError:
            return self._out(written - len(start), parts)
        self._torn = False
        return len(lines)

    def _shown(self, lines: Sequence[Line]) -> int:
        try:
            self._stream.write("".join(f"{line.text}\n" for line in lines))
            self._stream.flush()
        except (OSError, ValueError):  # the latter for a stream that was closed
            return 0
        return len(lines)

    def _out(self, written: int, parts: Sequence[bytes]) -> int:
        """How many parts are out whole, if that many bytes are."""
        if written < 0:
            return 0
        for count, part in enumerate(parts):
            if written < len(part):
                self._torn = written > 0
                return count
            written -= len(part)
        return len(parts)

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
