"""Lines on their way out: never in anybody's way, lost only where nobody can read them, and then counted."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gitopsd.daemon.logoutput import StandardError
from gitopsd.daemon.logwriter import Line, LogWriter
from tests.daemon.logging_world import DEADLINE, Reader


@contextmanager
def writing(reader: Reader, *, most_lines: int = 100, most_bytes: int = 1 << 20) -> Iterator[LogWriter]:
    writer = LogWriter(reader, lambda count: Line(f"{count} lost"), most_lines=most_lines, most_bytes=most_bytes)
    writer.start()
    try:
        yield writer
    finally:
        reader.open.set()
        writer.end(DEADLINE)


def test_lines_come_out_in_their_order() -> None:
    reader = Reader()
    with writing(reader) as writer:
        for number in range(50):
            writer.put(Line(str(number)))
        assert reader.wait_for(50) == [str(number) for number in range(50)]
    assert writer.lost == 0


def test_a_reader_that_stopped_holds_nobody_up() -> None:
    reader = Reader()
    reader.open.clear()
    with writing(reader) as writer:
        slow = 0
        for number in range(5_000):
            began = time.perf_counter()
            writer.put(Line(f"line {number}"))
            slow += time.perf_counter() - began > 0.02
        assert slow < 50  # the machine may be busy with others; a wait would be one each time
        assert writer.lost >= 5_000 - 201


def test_what_does_not_fit_in_is_lost_and_the_place_says_how_much() -> None:
    reader = Reader()
    reader.open.clear()
    with writing(reader, most_lines=4) as writer:
        writer.put(Line("taken"))
        reader.wait_until_it_waits()
        for number in range(20):
            writer.put(Line(str(number)))
        assert writer.lost == 16
        reader.open.set()
        reader.wait_for(6)
        writer.put(Line("after"))
        assert reader.wait_for(7) == ["taken", "0", "1", "2", "3", "16 lost", "after"]


def test_the_buffer_is_bounded_in_bytes() -> None:
    reader = Reader()
    reader.open.clear()
    with writing(reader, most_bytes=1000) as writer:
        for _ in range(100):
            writer.put(Line("x" * 100))
        assert writer.lost >= 89


def test_a_full_disk_loses_lines_and_the_log_goes_on_when_there_is_room() -> None:
    reader = Reader(failing=True)
    with writing(reader) as writer:
        for number in range(3):
            writer.put(Line(f"lost {number}"))
        reader.wait_for_tries(3)
        reader.failing = False
        writer.put(Line("there again"))
        assert reader.wait_for(2) == ["3 lost", "there again"]
        assert writer.lost == 3


def test_the_end_waits_for_lines_that_can_be_written() -> None:
    reader = Reader()
    with writing(reader, most_lines=1000) as writer:
        for number in range(1000):
            writer.put(Line(str(number)))
    assert len(reader.lines) == 1000 - writer.lost
    assert writer.lost == 0
    writer.put(Line("too late"))
    assert writer.lost == 1


def test_the_end_does_not_wait_for_a_reader_that_never_comes() -> None:
    reader = Reader()
    reader.open.clear()
    writer = LogWriter(reader, lambda count: Line(f"{count} lost"))
    writer.start()
    writer.put(Line("nobody reads it"))
    began = time.monotonic()
    writer.end(timeout=0.1)
    assert time.monotonic() - began < DEADLINE / 2
    reader.open.set()


def test_what_is_due_is_told_while_nothing_else_is_logged() -> None:
    reader = Reader()
    waits: list[float | None] = [0.01, None]

    def idle() -> float | None:
        if waits:
            writer.put(Line(f"{len(waits)} left"))
            return waits.pop(0)
        return None

    writer = LogWriter(reader, lambda _: Line(""), idle)
    writer.start()
    assert reader.wait_for(2) == ["2 left", "1 left"]
    writer.end()


def test_a_line_that_broke_off_does_not_swallow_the_next_one(tmp_path: Path) -> None:
    """A file that may not grow beyond its limit takes the beginning of a line, as a full disk does."""
    script = (
        "import resource, signal, sys\n"
        "from gitopsd.daemon.logoutput import StandardError\n"
        "from gitopsd.daemon.logwriter import Line\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "output = StandardError(sys.stderr)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (14, resource.RLIM_INFINITY))\n"
        "assert output.write([Line('out'), Line('0123456789abcdef'), Line('not begun')]) == 1\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "output.write([Line('next')])\n"
        "output.write([Line('and on')])\n"
    )
    file = tmp_path / "log"
    with file.open("wb") as err:
        assert subprocess.run([sys.executable, "-c", script], stderr=err, timeout=60, check=False).returncode == 0
    assert file.read_text() == "out\n0123456789\nnext\nand on\n"


def test_a_pipe_that_somebody_made_non_blocking_is_waited_for() -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    text = "y" * 300_000  # more than a pipe holds
    with os.fdopen(read, "rb", buffering=0) as reader, os.fdopen(write, "w") as stream:
        output = StandardError(stream, own=True)
        thread = threading.Thread(target=output.write, args=[[Line(text)]])
        thread.start()
        data = b""
        while len(data) < len(text) + 1:
            data += reader.read(1 << 16)
        thread.join(DEADLINE)
    assert data.decode() == text + "\n"
