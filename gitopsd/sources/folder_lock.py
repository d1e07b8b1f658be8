"""One daemon per cache folder: what one sweeps up as left behind is what another is just making."""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread

from gitopsd.core.errors import SourceError
from gitopsd.sources.names import safe_join


@asynccontextmanager
async def locked(folder: str) -> AsyncIterator[None]:
    """Hold `folder`, made if it is not there, for this process; `SourceError` while another one does.

    The kernel lets go of the lock when the process dies, however it dies.
    """
    lock = await to_thread.run_sync(_taken, folder)
    try:
        yield
    finally:
        os.close(lock)


def _taken(folder: str) -> int:
    path = safe_join(folder, "lock")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise SourceError(
            "the cache folder cannot be used",
            where=folder,
            why=os.strerror(error.errno or 0),
            hint="give gitopsd the right to write there, or set state.cacheDir",
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError:
        owner = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
        os.close(lock)
        raise SourceError(
            "another gitopsd uses this cache folder",
            where=folder,
            why=f"process {owner} holds it" if owner.isdigit() else "it is locked",
            hint="stop that one, or give this one a state.cacheDir of its own",
        ) from None
    except OSError:
        pass  # a full disk: the lock holds, only nobody can read who has it
    return lock
