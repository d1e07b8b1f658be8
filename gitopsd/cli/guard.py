"""Around every command: errors become words and exit codes, never tracebacks."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Sequence

from gitopsd.cli.exitcode import ExitCode
from gitopsd.cli.output import ReaderGone, as_output_error, complain, give_up_output, settle
from gitopsd.cli.quick import refresh_of
from gitopsd.core.errors import GitopsdError

_DEBUG = "--debug"


def guarded(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name; its exit code."""
    _open_streams()
    _harden_streams()
    debug = _DEBUG in arguments[:1]
    rest = arguments[1:] if debug else arguments
    try:
        code = _run(rest)
        settle()
    except (ReaderGone, BrokenPipeError):
        give_up_output()
        code = ExitCode.READER_GONE
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 (the last frame: whatever comes here is shown as one line)
        if debug:
            _traceback(error)
        code = _failed(_of_output(error) or error, rest)
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
    from gitopsd.core.errors import ConfigError

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


def _of_output(error: Exception) -> Exception | None:
    """The words for standard output that takes no more, whoever wrote to it (Typer prints its help by itself)."""
    refused = as_output_error(error) if type(error) is OSError and error.filename is None else None
    with contextlib.suppress(ReaderGone, GitopsdError):
        settle()
        return refused
    give_up_output()
    return refused


def _traceback(error: BaseException) -> None:
    import traceback

    traceback.print_exception(error, file=sys.stderr)


def _open_streams() -> None:
    """A stream that whoever started this closed (`>&-`) gets /dev/null. Left closed, its number would become that of
    the next file that is opened, and what is printed would land there.

    Standard output gets it for reading only: an answer that is printed there fails, and is not lost without a word.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is not None:
            continue
        nowhere = os.open(os.devnull, os.O_WRONLY if name == "stderr" else os.O_RDONLY)
        stream = open(nowhere, "r" if name == "stdin" else "w", encoding="utf-8")  # noqa: SIM115  # it stays open as long as this process
        if stream.fileno() != number and not _is_open(number):
            os.dup2(stream.fileno(), number)
        os.set_inheritable(stream.fileno(), stream.fileno() == number)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _harden_streams() -> None:
    """Text that the terminal's encoding does not have is escaped, not an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
