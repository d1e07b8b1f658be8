"""The log in systemd's journal, by its native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/)."""

from __future__ import annotations

import array
import errno
import fcntl
import os
import re
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Final, Self, TextIO

from gitopsd.daemon.logwriter import Line, Output

SOCKET: Final = "/run/systemd/journal/socket"
IDENTIFIER: Final = "gitopsd"

# Names that others use in the journal in the same sense, or that only we would use; all else gets our prefix, so that
# no field of ours is taken for one that journald, systemd or syslog knows (systemd.journal-fields(7)).
_PLAIN: Final = frozenset({"APPLICATION", "REVISION", "CLUSTER", "TRACE_ID"})
_PREFIX: Final = "GITOPSD_"
_LONGEST_NAME: Final = 64
_SEND_SECONDS: Final = 5.0
_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


def is_journal(environ: Mapping[str, str], stream: TextIO) -> bool:
    """Whether what is written to `stream` goes to the journal: `JOURNAL_STREAM` holds its device and inode."""
    device, colon, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    if not colon:
        return False
    try:
        found = os.fstat(stream.fileno())
    except OSError:
        return False
    return (device, inode) == (str(found.st_dev), str(found.st_ino))


def entry(message: str, priority: int, fields: Mapping[str, str]) -> bytes:
    """An entry of the journal. `fields` are a log line's keys as they are written elsewhere."""
    parts = [_field("MESSAGE", message), _field("PRIORITY", str(priority)), _field("SYSLOG_IDENTIFIER", IDENTIFIER)]
    parts += [_field(name, text) for key, text in fields.items() if (name := field_name(key))]
    return b"".join(parts)


def field_name(key: str) -> str:
    """How the journal names a log line's key; "" if it cannot."""
    name = re.sub(r"[^A-Z0-9_]", "_", key.upper())
    if name not in _PLAIN:
        name = _PREFIX + name
    return name if len(name) <= _LONGEST_NAME else ""


def _field(name: str, text: str) -> bytes:
    """`NAME=text`, or where text has several lines its length before it."""
    data = text.encode(errors="backslashreplace")
    if b"\n" not in data:
        return b"%s=%s\n" % (name.encode(), data)
    return b"%s\n%s%s\n" % (name.encode(), struct.pack("<Q", len(data)), data)


class Journal:
    """Sends lines that have an entry to the journal; the others, and all while it takes none, go to `instead`.

    There each begins with its priority as sd-daemon(3) has it: standard error is a stream of the journal as well.
    """

    def __init__(self, instead: Output, path: str = SOCKET) -> None:
        self._instead = instead
        self._path = path
        self._socket: socket.socket | None = None

    def write(self, lines: Sequence[Line]) -> int:
        """See `logwriter.Output`."""
        return sum(self._out(line) for line in lines)

    def _out(self, line: Line) -> int:
        if line.entry and self._sent(line.entry):
            return 1
        text = line.text.replace("\n", f"\n<{line.priority}>")
        return self._instead.write([Line(f"<{line.priority}>{text}", line.priority)])

    def _sent(self, data: bytes) -> bool:
        try:
            self._send(data)
        except OSError:
            # Journald was restarted, or there is none: the next line tries a socket anew.
            self.close()
            return False
        return True

    def _send(self, data: bytes) -> None:
        out = self._socket or self._connected()
        try:
            out.send(data)
        except OSError as error:
            if error.errno not in (errno.EMSGSIZE, errno.ENOBUFS):
                raise
            with os.fdopen(_sealed(data), "rb") as file:
                out.sendmsg([b""], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file.fileno()]))])

    def _connected(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            made.settimeout(_SEND_SECONDS)
            made.connect(self._path)
        except OSError:
            made.close()
            raise
        self._socket = made
        return made

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _sealed(data: bytes) -> int:
    """A file in memory that holds `data` and nobody can change any more; what is too large for a datagram."""
    file = os.memfd_create("gitopsd-log", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with os.fdopen(os.dup(file), "wb") as out:
            out.write(data)
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
    except OSError:
        os.close(file)
        raise
    return file
