"""The files of secrets, and the folders that the daemon writes to."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import anyio.to_thread

from gitopsd.config import exposed
from gitopsd.core.doctor import Finding, Severity, space
from gitopsd.core.errors import StoreError
from gitopsd.daemon.doctor.checks import Check, Findings, problem
from gitopsd.daemon.doctor.patient import Patient
from gitopsd.store.file import STATE_FILE
from gitopsd.store.opening import UNFINISHED, revision_in
from gitopsd.store.restore import READY
from gitopsd.store.revisions import HEAD
from gitopsd.store.shortage import hint_for

CREDENTIALS: Final = "credentials"
FOLDERS: Final = "folders"


def file_checks(patient: Patient) -> Sequence[Check]:
    """Who may read the secrets; whether there is room to work."""
    config = patient.config

    in_thread = partial(anyio.to_thread.run_sync, abandon_on_cancel=True)

    async def modes() -> Findings:
        return await in_thread(lambda: list(_modes(config.secret_files)))

    async def state() -> Findings:
        return await in_thread(lambda: list(_folder(config.state_dir, "state.dir", held=patient.holder)))

    async def cache() -> Findings:
        return await in_thread(lambda: list(_folder(config.cache_dir, "state.cacheDir", links=True)))

    return (
        Check(CREDENTIALS, "files", modes),
        Check(FOLDERS, config.state_dir, state),
        Check(FOLDERS, config.cache_dir, cache),
    )


def state_file(folder: Path) -> Sequence[Finding]:
    """Which layout the state file has, and what the next start does about it. Blocks."""
    file = folder / STATE_FILE
    cut_off = _cut_off_restore(folder)
    try:
        revision = revision_in(file)
    except StoreError as error:
        return [problem(FOLDERS, str(file), error)]
    except OSError as error:
        hint = "make it readable for the daemon's user"
        return [Finding(FOLDERS, str(file), Severity.PROBLEM, f"it cannot be read: {error.strerror}", hint)]
    left = [] if cut_off is None else [cut_off]
    if not revision:
        return left
    later = "" if revision == HEAD else f"; the next start brings it to {HEAD}, and keeps a copy of it as it is"
    return [*left, Finding(FOLDERS, str(file), Severity.OK, f"revision {revision}{later}")]


def _cut_off_restore(folder: Path) -> Finding | None:
    """What a restore that was ended before it touched the state left behind; the daemon does not look at it. One that
    was ended later keeps the daemon from starting, and `revision_in` from reading.
    """
    left = folder / READY
    if not left.is_dir() or (folder / UNFINISHED).exists():
        return None
    said = "a restore that did not come to its end left it; the state is as it was before"
    return Finding(FOLDERS, str(left), Severity.WARNING, said, f"restore again, or remove it: rm -r {left}")


def _modes(paths: Sequence[str]) -> Iterator[Finding]:
    open_to_others = 0
    for path in paths:
        if said := exposed(path):
            open_to_others += 1
            said, _, hint = said.partition(". Try: ")
            yield Finding(CREDENTIALS, path, Severity.WARNING, said, hint)
    if not open_to_others:
        said = f"{len(paths)} with secrets in them, closed to others" if paths else "none has a secret in it"
        yield Finding(CREDENTIALS, "files", Severity.OK, said)


def _folder(path: str, setting: str, *, links: bool = False, held: int | None = None) -> Iterator[Finding]:
    """Whether it is there or could be made, belongs to whoever asks, can be written to, and has room."""
    there = Path(path)
    while not there.exists() and there != there.parent:
        there = there.parent
    owner = there.stat().st_uid
    if there == Path(path) and owner != os.geteuid():
        yield Finding(
            FOLDERS,
            path,
            Severity.WARNING,
            f"it belongs to user {owner}, and this is user {os.geteuid()}: what is said here may differ for the daemon",
            f"run this as the daemon's user, or, if you are that: chown -R {os.geteuid()} {path}",
        )
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=there) as scratch:
            first = Path(scratch) / "first"
            first.write_bytes(b"x" * 4096)
            if links:
                yield from _links(path, first)
    except OSError as error:
        what = "it cannot be written to" if there == Path(path) else f"it cannot be made in {there}"
        hint = hint_for(error, f"make it writable for the daemon's user, or set {setting} to another folder")
        yield Finding(FOLDERS, path, Severity.PROBLEM, f"{what}: {error.strerror or error}", hint)
        return
    severity, said = space(shutil.disk_usage(there).free)
    made = "" if there == Path(path) else "not there yet, can be made; "
    hint = "" if severity is Severity.OK else f"make room, or set {setting} to a folder on another disk"
    whose = "" if held is None else f"; process {held} has it" if held else "; a process has it"
    yield Finding(FOLDERS, path, severity, f"{made}writable, {said}{whose}", hint)


def _links(path: str, first: Path) -> Iterator[Finding]:
    try:
        os.link(first, first.with_name("second"))
    except OSError as error:
        said = f"hard links do not work there: {error.strerror}: every snapshot is a whole copy"
        yield Finding(
            FOLDERS, path, Severity.WARNING, said, "set state.cacheDir to a folder of a local file system (ext4, xfs …)"
        )
