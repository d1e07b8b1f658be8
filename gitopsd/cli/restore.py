"""`gitopsd admin restore` and `gitopsd admin migrate`."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gitopsd.cli.backup import as_json, described
from gitopsd.cli.endpoint import state_folder
from gitopsd.cli.failures import BadInputError
from gitopsd.cli.output import data, is_terminal, lines, waiting
from gitopsd.cli.params import Output
from gitopsd.core.errors import StoreError

if TYPE_CHECKING:
    from gitopsd.config import Config
    from gitopsd.core.jsonvalue import JsonObject
    from gitopsd.store.restore import Restored

StateDir = Annotated[str, typer.Option("--state-dir", metavar="DIR", help="The state folder.")]
StateOf = Annotated[
    str, typer.Option("--config", metavar="FILE", help="The configuration that says which one it is (state.dir).")
]


def restore(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What `gitopsd admin backup` wrote; -: standard input.")],
    *,
    state_dir: StateDir = "",
    config: StateOf = "",
    key_file: Annotated[
        str, typer.Option("--key-file", metavar="FILE", help="The key of the state, for a backup without it.")
    ] = "",
    without_key: Annotated[
        bool,
        typer.Option("--without-key", help="The key is lost: restore what can be used without it (no rollbacks)."),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Set aside what is in the state folder (before-restore-…, in it).")
    ] = False,
    output: Output = None,
) -> None:
    """Bring the state back from a backup, into an empty state folder or in place of another one.

    The daemon must not run. The backup is checked first. Git and the clusters went on since: syncs that were under way
    when it was made are ended, deletions that were wait until somebody confirms them, and applications that others
    brought rest until those are synced. History and pins are as they were then. Run it as the daemon's user, or as
    root: then the files are the folder owner's.
    """
    from gitopsd.daemon.restore import restore_into
    from gitopsd.store.restore import Wanted

    if key_file and without_key:
        raise BadInputError("there is a key or there is none", hint="give --key-file or --without-key")
    folder, found = _folder(state_dir, config), _loaded(config)
    if key_file:
        _refuse_unreadable(key_file, "the key", "name the key of the state, which the daemon has as state.key")
    with _archive(file) as archive:
        wanted = Wanted(archive, folder, Path(key_file) if key_file else None, without_key=without_key, force=force)
        over = waiting("restoring")
        try:
            done = restore_into(wanted, found)
        finally:
            over()
    if output is not None:
        data(_as_json(done), output)
    else:
        lines(_text(done))


def _refuse_unreadable(path: str, what: str, hint: str) -> None:
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        why = error.strerror or str(error)
        raise BadInputError(f"{what} cannot be read", where=path, why=why, hint=hint) from None


@contextmanager
def _archive(file: str) -> Iterator[Path]:
    """The file; of standard input a private copy, for it is read more than once."""
    if file != "-":
        _refuse_unreadable(file, "the backup", "name a file that `gitopsd admin backup` wrote, or - for standard input")
        yield Path(file)
        return
    if is_terminal(sys.stdin):
        raise BadInputError("a backup comes from a file", hint="gitopsd admin restore FILE, or - < FILE")
    with tempfile.NamedTemporaryFile(prefix="gitopsd-restore-") as copy:
        try:
            shutil.copyfileobj(sys.stdin.buffer, copy)
            copy.flush()
        except OSError as error:
            why, hint = error.strerror or str(error), "make room there, or name the file"
            raise BadInputError("standard input cannot be kept", where=copy.name, why=why, hint=hint) from None
        try:
            yield Path(copy.name)
        except StoreError as error:
            if error.where != copy.name:
                raise
            raise StoreError(error.what, where="standard input", why=error.why, hint=error.hint) from None


def migrate(
    *,
    to: Annotated[
        str, typer.Option("--to", metavar="REVISION", help="Bring it there, such as 0002, for an older gitopsd.")
    ] = "",
    state_dir: StateDir = "",
    config: StateOf = "",
    force: Annotated[bool, typer.Option("--force", help="Even if something is lost on the way back.")] = False,
    output: Output = None,
) -> None:
    """Show which revision the state file has, or bring it to another one.

    An older file is brought forward by itself when the daemon starts. The way back is for going back to an older
    gitopsd: stop the daemon, bring the file back with the newer one, then start the older one. A copy is kept.
    """
    from gitopsd.daemon.restore import bring_state_to, revisions

    folder = _folder(state_dir, config)
    if state_dir and not folder.is_dir():
        raise BadInputError("there is no such folder", where=state_dir, hint="name the state folder (state.dir)")
    found = revisions(folder, to)
    copy = ""
    if to:
        if found.lost and not force:
            raise BadInputError(
                f"revision {to} has no place for {'; '.join(found.lost)}",
                where=str(folder),
                hint="give --force to lose that (a copy of the file is kept)",
            )
        copy = bring_state_to(folder, to)
        found = revisions(folder)
    if output is not None:
        data({"stored": found.stored, "head": found.head, "copy": copy}, output)
    else:
        lines([_stands(found.stored, found.head), *([f"as it was before: {copy}"] if copy else [])])


def _folder(state_dir: str, config: str) -> Path:
    if bool(state_dir) == bool(config):
        raise BadInputError("name the state folder", hint="--state-dir DIR, or --config FILE of the daemon")
    if state_dir:
        return Path(os.path.abspath(state_dir))
    return Path(state_folder(config, os.environ, instead="name the folder: --state-dir DIR"))


def _loaded(config: str) -> Config | None:
    from gitopsd.config import load

    return load(config, environ=os.environ, keep_going=True) if config else None


def _stands(stored: str, head: str) -> str:
    if not stored:
        return f"no state yet; this gitopsd works with revision {head}"
    if stored == head:
        return f"revision {stored}, the one that this gitopsd works with"
    return f"revision {stored}; this gitopsd works with {head} and brings it there when it starts"


def _text(done: Restored) -> Iterator[str]:
    aside = f" (what was there: {done.aside.name})" if done.aside is not None else ""
    yield f"restored into {done.folder}{aside}: {described(done.manifest)}"
    marked = done.marked
    for names, what in (
        (marked.interrupted, "syncs that were under way then, not gone on with"),
        (marked.held, "deletions that wait for `gitopsd app confirm-deletion NAME`"),
        (marked.pinned, "pinned again, as they were then (until `gitopsd app unpin NAME`)"),
        (marked.children, "resting until the applications that brought them are synced"),
    ):
        if names:
            yield f"{what}: {', '.join(names)}"
    if done.seeds is False:
        yield "random values in charts are drawn anew: the backup has what they are drawn from, but not the key for it"


def _as_json(done: Restored) -> JsonObject:
    return {
        "backup": as_json(done.manifest),
        "stateDir": str(done.folder),
        "setAside": str(done.aside) if done.aside is not None else "",
        "interrupted": list(done.marked.interrupted),
        "held": list(done.marked.held),
        "pinned": list(done.marked.pinned),
        "children": list(done.marked.children),
        "randomValuesKept": done.seeds,
    }
