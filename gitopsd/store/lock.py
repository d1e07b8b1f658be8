"""One daemon per state folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import anyio.to_thread
from anyio import AsyncContextManagerMixin

from gitopsd.core.errors import StoreError
from gitopsd.store.folder import private_folder, same_owner
from gitopsd.store.frozen import is_frozen
from gitopsd.store.shortage import hint_for

LOCK_FILE = "lock"


class StateLock(AsyncContextManagerMixin):
    """Holds the state folder for this process; `async with` takes it and gives it back.

    The kernel lets go of the lock when the process dies, however it dies: a lock file that is left behind means
    nothing. It holds the process id and the host of its last owner, for people.
    """

    def __init__(self, folder: Path) -> None:
        self._wanted = folder
        self._held: Path | None = None

    @property
    def folder(self) -> Path:
        """The folder, resolved; RuntimeError while it is not held."""
        if self._held is None:
            raise RuntimeError("the state folder is not locked: enter the StateLock first")
        return self._held

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[StateLock]:
        folder, lock = await anyio.to_thread.run_sync(_take, self._wanted)
        self._held = folder
        try:
            yield self
        finally:
            self._held = None
            os.close(lock)


@contextmanager
def resting(folder: Path) -> Iterator[None]:
    """Hold a state folder that is there, as `held`, to read it only: on a file system that nobody can write to nothing
    is made in it. Blocks. Raises `StoreError`.
    """
    if not folder.is_dir() or not is_frozen(folder):
        with held(folder):
            yield
        return
    refuse_held(folder)
    yield


@contextmanager
def held(folder: Path) -> Iterator[Path]:
    """Hold the state folder where no loop runs, that of another user too if root asks; gives it resolved. Blocks.
    Raises `StoreError`.
    """
    resolved, lock = _take(folder, by_root=True)
    try:
        same_owner(resolved / LOCK_FILE, resolved)
        yield resolved
    finally:
        os.close(lock)


def refuse_held(folder: Path) -> None:
    """Raise the `StoreError` that says who holds the state folder, if anybody does. Blocks; nothing is written."""
    try:
        lock = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _taken(folder, os.read(lock, 256).decode("ascii", errors="replace")) from None
    finally:
        os.close(lock)


def _taken(folder: Path, owner: str) -> StoreError:
    return StoreError(
        "another gitopsd uses this state folder",
        where=str(folder),
        why=_who(owner),
        hint="stop that one, or give this one a state.dir of its own",
    )


def _who(written: str) -> str:
    """What is known of an owner by what it wrote; files of the first version name no host."""
    pid, _, host = written.partition("\n")
    if not pid.isdigit():
        return "it is locked"
    named = f" on {host.strip()}" if host.strip() else ""
    return f"process {pid}{named} holds it"


def _take(wanted: Path, *, by_root: bool = False) -> tuple[Path, int]:
    folder = private_folder(wanted, by_root=by_root)
    path = folder / LOCK_FILE
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StoreError(
            "the state folder cannot be locked",
            where=str(path),
            why=error.strerror or str(error),
            hint=hint_for(error, "have it on a disk that can be written to, with files that are this user's"),
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(lock, 256).decode("ascii", errors="replace")
        os.close(lock)
        raise _taken(folder, owner) from None
    try:
        owner_now = f"{os.getpid()}\n{os.uname().nodename}\n".encode("ascii", "replace")
        os.ftruncate(lock, os.pwrite(lock, owner_now, 0))  # cut afterwards: a full disk gives back no block
    except OSError as error:
        os.close(lock)
        raise StoreError(
            "the state folder cannot be written",
            where=str(path),
            why=error.strerror or str(error),
            hint=hint_for(error, ""),
            retryable=True,
        ) from None
    return folder, lock
