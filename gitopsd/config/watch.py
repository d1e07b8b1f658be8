"""When a file of the configuration changes: written, replaced, added, removed, or swapped by its folder's link."""

from __future__ import annotations

import glob
import itertools
import os
import threading
from collections.abc import AsyncGenerator
from typing import TypeAlias

import anyio
import anyio.to_thread
from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

from gitopsd.config.files import Stamp, stamp
from gitopsd.config.includes import matches
from gitopsd.config.values import Config

QUIET_MILLISECONDS = 200
# An editor that never stops writing delays a reload no longer than this.
LONGEST_MILLISECONDS = 2000
POLL_SECONDS = 1.0
# The kernel is asked again after so many looks: what kept it from watching may have passed.
LOOKS_BEFORE_WATCHING = 60
MAX_FOLDERS = 4096

_State: TypeAlias = "dict[str, Stamp | None]"
# Path and inode: a folder that was removed and made again has the same path, and the kernel watches the old one.
_Folders: TypeAlias = "frozenset[tuple[str, int]]"


async def changes(config: Config, *, poll: bool = False) -> AsyncGenerator[frozenset[str], None]:
    """The paths that differ from what `config` was loaded from, and from then on from what was told last.

    Files named by the configuration, secret files, and new matches of its include patterns count, however they
    change: also when a Kubernetes volume swaps the link behind them. Bursts are told once, after 200 ms of quiet.
    `poll` looks once a second instead of asking the kernel, as happens by itself where the kernel cannot watch. Ends
    only by cancellation.
    """
    limiter = anyio.CapacityLimiter(1)
    told: _State = dict(config.stamps)
    while True:
        # Watch first, look then: what happens between the two is seen by one of them.
        watcher, folders = await anyio.to_thread.run_sync(_watcher, config, poll, limiter=limiter)
        try:
            for looked in itertools.count():
                now, here = await anyio.to_thread.run_sync(_look, config, limiter=limiter)
                if changed := _difference(told, now):
                    told = now
                    yield changed
                if here != folders or (watcher is None and not poll and looked == LOOKS_BEFORE_WATCHING):
                    break
                await _wait(watcher, limiter)
        finally:
            if watcher is not None:
                watcher.close()


async def _wait(watcher: RustNotify | None, limiter: anyio.CapacityLimiter) -> None:
    """Until something happens in a watched folder and then stops; for a second where nobody watches."""
    if watcher is None:
        await anyio.sleep(POLL_SECONDS)
        return
    stop = threading.Event()
    try:
        await anyio.to_thread.run_sync(
            watcher.watch, LONGEST_MILLISECONDS, QUIET_MILLISECONDS, 0, stop, abandon_on_cancel=True, limiter=limiter
        )
    finally:
        stop.set()


def _watcher(config: Config, poll: bool) -> tuple[RustNotify | None, _Folders]:
    """The kernel's watch of the folders, which are named beside it; None where there is only looking."""
    while True:
        folders = _folders(config)
        if poll:
            return None, folders
        try:
            # In order: no debug output, no polling nor its interval, not recursive, no error for forbidden folders.
            return RustNotify(sorted(folder for folder, _ in folders), False, False, 0, False, True), folders
        except FileNotFoundError:
            # A folder went between the listing and the watch: list again.
            continue
        except (OSError, WatchfilesRustInternalError):
            # The kernel's limit of watches, or that of open files, is reached, or this file system has none.
            return None, folders


def watchable(config: Config) -> bool:
    """Whether the kernel can watch the files; where it cannot they are looked at once a second. Blocks."""
    watcher, _ = _watcher(config, poll=False)
    if watcher is not None:
        watcher.close()
    return watcher is not None


def _look(config: Config) -> tuple[_State, _Folders]:
    files = {*config.stamps, *(path for pattern in config.globs for path in matches(pattern))}
    return {path: stamp(path) for path in sorted(files)}, _folders(config)


def _difference(told: _State, now: _State) -> frozenset[str]:
    return frozenset(path for path in {*told, *now} if told.get(path) != now.get(path))


def _folders(config: Config) -> _Folders:
    """The folders whose entries decide what the files are: the files' own, those of links' targets, and the
    patterns'."""
    found: set[str] = set()
    for path in config.stamps:
        found.add(_existing(os.path.dirname(path)))
        found.add(_existing(os.path.dirname(os.path.realpath(path))))
    for pattern in config.globs:
        found.update(_pattern_folders(pattern))
    return frozenset((folder, _inode(folder)) for folder in sorted(found)[:MAX_FOLDERS])


def _inode(folder: str) -> int:
    seen = stamp(folder)
    return seen[1] if seen else 0


def _pattern_folders(pattern: str) -> set[str]:
    """The folders that a pattern's matches can appear in, and those in which such folders can appear."""
    folders = {_existing(_fixed_part(pattern))}
    head = os.path.dirname(pattern)
    while glob.has_magic(head) and len(folders) < MAX_FOLDERS:
        folders.update(path for path in glob.iglob(head, recursive=True) if os.path.isdir(path))
        head = os.path.dirname(head)
    return folders


def _fixed_part(pattern: str) -> str:
    head = os.path.dirname(pattern)
    while glob.has_magic(head):
        head = os.path.dirname(head)
    return head


def _existing(folder: str) -> str:
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return folder
