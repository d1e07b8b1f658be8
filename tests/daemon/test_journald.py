"""The log in systemd's journal."""

from __future__ import annotations

import array
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from gitopsd.daemon.journald import Journal, entry, field_name, is_journal
from gitopsd.daemon.log import Log
from gitopsd.daemon.logwriter import Line
from tests.daemon.logging_world import DEADLINE, Reader


class Journald:
    """A socket as journald has it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(DEADLINE)

    def receive(self) -> dict[str, str]:
        """The fields of the next entry; one that was too large for a datagram comes as a file."""
        data, more, _, _ = self._socket.recvmsg(1 << 20, socket.CMSG_LEN(8))
        for _, _, passed in more:
            files = array.array("i", passed[: len(passed) - len(passed) % 4])
            with os.fdopen(files[0], "rb") as file:
                file.seek(0)
                data = file.read()
        return fields(data)

    def close(self) -> None:
        self._socket.close()
        self.path.unlink()


def fields(data: bytes) -> dict[str, str]:
    """As https://systemd.io/JOURNAL_NATIVE_PROTOCOL/ says."""
    found: dict[str, str] = {}
    while data:
        first, _, rest = data.partition(b"\n")
        name, equals, text = first.partition(b"=")
        if equals:
            data = rest
        else:
            (length,) = struct.unpack_from("<Q", rest)
            text, end, data = rest[8 : 8 + length], rest[8 + length : 9 + length], rest[9 + length :]
            assert end == b"\n"
        found[name.decode()] = text.decode()
    return found


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[Journald]:
    made = Journald(tmp_path / "socket")
    yield made
    made.close()


def test_an_entry_has_message_priority_and_fields() -> None:
    found = fields(entry("synced application=shop", 6, {"application": "shop", "revision": "abc", "health": "Healthy"}))
    assert found == {
        "MESSAGE": "synced application=shop",
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "gitopsd",
        "APPLICATION": "shop",
        "REVISION": "abc",
        "GITOPSD_HEALTH": "Healthy",
    }


def test_a_value_with_several_lines_has_its_length_before_it_and_makes_no_field_of_its_own() -> None:
    found = fields(entry("one\nPRIORITY=0\n_UID=0", 3, {"error": "a\nAPPLICATION=other\n"}))
    assert found["MESSAGE"] == "one\nPRIORITY=0\n_UID=0"
    assert found["PRIORITY"] == "3"
    assert found["GITOPSD_ERROR"] == "a\nAPPLICATION=other\n"
    assert set(found) == {"MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "GITOPSD_ERROR"}


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("application", "APPLICATION"),
        ("message", "GITOPSD_MESSAGE"),
        ("_pid", "GITOPSD__PID"),
        ("health message", "GITOPSD_HEALTH_MESSAGE"),
        ("größe", "GITOPSD_GR_SSE"),
        ("x" * 80, ""),
    ],
)
def test_no_key_becomes_a_field_that_others_know(key: str, name: str) -> None:
    assert field_name(key) == name


def test_standard_error_is_the_journal_where_device_and_inode_say_so(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("w") as file:
        found = os.fstat(file.fileno())
        assert is_journal({"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}, file)
        assert not is_journal({"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino + 1}"}, file)
        assert not is_journal({"JOURNAL_STREAM": "nonsense"}, file)
        assert not is_journal({}, file)


def test_an_entry_reaches_the_journal(journald: Journald) -> None:
    instead = Reader()
    with Journal(instead, str(journald.path)) as journal:
        journal.write([Line("synced", 6, entry("synced", 6, {"application": "shop"}))])
    assert journald.receive()["APPLICATION"] == "shop"
    assert instead.lines == []


def test_an_entry_that_is_too_large_for_a_datagram_reaches_it_too(journald: Journald) -> None:
    text = "x" * (8 << 20)
    with Journal(Reader(), str(journald.path)) as journal:
        journal.write([Line("large", 3, entry(text, 3, {}))])
        journal.write([Line("small", 3, entry("small", 3, {}))])
    assert journald.receive()["MESSAGE"] == text
    assert journald.receive()["MESSAGE"] == "small"


def test_without_journald_lines_go_to_standard_error_with_their_priority(tmp_path: Path) -> None:
    instead = Reader()
    with Journal(instead, str(tmp_path / "nobody")) as journal:
        journal.write([Line("broken\nTraceback", 3, entry("broken\nTraceback", 3, {}))])
    assert [line.text for line in instead.lines] == ["<3>broken\n<3>Traceback"]


def test_a_journald_that_was_restarted_gets_lines_again(tmp_path: Path) -> None:
    instead = Reader()
    before = Journald(tmp_path / "socket")
    with Journal(instead, str(tmp_path / "socket")) as journal:
        journal.write([Line("one", 6, entry("one", 6, {}))])
        assert before.receive()["MESSAGE"] == "one"
        before.close()
        journal.write([Line("two", 6, entry("two", 6, {}))])
        after = Journald(tmp_path / "socket")
        journal.write([Line("three", 6, entry("three", 6, {}))])
        assert after.receive()["MESSAGE"] == "three"
        after.close()
    assert [line.text for line in instead.lines] == ["<6>two"]


def test_a_line_of_the_daemon_says_in_its_message_all_that_its_fields_say(journald: Journald, tmp_path: Path) -> None:
    with (tmp_path / "stream").open("w") as stream:
        found = os.fstat(stream.fileno())
        environ = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        log = Log("info", "auto", environ=environ, stream=stream, journal=str(journald.path))
        with log.opened():
            structlog.get_logger().error("sync failed", application="shop", message="it is forbidden", retries=2)
            structlog.get_logger().error("internal error", exc_info=RuntimeError("a bug"))
        first, second = journald.receive(), journald.receive()
    assert first == {
        "MESSAGE": 'sync failed application=shop message="it is forbidden" retries=2',
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "gitopsd",
        "APPLICATION": "shop",
        "GITOPSD_MESSAGE": "it is forbidden",
        "GITOPSD_RETRIES": "2",
    }
    assert second["MESSAGE"].startswith("internal error\n")
    assert second["MESSAGE"].endswith("RuntimeError: a bug")
    assert (tmp_path / "stream").read_text() == ""
