"""The keeper's story: read the order, make the private folder, run the steps, remove the folder, answer."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from dataclasses import replace
from typing import Final

from gitopsd_command.keeper.confine import Account, UnusableUser, account_of, owner_of
from gitopsd_command.keeper.copying import Copying, NotCopied, Owner, remove
from gitopsd_command.keeper.order import HEADER, HOME, SOURCE, TEMPORARY, Ended, Order, Report, pack_report, read_order
from gitopsd_command.keeper.processes import adopt_orphans
from gitopsd_command.keeper.running import Cancelled, OutOfTime, Running, Watch

_INPUT, _OUTPUT = 0, 1
_CHUNK: Final = 1 << 16


def main() -> None:
    """Serve one order on standard input and output."""
    # Only the end of the input ends a keeper: it must not leave before it has cleaned up.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    (length,) = HEADER.unpack(_exactly(HEADER.size))
    order = read_order(_exactly(length))
    try:
        adopt_orphans()
        report, output = _run(order)
    finally:
        remove(order.folder)
    _write(pack_report(report))
    _write(output)


def _run(order: Order) -> tuple[Report, bytes]:
    watch = Watch(time.monotonic() + order.seconds)
    try:
        account = account_of(order.user)
        _prepare(order, account, watch)
    except UnusableUser as problem:
        return Report(Ended.NOT_STARTED, why=str(problem)), b""
    except (Cancelled, OutOfTime, NotCopied, OSError) as problem:
        return _stopped(problem, Report(Ended.NOT_COPIED)), b""
    report, output = Report(Ended.OK), b""
    for step in order.steps:
        running = Running(order, step, account)
        try:
            report = running.run(watch)
        except (Cancelled, OutOfTime, OSError) as problem:
            return _stopped(problem, Report(Ended.NOT_STARTED, step.name, stderr=running.stderr())), b""
        if report.ended is not Ended.OK:
            return report, b""
        output = bytes(running.output)
    return report, output


def _stopped(problem: Exception, otherwise: Report) -> Report:
    """What stopped the run; `otherwise` if it was the system."""
    match problem:
        case Cancelled():
            return replace(otherwise, ended=Ended.CANCELLED)
        case OutOfTime():
            return replace(otherwise, ended=Ended.TIMEOUT)
        case OSError():
            return replace(otherwise, why=problem.strerror or type(problem).__name__)
        case _:
            return replace(otherwise, why=str(problem))


def _prepare(order: Order, account: Account | None, watch: Watch) -> None:
    owner = owner_of(account)
    _make(order.folder, owner)
    for name in (HOME, TEMPORARY):
        _make(os.path.join(order.folder, name), owner)
    Copying(owner, watch.look, order.keep_modes).copy(order.root, os.path.join(order.folder, SOURCE))


def _make(folder: str, owner: Owner) -> None:
    os.mkdir(folder, 0o700)
    owner.takes(folder)


def _exactly(size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        more = os.read(_INPUT, size - len(data))
        if not more:
            sys.exit(1)
        data += more
    return bytes(data)


def _write(data: bytes) -> None:
    """Give the answer, unless nobody reads it any more: then the input has ended."""
    os.set_blocking(_OUTPUT, False)
    rest = memoryview(data)
    while rest:
        if select.select([_INPUT], [_OUTPUT], [])[0]:
            sys.exit(1)
        try:
            rest = rest[os.write(_OUTPUT, rest[:_CHUNK]) :]
        except BlockingIOError:
            continue
        except BrokenPipeError:
            sys.exit(1)
