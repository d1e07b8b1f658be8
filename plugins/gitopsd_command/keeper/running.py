"""Running one command: started, watched, and over when it ended, printed too much, took too long or nobody cares."""

from __future__ import annotations

import os
import select
import signal
import time
from dataclasses import dataclass, field
from typing import Final, NoReturn

from gitopsd_command.keeper.confine import Account, become
from gitopsd_command.keeper.order import Ended, Order, Report, Step
from gitopsd_command.keeper.processes import end_all

_CHUNK: Final = 1 << 16
# Of standard error its end is told: that is where programs say why they fail.
_MOST_STDERR: Final = 8 << 10
_LIFELINE: Final = 0


class Cancelled(Exception):  # noqa: N818  # an outcome of the run that is reported, not an error of the keeper
    """Nobody wants the answer any more."""


class OutOfTime(Exception):  # noqa: N818  # an outcome of the run that is reported, not an error of the keeper
    """The order's seconds are over."""


@dataclass(slots=True)
class Watch:
    """The time that is left, and whether anybody waits."""

    until: float

    def left(self) -> float:
        """Seconds. Raises `OutOfTime`."""
        seconds = self.until - time.monotonic()
        if seconds <= 0:
            raise OutOfTime
        return seconds

    def look(self) -> None:
        """Raises `OutOfTime` or `Cancelled`."""
        self.left()
        if select.select([_LIFELINE], [], [], 0)[0]:
            raise Cancelled


@dataclass(slots=True)
class Running:
    """One step of an order."""

    order: Order
    step: Step
    account: Account | None
    output: bytearray = field(default_factory=bytearray)
    _errors: bytearray = field(default_factory=bytearray)
    _failure: bytearray = field(default_factory=bytearray)

    def run(self, watch: Watch) -> Report:
        """How it ended; no process of it is left. Raises `OutOfTime` and `Cancelled` after ending them too."""
        pipes = [os.pipe2(os.O_CLOEXEC) for _ in range(3)]
        (output, output_end), (errors, errors_end), (failure, failure_end) = pipes
        pid = os.fork()
        if pid == 0:
            self._child(output_end, errors_end, failure_end)
        for end in (output_end, errors_end, failure_end):
            os.close(end)
        sinks = {output: self.output, errors: self._errors, failure: self._failure}
        process = os.pidfd_open(pid)
        try:
            too_much = self._watch(process, sinks, watch)
            status = None if too_much else os.waitpid(pid, 0)[1]
        finally:
            os.close(process)
            ended = end_all()
            for source, sink in sinks.items():
                if ended:
                    self._drain(source, sink)
                os.close(source)
        return self._report(status)

    def stderr(self) -> str:
        """The end of what it said."""
        return self._errors.decode(errors="replace")

    def _child(self, output: int, errors: int, failure: int) -> NoReturn:
        try:
            become(self.order, self.step, self.account, output, errors)
        except BaseException as error:  # noqa: BLE001  # whatever happens, this process must not go on as a keeper
            reason = (error.strerror if isinstance(error, OSError) else "") or f"{type(error).__name__}: {error}"
            os.write(failure, reason.encode(errors="replace")[:1000])
        os._exit(127)

    def _watch(self, process: int, sinks: dict[int, bytearray], watch: Watch) -> bool:
        """Read until the process has ended; whether it was left because it printed too much."""
        waiting = select.poll()
        for source in (process, _LIFELINE, *sinks):
            waiting.register(source, select.POLLIN)
        while True:
            for source, _ in waiting.poll(watch.left() * 1000):
                if source == process:
                    return False
                if source == _LIFELINE:
                    raise Cancelled
                data = os.read(source, _CHUNK)
                if not data:
                    waiting.unregister(source)
                elif not self._keep(sinks[source], data):
                    return True

    def _drain(self, source: int, sink: bytearray) -> None:
        """What was written before the end; all writers are gone."""
        while data := os.read(source, _CHUNK):
            if not self._keep(sink, data):
                return

    def _keep(self, sink: bytearray, data: bytes) -> bool:
        """Whether there was room for it."""
        sink += data
        if sink is self.output:
            return len(sink) <= self.order.most_output
        del sink[: max(0, len(sink) - _MOST_STDERR)]
        return True

    def _report(self, status: int | None) -> Report:
        said = self.stderr()
        if self._failure:
            return Report(Ended.NOT_STARTED, self.step.name, why=self._failure.decode(errors="replace"))
        if status is None or len(self.output) > self.order.most_output:
            return Report(Ended.OUTPUT, self.step.name, stderr=said)
        code = os.waitstatus_to_exitcode(status)
        if self.step.must_print and (code or not self.output.strip(b"\n")):
            return Report(Ended.NO_MATCH, self.step.name, abs(code), said)
        if code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            return Report(Ended.SIGNAL, self.step.name, -code, said, name)
        return Report(Ended.EXIT if code else Ended.OK, self.step.name, code, said)
