"""A daemon that kills itself: `python -m tests.crash.runner --kill-file FILE --config FILE`.

FILE says when, in two words, as soon as it exists: `before 3` is the moment before the third transaction of the journal
is committed, `after 3` the one when it just was. Transactions are counted from when the file is there; how many they
were so far is in FILE.count, what that transaction wrote in FILE.at.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy import event
from sqlalchemy.pool import Pool

from gitopsd.daemon.run import run_daemon

_STATUSES: Final = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+applications\b", re.IGNORECASE)
_WRITES: Final = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE)\b(?: OR \w+)?(?: INTO| FROM)?\s+(\w+)", re.IGNORECASE)


class Killer:
    """Listens to what the store commits. Counted are transactions that write anything but statuses."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._writes: list[str] = []
        self._number = 0
        self._is_due = False

    def listen(self) -> None:
        """Hear of every statement of every database of this process, whoever sends it."""
        event.listen(Pool, "connect", self._on_connect)
        event.listen(Pool, "checkin", self._on_end)

    def _on_connect(self, connection: sqlite3.Connection, _record: object) -> None:
        connection.set_trace_callback(self._on_statement)

    def _on_statement(self, statement: str) -> None:
        if statement == "COMMIT":
            self._on_commit()
        elif (found := _WRITES.match(statement)) and not _STATUSES.match(statement):
            self._writes.append(f"{found[1]} {found[2]}")

    def _on_commit(self) -> None:
        if not self._writes or not self._file.exists():
            return
        self._number += 1
        self._file.with_suffix(".count").write_text(str(self._number), encoding="utf-8")
        moment, number = self._file.read_text(encoding="utf-8").split()
        if self._number == int(number):
            self._file.with_suffix(".at").write_text(", ".join(self._writes), encoding="utf-8")
            if moment == "before":
                _die()
            self._is_due = True

    def _on_end(self, _connection: object, _record: object) -> None:
        self._writes.clear()
        if self._is_due:
            _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Run a daemon until it kills itself, or is told to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kill-file", type=Path, required=True)
    parser.add_argument("--config", required=True)
    arguments = parser.parse_args()
    Killer(arguments.kill_file).listen()
    run_daemon(arguments.config, os.environ)


if __name__ == "__main__":
    main()
