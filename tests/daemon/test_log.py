"""The daemon's log as somebody reads it."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog

from gitopsd.daemon.log import Log
from tests.daemon.logging_world import DEADLINE, parsed

LOG = structlog.get_logger("gitopsd")


class Sheet:
    """A text stream whose lines a test reads back."""

    def __init__(self, *, terminal: bool = False) -> None:
        self.text = ""
        self._terminal = terminal
        self._came = threading.Condition()
        self.before: Callable[[], None] = lambda: None

    def write(self, text: str) -> int:
        self.before()
        with self._came:
            self.text += text
            self._came.notify_all()
        return len(text)

    def wait_for(self, part: str) -> None:
        with self._came:
            assert self._came.wait_for(lambda: part in self.text, DEADLINE), self.text

    def flush(self) -> None:
        """All is there already."""

    def isatty(self) -> bool:
        return self._terminal

    def fileno(self) -> int:
        raise OSError("it is no file")


class Now:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@contextmanager
def logging_to(sheet: Sheet, *, level: str = "info", form: str = "json", now: Now | None = None) -> Iterator[Log]:
    log = Log(level, form, environ={}, repeat_seconds=600.0, stream=sheet, monotonic=now or Now())  # type: ignore[arg-type]  # as much of a stream as is used
    with log.opened():
        yield log


def lines(sheet: Sheet) -> list[dict[str, object]]:
    return [parsed(line) for line in sheet.text.splitlines()]


def test_a_line_has_its_level_its_time_and_its_fields() -> None:
    sheet = Sheet()
    with logging_to(sheet):
        LOG.info("synced", application="shop")
    (line,) = lines(sheet)
    assert line.pop("timestamp")
    assert line == {"event": "synced", "level": "info", "application": "shop"}


def test_the_level_counts_at_once_when_it_is_changed() -> None:
    sheet = Sheet()
    with logging_to(sheet) as log:
        LOG.debug("not seen")
        log.set_level("debug")
        LOG.debug("seen")
        log.set_level("warning")
        LOG.info("not seen either")
    assert [line["event"] for line in lines(sheet)] == ["seen"]


def test_the_same_error_of_an_application_is_told_once_and_then_how_often() -> None:
    sheet, now = Sheet(), Now()
    with logging_to(sheet, now=now):
        for _ in range(5):
            LOG.error("no space left", application="shop")
            LOG.error("no space left", application="web")
        now.seconds = 601.0
        LOG.error("no space left", application="shop")
    told = [(line["application"], line.get("repeated"), line.get("within_seconds")) for line in lines(sheet)]
    assert sorted(told, key=str) == sorted(
        [("shop", None, None), ("web", None, None), ("shop", 4, 601), ("web", 4, 601), ("shop", None, None)], key=str
    )


def test_an_error_with_another_text_is_told_at_once() -> None:
    sheet = Sheet()
    with logging_to(sheet):
        LOG.error("status not saved", error="disk full")
        LOG.error("status not saved", error="disk full")
        LOG.error("status not saved", error="read-only")
    assert [(line["error"], line.get("repeated")) for line in lines(sheet)] == [
        ("disk full", None),
        ("disk full", 1),
        ("read-only", None),
    ]


def test_an_error_after_all_was_well_is_told_even_if_it_is_the_same() -> None:
    sheet = Sheet()
    with logging_to(sheet):
        for _ in range(2):
            LOG.error("sync failed", application="shop", message="forbidden", retries=0)
            LOG.error("sync failed", application="shop", message="forbidden", retries=1)
            LOG.info("synced", application="shop")
    events = [(line["event"], line.get("repeated")) for line in lines(sheet)]
    assert events == [("sync failed", None), ("sync failed", 1), ("synced", None)] * 2


def test_what_was_kept_back_is_told_at_the_end_and_holds_no_traceback() -> None:
    sheet = Sheet()
    with logging_to(sheet):
        for _ in range(3):
            LOG.error("internal error", application="shop", exc_info=RuntimeError("a bug"))
    first, last = lines(sheet)
    assert "a bug" in str(first["exception"])
    assert last["repeated"] == 2
    assert "exception" not in last


def test_what_was_kept_back_is_told_when_its_time_comes_though_nothing_else_is_logged() -> None:
    sheet, now = Sheet(), Now()
    with logging_to(sheet, now=now) as log:
        log.set_repeat(0.05)
        LOG.error("no space left")
        LOG.error("no space left")
        now.seconds = 1.0
        LOG.info("something else")
        sheet.wait_for("repeated")


def test_with_an_interval_of_zero_every_error_is_told() -> None:
    sheet = Sheet()
    with logging_to(sheet) as log:
        log.set_repeat(0.0)
        for _ in range(3):
            LOG.error("no space left")
    assert len(lines(sheet)) == 3


def test_a_line_within_a_trace_names_it() -> None:
    sheet = Sheet()
    with logging_to(sheet) as log:
        log.trace = lambda: "4bf92f3577b34da6a3ce929d0e0e4736"
        LOG.info("synced")
        log.trace = lambda: ""
        LOG.info("synced")
    assert [line.get("trace_id") for line in lines(sheet)] == ["4bf92f3577b34da6a3ce929d0e0e4736", None]


def test_what_a_library_logs_is_among_our_own_lines() -> None:
    sheet = Sheet()
    with logging_to(sheet):
        logging.getLogger("some.library").warning("connection %d broke", 7)
        logging.getLogger("some.library").info("nothing")
    (line,) = lines(sheet)
    assert (line["event"], line["logger"], line["level"]) == ("connection 7 broke", "some.library", "warning")


def test_a_line_of_a_library_has_its_traceback_and_the_trace_that_it_is_part_of() -> None:
    sheet = Sheet()
    with logging_to(sheet) as log:
        log.trace = lambda: "4bf92f3577b34da6a3ce929d0e0e4736"
        logging.getLogger("some.library").error("it broke", exc_info=RuntimeError("a bug"))
        log.trace = lambda: ""
    (line,) = lines(sheet)
    assert (line["level"], line["trace_id"]) == ("error", "4bf92f3577b34da6a3ce929d0e0e4736")
    assert "RuntimeError: a bug" in str(line["exception"])
    assert line["timestamp"]


def test_the_level_counts_for_libraries_too() -> None:
    sheet = Sheet()
    with logging_to(sheet, level="error") as log:
        logging.getLogger("some.library").warning("not seen")
        logging.getLogger("some.library").error("seen")
        log.set_level("debug")
        logging.getLogger("some.library").info("not seen either")
        logging.getLogger("some.library").warning("seen as well")
    assert [line["event"] for line in lines(sheet)] == ["seen", "seen as well"]


def test_lines_of_libraries_that_nobody_reads_are_bounded_and_counted() -> None:
    sheet = Sheet()
    stopped, go_on = threading.Event(), threading.Event()

    def stop() -> None:
        stopped.set()
        assert go_on.wait(DEADLINE)

    sheet.before = stop
    with logging_to(sheet) as log:
        LOG.info("nobody reads it")
        assert stopped.wait(DEADLINE)
        for number in range(3000):
            logging.getLogger("some.library").warning("line %d", number)
        go_on.set()
    told = [line for line in lines(sheet) if "logger" in line]
    assert len(told) == 1024
    assert log.lost == 3000 - 1024


FINALIZERS = """
import gc, io, logging, threading
import structlog
from gitopsd.daemon.log import Log

class Unawaited:
    # As asyncio's tasks and clients' sessions do; the cycle has it found at any moment.
    def __init__(self):
        self.myself = self

    def __del__(self):
        logging.getLogger("asyncio").error("never retrieved: %d", id(self))
        out.error("not closed", number=id(self))

def work(name):
    for number in range(1500):
        Unawaited()
        out.error("no space left", application=name, number=number % 100)

log = Log("info", "json", environ={}, stream=io.StringIO())
out = structlog.get_logger()
gc.set_threshold(20)
with log.opened():
    threads = [threading.Thread(target=work, args=(f"app-{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print("ended")
"""


def test_a_finalizer_that_logs_in_the_middle_of_a_line_holds_nobody_up() -> None:
    done = subprocess.run([sys.executable, "-c", FINALIZERS], capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    assert done.stdout == "ended\n"


@pytest.mark.parametrize("form", ["text", "auto"])
def test_X7_foreign_text_cannot_steer_the_terminal(form: str) -> None:
    sheet = Sheet(terminal=form == "auto")
    with logging_to(sheet, form=form):
        LOG.error("refused", application="shop", error="\x1b[2Jgone\nlevel=info all is well")
    assert "\x1b[2J" not in sheet.text
    assert "\\u001b[2Jgone level=info" in sheet.text


SCRIPT = """
import os, sys
import structlog
from gitopsd.daemon.log import Log

log = Log("info", "json", environ=os.environ)
out = structlog.get_logger()
with log.opened():
    for number in range(int(sys.argv[1])):
        out.info("line", number=number, filler="x" * 200)
        if number == 10 and sys.argv[2:]:
            sys.stdin.readline()
print(log.lost)
"""


def process(count: int, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(count), *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_reader_that_has_gone_ends_nothing() -> None:
    with process(1000, "wait") as running:
        assert running.stderr
        assert running.stdin
        running.stderr.readline()
        running.stderr.close()
        running.stdin.write("\n")
        running.stdin.flush()
        assert running.stdout
        lost = int(running.stdout.readline())
        assert running.wait(DEADLINE) == 0
    assert lost >= 985


def test_a_full_disk_ends_nothing() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, "100"], stdout=subprocess.PIPE, stderr=full, timeout=60, check=False
        )
    assert done.returncode == 0
    assert int(done.stdout) == 100


def test_a_reader_that_stopped_neither_stalls_the_process_nor_its_end() -> None:
    with process(30_000) as running:
        assert running.stdout
        lost = int(running.stdout.readline())
        assert running.wait(DEADLINE) == 0
        assert running.stderr
        read = len(running.stderr.read().splitlines())
    assert lost > 0
    assert read < 30_000 - lost + 2


BUSY = """
import os, sys, time
import structlog
from gitopsd.daemon.log import Log

log = Log("info", "json", environ=os.environ)
out = structlog.get_logger()
with log.opened():
    for number in range(25_000):
        out.info("line", number=number)
        end = time.perf_counter() + 0.00005
        while time.perf_counter() < end:
            pass
print(log.lost)
"""


def test_a_loop_that_never_rests_loses_no_line_that_somebody_reads(tmp_path: Path) -> None:
    file = tmp_path / "log"
    with file.open("wb") as out:
        done = subprocess.run([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, stderr=out, timeout=60, check=True)
    assert int(done.stdout) == 0
    assert len(file.read_text().splitlines()) == 25_000


def test_at_the_end_everything_is_out(tmp_path: Path) -> None:
    file = tmp_path / "log"
    with file.open("wb") as out:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, "5000"],
            stdout=subprocess.PIPE,
            stderr=out,
            timeout=60,
            check=True,
        )
    assert int(done.stdout) == 0
    assert len(file.read_text().splitlines()) == 5000
