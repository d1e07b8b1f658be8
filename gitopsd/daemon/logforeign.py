"""What libraries log, until the log's own thread takes it up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Final

_MOST_TEXT: Final = 500
MOST_LINES: Final = 1024

Fields = MutableMapping[str, Any]  # structlog's own type of a line on its way


class Foreign(logging.Handler):
    """Warnings and errors that libraries log by the standard library's means.

    They log in finalizers too, which Python may run in any thread at any moment, also while that thread or another one
    holds a lock of the log. So a line is only laid down here, which waits for no such lock, and neither may `wake`,
    which is called then. `finish` adds to a line what only the thread that it comes from knows.
    """

    def __init__(self, finish: Callable[[Fields], Fields], wake: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._finish = finish
        self._wake = wake
        self._laid_down: SimpleQueue[Fields] = SimpleQueue()  # its `put` may come in the middle of its own `get`
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        if self._laid_down.qsize() >= MOST_LINES:
            self._lost += 1
            return
        try:
            level = "error" if record.levelno >= logging.ERROR else "warning"
            text = record.getMessage()[:_MOST_TEXT]
            fields = {"event": text, "level": level, "logger": record.name, "exc_info": record.exc_info}
            self._laid_down.put(self._finish(fields))
        except Exception:  # noqa: BLE001  # a library's broken log call is not worth more than logging makes of it
            self.handleError(record)
        self._wake()

    def taken(self) -> Iterator[Fields]:
        """The lines that are laid down now, each given once; those that come meanwhile are for the next time."""
        with suppress(Empty):
            for _ in range(self._laid_down.qsize()):
                yield self._laid_down.get_nowait()

    def lost(self) -> int:
        """How many lines found no room since this was asked last."""
        count, self._lost = self._lost, 0
        return count
