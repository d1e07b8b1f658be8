"""`gitopsd admin backup`."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from gitopsd.cli.client import Api
from gitopsd.cli.endpoint import find_socket
from gitopsd.cli.failures import BadInputError, DaemonGoneError, NoDaemonError
from gitopsd.cli.output import data, is_terminal, lines, note, waiting, warn, write_bytes
from gitopsd.cli.params import Output, Socket, SocketOf

if TYPE_CHECKING:
    from pathlib import Path

    from gitopsd.core.jsonvalue import JsonObject
    from gitopsd.store.archive import Manifest

_STANDARD_OUTPUT: Final = "-"
_PIECE_SECONDS: Final = 600.0
# What file systems answer that give a file one name only: vfat, some network shares.
_NO_LINKS: Final = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)


class _Asked(NamedTuple):
    """What the command line says of where the backup comes from."""

    with_key: bool
    socket: str
    config: str


def backup(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Where it goes, such as state.tar.gz; -: standard output.")
    ],
    *,
    with_key: Annotated[
        bool, typer.Option("--with-key", help="Put the key of the state into it: whoever has it can read Secrets then.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")] = False,
    output: Output = None,
    socket: Socket = "",
    config: SocketOf = "",
) -> None:
    """Back up the state: history, pins, operations and deletions under way, applications that others brought.

    Works while the daemon runs; with --config also while it does not. The file is private (mode 0600) and complete, or
    not there. It gives no Secret away without the key of the state (`state.key`): keep that elsewhere, the backup is
    worth little without it. Files of the configuration are not in it. `gitopsd admin restore` brings it back.
    """
    asked = _Asked(with_key, socket, config)
    if file == _STANDARD_OUTPUT:
        _to_standard_output(asked)
        return
    _refuse_what_is_there(file, force=force)
    over = waiting("backing up")
    try:
        manifest = _to_file(file, asked, force=force)
    finally:
        over()
    if output is not None:
        data(as_json(manifest), output)
    else:
        lines([f"{file}: {_size(os.path.getsize(file))}, {described(manifest)}"])
    if with_key:
        warn(f"{file} holds the key: whoever can read it can read the Secrets that were deployed")


def described(manifest: Manifest) -> str:
    """One line for a person."""
    key = "with its key" if manifest.with_key else f"without its key ({manifest.key})"
    when = f"{manifest.created:%Y-%m-%d %H:%M:%S} UTC"
    return f"state of gitopsd {manifest.version} (revision {manifest.revision}) of {when}, {key}"


def as_json(manifest: Manifest) -> JsonObject:
    """All of it."""
    return {
        "version": manifest.version,
        "revision": manifest.revision,
        "created": manifest.created.isoformat(),
        "installationID": manifest.installation,
        "configuration": manifest.configuration,
        "key": manifest.key,
        "withKey": manifest.with_key,
        "files": {name: {"sha256": part.sha256, "size": part.size} for name, part in manifest.parts.items()},
    }


def _refuse_what_is_there(file: str, *, force: bool) -> None:
    """A device, a pipe or a link is somebody else's: it is never replaced, whatever is said."""
    try:
        mode = os.lstat(file).st_mode
    except OSError:
        return  # nothing is there, or what comes next says why it cannot be told
    if not stat.S_ISREG(mode):
        kind = "a link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise BadInputError(
            "a backup does not replace this",
            where=file,
            why=f"it is {kind}",
            hint="name another file, or write to it: `gitopsd admin backup - > FILE`",
        )
    if not force:
        raise BadInputError("there is a file of that name", where=file, hint="name another one, or give --force")


def _to_file(file: str, asked: _Asked, *, force: bool) -> Manifest:
    import tempfile
    from pathlib import Path

    from gitopsd.store.archive import verified

    part: Path | None = None
    try:
        # Private, and under a name that nobody has: two backups at once do not meet, and no file is taken away.
        descriptor, name = tempfile.mkstemp(".part", ".gitopsd-backup-", os.path.dirname(file) or ".")
        part = Path(name)
        with os.fdopen(descriptor, "wb") as written:
            _copy(asked, written.write)
            written.flush()
            os.fsync(written.fileno())
        manifest = verified(part)
        if force:
            _refuse_what_is_there(file, force=True)  # it took a while
            part.replace(file)
        else:
            _put_where_nothing_is(part, file)
    except OSError as error:
        raise BadInputError(
            "the backup cannot be written",
            where=file,
            why=error.strerror or str(error),
            hint="name a file in a folder that is there, that you may write to, and that has room",
        ) from None
    finally:
        if part is not None:
            with suppress(OSError):
                part.unlink()
    return manifest


def _put_where_nothing_is(part: Path, file: str) -> None:
    """Give the finished file its name. Raises `BadInputError` where somebody made one of that name meanwhile, and
    `OSError`; nothing of ours has that name then.
    """
    try:
        _name(part, file)
    except FileExistsError:
        _refuse_what_is_there(file, force=False)
        raise  # it went again


def _name(part: Path, file: str) -> None:
    try:
        os.link(part, file)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
    else:
        return
    os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # the name is ours from here on
    try:
        part.replace(file)
    except OSError:
        with suppress(OSError):
            os.unlink(file)
        raise


def _to_standard_output(asked: _Asked) -> None:
    if is_terminal(sys.stdout):
        raise BadInputError("a backup is for a file", hint="gitopsd admin backup FILE, or - > FILE")
    _copy(asked, write_bytes)
    if asked.with_key:
        note("the backup holds the key: whoever can read it can read the Secrets that were deployed")


def _copy(asked: _Asked, write: Callable[[bytes], object]) -> None:
    """Write all of it. Raises `DaemonGoneError` if it broke off."""
    from gitopsd.store.archive import Whole

    whole = Whole()
    with _pieces(asked) as pieces:
        for piece in pieces:
            write(piece)
            whole.look(piece)
    if not whole.complete:
        raise DaemonGoneError("the backup broke off", hint="see whether the daemon is still running, and try again")


@contextmanager
def _pieces(asked: _Asked) -> Iterator[Iterator[bytes]]:
    """From the daemon, or, with the configuration of one that does not run, from its state folder."""
    query = {"withKey": "true"} if asked.with_key else {}
    try:
        answer = Api(find_socket(asked.socket, asked.config, os.environ)).stream("/backup", query, _PIECE_SECONDS)
        first = next(answer, b"")
    except NoDaemonError:
        if not asked.config or asked.socket:
            raise
    else:
        yield _chained(first, answer)
        return
    from gitopsd.config import load
    from gitopsd.daemon.backup import resting_backup
    from gitopsd.daemon.clock import SystemClock

    with resting_backup(load(asked.config, environ=os.environ), SystemClock(), with_key=asked.with_key) as snapshot:
        yield snapshot.pieces()


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
