"""Folders of hard links: the cheapest copies that every file system has."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from gitopsd.core.jsonvalue import JsonObject, JsonValue, text

FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# The base may be swept away meanwhile, may have too many names already, or lie elsewhere: then the file is written.
LINK_ELSE_WRITE: Final = frozenset({errno.ENOENT, errno.EMLINK, errno.EXDEV, errno.EPERM})


def clone(request: JsonObject) -> Mapping[str, JsonValue]:
    """`base`, `temp`, `final` → `{"linked"}`: a second folder of hard links, to be changed into the next snapshot."""
    # A thread of its own, because a thread cannot take back that it lets all others go first.
    with ThreadPoolExecutor(1, initializer=_step_back) as thread:
        return {
            "linked": thread.submit(
                _cloned, text(request, "base"), text(request, "temp"), text(request, "final")
            ).result()
        }


def _step_back() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def _cloned(base: str, temp: str, final: str) -> int:
    os.makedirs(temp, mode=0o755)
    try:
        with folder(temp) as out, folder(base) as below:
            linked = sum(1 for _ in link_all(out, below))
        os.rename(temp, final)
    except BaseException:
        shutil.rmtree(temp, ignore_errors=True)
        raise
    return linked


def linked(name: bytes | str, out: int, base: int) -> bool:
    """Link one file; False where it has to be written instead."""
    try:
        os.link(name, name, src_dir_fd=base, dst_dir_fd=out, follow_symlinks=False)
    except OSError as error:
        if error.errno in LINK_ELSE_WRITE:
            return False
        raise
    return True


def link_all(out: int, base: int, *, sizes: bool = False) -> Iterator[int]:
    """Link everything below a folder that was checked when it was made; gives each file's size, if asked for."""
    with os.scandir(base) as listing:
        for item in listing:
            if item.is_symlink():
                os.symlink(os.readlink(item.name, dir_fd=base), item.name, dir_fd=out)
                yield 0
            elif item.is_dir(follow_symlinks=False):
                os.mkdir(item.name, 0o755, dir_fd=out)
                with folder(item.name, out) as inner, folder(item.name, base) as inner_base:
                    yield from link_all(inner, inner_base, sizes=sizes)
            else:
                os.link(item.name, item.name, src_dir_fd=base, dst_dir_fd=out, follow_symlinks=False)
                yield item.stat(follow_symlinks=False).st_size if sizes else 0


@contextmanager
def folder(name: bytes | str, inside: int | None = None) -> Iterator[int]:
    """A folder's descriptor; never a link's target."""
    handle = os.open(name, FOLDER, dir_fd=inside)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def base_folder(name: bytes | str, inside: int | None = None) -> Iterator[int | None]:
    """As `folder`; None for an empty name and for one that cannot be opened."""
    if not name:
        yield None
        return
    try:
        handle = os.open(name, FOLDER, dir_fd=inside)
    except OSError:
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)
