"""What a command's exit code means."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Those of `gitopsd`. Of the shell's conventions: 128 and a signal's number for what a signal would have ended."""

    OK = 0
    FAILED = 1
    """The command did its work and the answer is bad, or something refused."""
    USAGE = 2
    """The command line, the configuration or an input file cannot be used."""
    TIMED_OUT = 3
    BUG = 70
    INTERRUPTED = 130
    READER_GONE = 141
