"""Names that came over the wire, and the only place in this room where one is joined to a path (advisories P8, G7).

Standard library only: the worker process imports it too.
"""

from __future__ import annotations

import re
from typing import Final

# What HFS+ leaves out when it compares names: `.g<U+200C>it` is `.git` to it.
_IGNORED_BY_HFS: Final = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_GIT_FOLDER: Final = re.compile(r"\.git|git~[0-9]+")
_DRIVE: Final = re.compile(r"[A-Za-z]:")


class BadNameError(ValueError):
    """A name that must not become a file's name; its text says why."""


def safe_join(root: str, *names: str) -> str:
    """`root` with one path part for each name; raises `BadNameError` for a name that is not exactly one plain part."""
    for name in names:
        why = _part_problem(name)
        if why:
            raise BadNameError(f"{name!r}: {why}")
    return "/".join((root.rstrip("/"), *names))


def tree_name_problem(name: bytes) -> str:
    """Why an entry of a git tree may not be written under this name; "" if it may (advisory G7)."""
    if name in {b"", b".", b".."}:
        return "is empty or a dot folder"
    if b"/" in name:
        return "holds a slash"
    if any(byte < 0x20 or byte == 0x7F for byte in name):
        return "holds a control character"
    if len(name) > 255:
        return "is longer than 255 bytes"
    if _means_git_folder(name.decode("utf-8", "replace")):
        return "is git's own folder to some file system"
    return ""


def _means_git_folder(name: str) -> bool:
    # NTFS ends a name at `:` (streams) and drops dots and spaces behind it; `git~1` is its short name for `.git`.
    plain = re.split(r"[:\\]", _IGNORED_BY_HFS.sub("", name), maxsplit=1)[0].rstrip(" .").casefold()
    return _GIT_FOLDER.fullmatch(plain) is not None


def _part_problem(name: str) -> str:
    if name in {"", ".", ".."}:
        return "is empty or a dot folder"
    if "/" in name or "\\" in name or _DRIVE.match(name):
        return "is more than one part of a path"
    if any(letter < " " or letter == "\x7f" for letter in name):
        return "holds a control character"
    if len(name.encode("utf-8", "surrogateescape")) > 255:
        return "is longer than 255 bytes"
    return ""
