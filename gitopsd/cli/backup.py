"""`gitopsd admin backup`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from gitopsd.cli.client import Api
from gitopsd.cli.endpoint import find_socket
from gitopsd.cli.failures import BadInputError, DaemonGoneError, NoDaemonError
from gitopsd.cli.output import data, is_terminal, lines, note, waiting, warn
from gitopsd.cli.params import Output, Socket, SocketOf

if TYPE_CHECKING:
    from gitopsd.core.jsonvalue import JsonObject
    from gitopsd.store.archive import Manifest

_STANDARD_OUTPUT: Final = "-"
_PIECE_SECONDS: Final = 600.0


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
    if not force and os.path.lexists(file):
        raise BadInputError("there is a file of that name", where=file, hint="name another one, or give --force")
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


def _to_file(file: str, asked: _Asked, *, force: bool) -> Manifest:
    from pathlib import Path

    from gitopsd.store.archive import verified

    part = Path(f"{file}.part")
    try:
        with _new(part) as written:
            _copy(asked, written)
            written.flush()
            os.fsync(written.fileno())
        manifest = verified(part)
        if force:
            part.replace(file)
        else:
            os.link(part, file)  # fails where somebody made one meanwhile
    except OSError as error:
        raise BadInputError("the backup cannot be written", where=file, why=error.strerror or str(error)) from None
    finally:
        with suppress(OSError):
            part.unlink()
    return manifest


def _to_standard_output(asked: _Asked) -> None:
    if is_terminal(sys.stdout):
        raise BadInputError("a backup is for a file", hint="gitopsd admin backup FILE, or - > FILE")
    _copy(asked, sys.stdout.buffer)
    sys.stdout.buffer.flush()
    if asked.with_key:
        note("the backup holds the key: whoever can read it can read the Secrets that were deployed")


def _copy(asked: _Asked, to: IO[bytes]) -> None:
    """Write all of it. Raises `DaemonGoneError` if it broke off."""
    from gitopsd.store.archive import Whole

    whole = Whole()
    with _pieces(asked) as pieces:
        for piece in pieces:
            to.write(piece)
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


def _new(part: os.PathLike[str]) -> IO[bytes]:
    """A private file; what an attempt that was killed left there is replaced."""
    with suppress(FileNotFoundError):
        os.unlink(part)
    return os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "wb")


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
