"""The folder of the daemon's own files: private, so that nobody else can put something in its place."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gitopsd.core.errors import StoreError
from gitopsd.store.shortage import hint_for

_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def private_folder(folder: Path, *, by_root: bool = False) -> Path:
    """Make `folder` (mode 0700) if it is missing and return it resolved. Blocks. `by_root`: root may look after the
    folder of another user, whose it stays.

    Raises `StoreError` where it cannot be made, is no folder, belongs to someone else, or others may write to it:
    whoever can replace files in it decides what the daemon believes.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError as error:
        raise StoreError(
            "the state folder cannot be made",
            where=str(folder),
            why=error.strerror or str(error),
            hint=hint_for(error, "set state.dir to a folder that gitopsd may write to"),
        ) from None
    if found.st_uid != os.geteuid() and not (by_root and os.geteuid() == 0):
        raise StoreError(
            "the state folder belongs to another user",
            where=str(folder),
            hint=f"chown it to user {os.geteuid()}, or set state.dir to a folder of your own",
        )
    if found.st_mode & _OTHERS_MAY_WRITE:
        raise StoreError("others may write to the state folder", where=str(folder), hint=f"chmod 700 {folder}")
    return folder.resolve()


def same_owner(path: Path, folder: Path) -> None:
    """Give what root made in the folder of another user to that user, and all that is in it. Blocks; raises OSError."""
    owner = folder.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        for each in (path, *path.rglob("*")):
            os.chown(each, owner.st_uid, owner.st_gid, follow_symlinks=False)
