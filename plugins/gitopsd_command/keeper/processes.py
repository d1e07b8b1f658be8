"""Every process that a run started, wherever it forked to, and its end."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import time
from collections.abc import Iterator
from typing import Final

_SET_CHILD_SUBREAPER: Final = 36
_CAPABILITY_VERSION_3: Final = 0x20080522
_SECONDS_TO_END: Final = 10.0
_SECONDS_BETWEEN: Final = 0.01
_MOST_ROUNDS: Final = 50

libc: Final = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """From now on a process whose parent ends becomes this one's child, not that of process 1 (prctl(2))."""
    control(_SET_CHILD_SUBREAPER, 1)


def control(option: int, value: int) -> None:
    """prctl(2). Raises `OSError`."""
    rest = [ctypes.c_ulong(each) for each in (value, 0, 0, 0)]
    if libc.prctl(option, *rest):
        number = ctypes.get_errno()
        raise OSError(number, f"prctl {option}: {os.strerror(number)}")


def give_up_capabilities() -> None:
    """capset(2) with nothing in all three sets. Raises `OSError`."""
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    if libc.capset(header, bytes(24)):
        number = ctypes.get_errno()
        raise OSError(number, f"capset: {os.strerror(number)}")


def end_all() -> bool:
    """End every descendant of this process; whether that worked.

    They are stopped before they are killed, so that none forks meanwhile. There is none left exactly when this process
    has no child any more: whoever loses its parent becomes one.
    """
    if not _has_children():
        return True
    stopped: set[int] = set()
    for _ in range(_MOST_ROUNDS):
        fresh = set(descendants(os.getpid())) - stopped
        if not fresh:
            break
        _signal_all(fresh, signal.SIGSTOP)
        stopped |= fresh
    until = time.monotonic() + _SECONDS_TO_END
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    while time.monotonic() < until:
        _signal_all(set(descendants(os.getpid())), signal.SIGKILL)
        if not _has_children():
            return True
        signal.sigtimedwait([signal.SIGCHLD], _SECONDS_BETWEEN)
    return False


def descendants(ancestor: int) -> Iterator[int]:
    """The process ids of all processes below `ancestor`, as they are now."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    pending = list(children.get(ancestor, ()))
    while pending:
        pid = pending.pop()
        yield pid
        pending.extend(children.get(pid, ()))


def end_marked(folder: str) -> None:
    """End the processes that work in `folder` or were given it as their home: those of a keeper that was killed."""
    mark = b"HOME=" + os.fsencode(folder) + b"/"
    for pid, _ in _parents():
        if pid != os.getpid() and _is_marked(pid, folder, mark):
            _signal_all({pid}, signal.SIGKILL)


def _is_marked(pid: int, folder: str, mark: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            if any(each.startswith(mark) for each in file.read().split(b"\0")):
                return True
        return os.readlink(f"/proc/{pid}/cwd").startswith(f"{folder}/")
    except OSError:
        return False


def _parents() -> Iterator[tuple[int, int]]:
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    # The command's name stands in brackets and may hold brackets and spaces.
                    fields = file.read().rpartition(b")")[2].split()
                yield int(name), int(fields[1])
            except (OSError, IndexError):
                continue


def _has_children() -> bool:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _signal_all(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue
