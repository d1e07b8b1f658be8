"""Who else may read or change a file that holds a secret."""

from __future__ import annotations

from typing import NamedTuple

_OTHERS_WRITE, _OTHERS_READ = 0o002, 0o004
_GROUP_WRITE, _GROUP_READ = 0o020, 0o040


class FileOwner(NamedTuple):
    """Permission bits of a file, and the numbers of its owner and group."""

    mode: int
    uid: int
    gid: int


def exposure(file: FileOwner, *, uid: int) -> str:
    """What others may do with the file, as words after its name; "" where nobody else may. `uid`: who asks.

    A file that its owner gave to a group on purpose is no exposure: one of somebody else's that is ours by its group
    (how root hands a secret to a service), and one of root's whose group is not root's.
    """
    may = file.mode & 0o777
    if may & _OTHERS_WRITE:
        return "everybody may change it"
    if may & _OTHERS_READ:
        return "everybody may read it"
    if may & _GROUP_WRITE:
        return "its group may change it"
    given = file.uid != uid or (file.uid == 0 and file.gid != 0)
    return "its group may read it" if may & _GROUP_READ and not given else ""
