"""Around every command: errors become words and exit codes, never tracebacks."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitopsd.cli.exitcode import ExitCode
from gitopsd.cli.output import ReaderGone, complain
from gitopsd.cli.quick import refresh_of

if TYPE_CHECKING:
    from gitopsd.core.errors import GitopsdError

_DEBUG = "--debug"


def guarded(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name; its exit code."""
    _harden_streams()
    debug = _DEBUG in arguments[:1]
    rest = arguments[1:] if debug else arguments
    try:
        code = _run(rest)
        sys.stdout.flush()
    except (ReaderGone, BrokenPipeError):
        code = _reader_gone()
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 (the last frame: whatever comes here is shown as one line)
        if debug:
            _traceback(error)
        code = _failed(error, rest)
    return int(code)


def _run(arguments: Sequence[str]) -> int:
    """`app refresh` past Typer where its arguments are plain: people and scripts wait for that one after each push."""
    refresh = refresh_of(arguments)
    if refresh is not None and "_GITOPSD_COMPLETE" not in os.environ:
        from gitopsd.cli.refreshing import refresh_application

        return refresh_application(refresh)
    from gitopsd.cli.tree import dispatch

    return dispatch(arguments)


def complain_of(error: GitopsdError) -> None:
    """Tell an error, or each of those that it holds."""
    # `ConfigErrors` holds many; it is not named here because its room is slow to import.
    several = getattr(error, "errors", None)
    for each in several if isinstance(several, tuple) else (error,):
        complain(each.what, where=each.where, why=each.why, hint=each.hint)


def _failed(error: BaseException, arguments: Sequence[str]) -> ExitCode:
    from gitopsd.cli.failures import BadInputError
    from gitopsd.core.errors import ConfigError, GitopsdError

    if isinstance(error, BaseExceptionGroup):
        return max(_failed(each, arguments) for each in error.exceptions)
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    if not isinstance(error, GitopsdError):
        again = shlex.join(["gitopsd", _DEBUG, *arguments])
        complain(f"internal error: {type(error).__name__}: {error}", hint=f"`{again}` shows where; please report it")
        return ExitCode.BUG
    several = getattr(error, "errors", None)
    complain_of(error)
    usage = several is not None or isinstance(error, (ConfigError, BadInputError))
    return ExitCode.USAGE if usage else ExitCode.FAILED


def _reader_gone() -> ExitCode:
    """`| head` has seen enough. What is left in the buffer must not be flushed at exit, which would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return ExitCode.READER_GONE


def _traceback(error: BaseException) -> None:
    import traceback

    traceback.print_exception(error, file=sys.stderr)


def _harden_streams() -> None:
    """Text that the terminal's encoding does not have is escaped, not an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
