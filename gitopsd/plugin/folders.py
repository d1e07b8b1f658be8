"""Folders with plugins that are not installed: what is in them, and whether it may be trusted."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from typing import Final

from gitopsd.core.errors import PluginError

# A module with such a name is a plugin by itself: no entry point is needed.
PREFIX: Final = "gitopsd_"
_WRITABLE_BY_OTHERS: Final = stat.S_IWOTH
_WRITABLE_BY_GROUP: Final = stat.S_IWGRP


@dataclass(frozen=True, slots=True)
class FolderPlugin:
    """A plugin in a folder: what it is called, what to load, and its version."""

    name: str
    entry_point: EntryPoint
    version: str


def plugins_in(folder: str, group: str) -> tuple[FolderPlugin, ...]:
    """What the folder brings, by name: the entry points in `group` of its `*.dist-info`, and its modules `gitopsd_*`.

    A module that an entry point names is not listed again. Its version is told by its content.
    """
    declared = [
        FolderPlugin(point.name, point, found.version)
        for found in distributions(path=[folder])
        for point in found.entry_points
        if point.group == group
    ]
    taken = {each.entry_point.module.partition(".")[0] for each in declared}
    plain = [
        FolderPlugin(short := name.removeprefix(PREFIX), EntryPoint(short, name, group), _content(path))
        for name, path in _modules(Path(folder))
        if name not in taken
    ]
    return tuple(sorted((*declared, *plain), key=lambda each: each.name))


def refuse_if_open(folder: str, *, owners: bool = True) -> tuple[PluginError, ...]:
    """Raise `PluginError` if the folder cannot be read, or if somebody else could change code that is in it. The answer
    names the entries that lead nowhere; they hurt no other.

    What is mounted read-only, or by the kubelet, nobody changes through this folder, whatever its modes are. Without
    `owners` nothing is said of whom files belong to: the daemon may run as another user than this process.
    """
    lost: list[PluginError] = []
    try:
        if os.statvfs(folder).f_flag & os.ST_RDONLY or os.path.lexists(os.path.join(folder, "..data")):
            return ()
        os.listdir(folder)
        for path in _all(folder):
            try:
                found = os.stat(path)
            except OSError as error:
                if path == folder or not os.path.islink(path):
                    raise
                lost.append(_leads_nowhere(path, error))
                continue
            if why := _open_to(found, owners=owners):
                raise PluginError(
                    "plugins are not loaded from a folder that others can change",
                    where=path,
                    why=why,
                    hint=f"chmod -R go-w {folder}, and let it belong to root or to the user of gitopsd",
                )
    except OSError as error:
        raise unreadable(folder, error) from None
    return tuple(lost)


def unreadable(folder: str, error: OSError) -> PluginError:
    """What the system says of a folder, or of something in it."""
    path = error.filename if isinstance(error.filename, str) else folder
    if path == folder:
        return PluginError(
            "a folder of pluginPath cannot be read",
            where=folder,
            why=os.strerror(error.errno or 0),
            hint="correct pluginPath, or make the folder",
        )
    return PluginError(
        f"no plugin of {folder} is loaded: this cannot be read",
        where=path,
        why=os.strerror(error.errno or 0),
        hint="remove it, or let gitopsd read it",
    )


def _leads_nowhere(path: str, error: OSError) -> PluginError:
    return PluginError(
        "this link in a folder of pluginPath leads nowhere",
        where=path,
        why=f"{os.readlink(path)}: {os.strerror(error.errno or 0)}",
        hint="remove or correct it",
    )


def _open_to(found: os.stat_result, *, owners: bool) -> str:
    if owners and found.st_uid not in {0, os.geteuid()}:
        return f"it belongs to user {found.st_uid}"
    if found.st_mode & _WRITABLE_BY_OTHERS:
        return f"everybody may write to it (mode {found.st_mode & 0o7777:04o})"
    if found.st_mode & _WRITABLE_BY_GROUP and found.st_gid not in {0, os.getegid()}:
        return f"group {found.st_gid} may write to it (mode {found.st_mode & 0o7777:04o})"
    return ""


def _all(folder: str) -> Iterator[str]:
    """The folder and all that is in it; links stand for what they name."""
    yield folder
    for where, folders, files in os.walk(folder, onerror=_raise):
        for name in (*folders, *files):
            yield os.path.join(where, name)


def _raise(error: OSError) -> None:
    raise error


def _modules(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.iterdir()):
        is_package = (path / "__init__.py").is_file()
        name = path.name if is_package else path.name.removesuffix(".py")
        if name.startswith(PREFIX) and name.isidentifier() and (is_package or path.is_file()):
            yield name, path


def _content(path: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
        digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
