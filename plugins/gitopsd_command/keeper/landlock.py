"""Writing allowed in a few folders only, by the kernel's Landlock; where there is none, nothing is restricted.

A process under Landlock also cannot look into processes outside (their environment, memory, files: ptrace(2)'s access
checks), and since version 6 not signal them. Source: https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Sequence
from typing import Final

from gitopsd_command.keeper.processes import libc

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_ONLY_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_WRITE_FILE: Final = 1 << 1
_REMOVE_AND_MAKE: Final = sum(1 << bit for bit in range(4, 13))
_REFER: Final = 1 << 13
_TRUNCATE: Final = 1 << 14
_SCOPE_SIGNAL: Final = 1 << 1
_REFER_SINCE, _TRUNCATE_SINCE, _NET_SINCE, _SCOPE_SINCE = 2, 3, 4, 6


def version() -> int:
    """Landlock's version in this kernel; 0 where there is none."""
    return max(0, _call(_CREATE, None, 0, _ONLY_VERSION))


def only_write_below(folders: Sequence[str]) -> None:
    """Restrict this process and all that it starts; devices stay writable. Needs no_new_privs."""
    known = version()
    if not known:
        return
    handled = _WRITE_FILE | _REMOVE_AND_MAKE
    handled |= _REFER if known >= _REFER_SINCE else 0
    handled |= _TRUNCATE if known >= _TRUNCATE_SINCE else 0
    fields = [handled]
    fields += [0] if known >= _NET_SINCE else []
    fields += [_SCOPE_SIGNAL] if known >= _SCOPE_SINCE else []
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    rules = _done(_call(_CREATE, attributes, len(attributes), 0))
    try:
        for folder in folders:
            _allow(rules, folder, handled)
        _allow(rules, "/dev", handled & (_WRITE_FILE | _TRUNCATE))
        _done(_call(_RESTRICT, rules, 0))
    finally:
        os.close(rules)


def _allow(rules: int, folder: str, access: int) -> None:
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _done(_call(_ADD, rules, _PATH_BENEATH, struct.pack("=Qi", access, handle), 0))
    finally:
        os.close(handle)


def _call(number: int, *arguments: int | bytes | None) -> int:
    """syscall(2), whose arguments are as wide as a register."""
    wide = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return int(libc.syscall(ctypes.c_long(number), *wide))


def _done(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return answer
