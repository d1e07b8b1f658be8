"""Git LFS pointer files: small texts that stand for large ones kept elsewhere.

https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_LONGEST: Final = 1024
_POINTER: Final = re.compile(
    rb"version https://(?:git-lfs\.github\.com/spec|hawser\.github\.com/spec)/v1\n"
    rb"(?:ext-[^\n]*\n)*oid sha256:(?P<oid>[0-9a-f]{64})\nsize (?P<size>[0-9]{1,18})\n"
)


class Pointer(NamedTuple):
    """The object that is meant: the SHA-256 of its content in hex, and its size in bytes."""

    oid: str
    size: int


def parsed(data: bytes) -> Pointer | None:
    """The pointer that a file's content is; None for any other file."""
    found = _POINTER.fullmatch(data) if len(data) <= _LONGEST else None
    return Pointer(found["oid"].decode(), int(found["size"])) if found else None
