"""What commands write: answers to standard output, everything else to standard error.

Light on purpose: nothing here imports more than the command needs.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, TextIO

from gitopsd.cli.visible import visible

if TYPE_CHECKING:
    from gitopsd.core.errors import GitopsdError
    from gitopsd.core.jsonvalue import JsonValue

_AT_ONCE = 16 * 1024
# What writing says where there is no room, a limit, a broken disk, or nothing that could be written to.
_NO_WRITE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
_RED, _CYAN, _YELLOW = "31", "36", "33"


class ReaderGone(Exception):  # noqa: N818  # what happened, which is no error of anyone
    """Nobody reads the output any more."""


class Format(StrEnum):
    """For programs; people get text."""

    JSON = "json"
    YAML = "yaml"


class ListFormat(StrEnum):
    """`Format`, and a wider table."""

    JSON = "json"
    YAML = "yaml"
    WIDE = "wide"


def write(text: str) -> None:
    """To standard output, as it is. Raises `ReaderGone`, and `OutputError` where it cannot be written."""
    with _told():
        # Unbuffered (PYTHONUNBUFFERED), one large write that stops half-way would pass for a whole one.
        for start in range(0, len(text), _AT_ONCE):
            sys.stdout.write(text[start : start + _AT_ONCE])
        sys.stdout.flush()


def write_bytes(piece: bytes) -> None:
    """As `write`."""
    with _told():
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


def settle() -> None:
    """Write what is still in the buffer. Raises as `write`."""
    with _told():
        sys.stdout.flush()


def give_up_output() -> None:
    """What is left in the buffer goes nowhere: flushed at exit it would complain, and change the exit code."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def as_output_error(error: OSError) -> GitopsdError | None:
    """The words for what a write to a file that is open says; None for errors that no write makes."""
    if error.errno not in _NO_WRITE:
        return None
    from gitopsd.cli.failures import OutputError

    return OutputError(
        "the output cannot be written", why=error.strerror or str(error), hint="make room, or write it elsewhere"
    )


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise ReaderGone from None
    except OSError as error:
        raise as_output_error(error) or error from None


def lines(texts: Iterable[str]) -> None:
    """Each text, made visible, on a line of its own of standard output."""
    write("".join(f"{visible(text)}\n" for text in texts))


def note(text: str) -> None:
    """A sentence beside the answer, on standard error."""
    sys.stderr.write(f"{visible(text)}\n")
    sys.stderr.flush()


def warn(text: str) -> None:
    """Something that works and should be looked at, on standard error."""
    note_as("Warning: ", _YELLOW, text)


def note_as(label: str, colour: str, text: str) -> None:
    """`note` with a coloured label before it."""
    sys.stderr.write(f"{painted(label, colour, sys.stderr)}{visible(text)}\n")
    sys.stderr.flush()


def complain(what: str, *, where: str = "", why: str = "", hint: str = "") -> None:
    """An error: what happened and where, why, and what to do next."""
    head = f"{where}: {what}" if where else what
    note_as("Error: ", _RED, f"{head}: {why}" if why else head)
    if hint:
        note_as("  Try: ", _CYAN, hint)


def data(value: JsonValue, form: Format | ListFormat) -> None:
    """`value` as JSON (raw, as it came) or as YAML. JSON escapes control characters by itself."""
    if form == Format.YAML:
        from gitopsd.cli.yamldump import dump

        write(dump(value))
        return
    write(as_json(value))


def as_json(value: JsonValue) -> str:
    """Indented, keys in their order, with a line end."""
    import json

    return json.dumps(value, indent=2, ensure_ascii=False, default=_plain) + "\n"


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at it."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def painted(text: str, colour: str, stream: TextIO) -> str:
    """`text` in an ANSI colour where a terminal shows it and nobody set NO_COLOR (https://no-color.org)."""
    return f"\x1b[{colour}m{text}\x1b[0m" if _has_colour(stream) else text


def _has_colour(stream: TextIO) -> bool:
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def waiting(text: str) -> Callable[[], None]:
    """Say on a terminal what is waited for; call the answer when it is over."""
    if not is_terminal(sys.stderr):
        return _nothing

    def over() -> None:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()

    sys.stderr.write(f"{visible(text)} …")
    sys.stderr.flush()
    return over


def _nothing() -> None:
    """Nobody looks."""


def _plain(value: object) -> object:
    """Mappings and sequences that are no dict and no list."""
    from collections.abc import Mapping, Sequence

    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
