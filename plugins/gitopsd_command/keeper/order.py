"""What the keeper is told to do, and what it tells back; JSON on its pipes, made and read on both sides by this module.

An order is its length (4 bytes, most significant first) and JSON. The standard input stays open then: its end means
that nobody wants the answer any more. The answer is one line of JSON and the bytes that the last command printed.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final

HEADER: Final = struct.Struct(">I")
SOURCE: Final = "source"
HOME: Final = "home"
TEMPORARY: Final = "tmp"


class Ended(StrEnum):
    """How a run ended. All but OK name what stopped it."""

    OK = "ok"
    EXIT = "exit"
    SIGNAL = "signal"
    TIMEOUT = "timeout"
    OUTPUT = "output"
    NOT_STARTED = "not started"
    NOT_COPIED = "not copied"
    NO_MATCH = "no match"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Step:
    """One command. `keeps`: its standard output is wanted. `must_print`: printing nothing, or failing, is NO_MATCH."""

    name: str
    argv: tuple[str, ...]
    keeps: bool = False
    must_print: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """One run. `root` is what is copied, `path` the working folder below it, `folder` the private folder to make.

    `environment` is all that the commands get besides HOME and TMPDIR, which lie in `folder`. `user` is "" for the
    present one. `writable` are folders outside that the commands may write to. Limits: `seconds` for everything, bytes
    for output, memory (of each process) and each file written.
    """

    root: str
    path: str
    folder: str
    steps: tuple[Step, ...]
    environment: dict[str, str]
    seconds: float
    most_output: int
    most_memory: int
    largest_file: int
    keep_modes: bool = False
    user: str = ""
    writable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """How a run ended: at which step, with which exit code or signal, and what it said on standard error (its end).

    `why` is the system's reason for what could not be done.
    """

    ended: Ended
    step: str = ""
    code: int = 0
    stderr: str = ""
    why: str = ""


def pack_order(order: Order) -> bytes:
    """The order as the keeper reads it."""
    body = json.dumps(asdict(order)).encode()
    return HEADER.pack(len(body)) + body


def read_order(body: bytes) -> Order:
    """The order in the bytes after the length."""
    found = json.loads(body)
    steps = tuple(Step(**{**step, "argv": tuple(step["argv"])}) for step in found["steps"])
    return Order(**{**found, "steps": steps, "writable": tuple(found["writable"])})


def pack_report(report: Report) -> bytes:
    """The line before the output."""
    return json.dumps(asdict(report)).encode() + b"\n"


def read_report(line: bytes) -> Report:
    """The report in the answer's first line. Raises `ValueError` for anything else."""
    found = json.loads(line)
    if not isinstance(found, dict):
        raise ValueError("not a report")  # noqa: TRY004  # like json: whatever is no report is a wrong value
    return Report(
        Ended(found["ended"]), str(found["step"]), int(found["code"]), str(found["stderr"]), str(found["why"])
    )
