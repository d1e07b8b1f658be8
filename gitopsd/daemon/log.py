"""How log lines are made, and where a daemon's go: structured, text on a terminal and JSON otherwise."""

from __future__ import annotations

import hashlib
import logging
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final, TextIO

import structlog

from gitopsd.core.repetition import KeptBack, Repetitions, Verdict
from gitopsd.daemon.journald import SOCKET, Journal, entry, is_journal
from gitopsd.daemon.logforeign import Fields, Foreign
from gitopsd.daemon.logoutput import StandardError
from gitopsd.daemon.logwriter import Line, LogWriter, Output

LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
PRIORITIES: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
REPEAT_SECONDS: Final = 600.0

_Render = Callable[[Fields], Line]

# What differs from one time to the next although it is the same error.
_PASSING: Final = frozenset({"timestamp", "seconds", "retries", "trace_id"})
# After these even the same error is news: what they are about is well again.
_WELL: Final = frozenset({"synced", "status can be saved again", "cluster connected", "configuration reloaded"})
_MOST_TEXT: Final = 500


def configure_log(level: str, form: str) -> None:
    """The log of a command: straight to standard error. `level`: a key of LEVELS; `form`: text, json, or auto (text on
    a terminal).
    """
    text = form == "text" or (form == "auto" and sys.stderr.isatty())
    structlog.configure(
        processors=[*_first(), structlog.processors.format_exc_info, *([_escaped] if text else []), _renderer(text)],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


class Log:
    """The log of a daemon. No line of it ever holds up who writes it; what nobody can read is lost, and counted.

    `trace` gives the id of the trace that a line is part of, "" for none.
    """

    def __init__(
        self,
        level: str,
        form: str,
        *,
        environ: Mapping[str, str],
        repeat_seconds: float = REPEAT_SECONDS,
        stream: TextIO | None = None,
        journal: str = SOCKET,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.trace: Callable[[], str] = lambda: ""
        self.level = level
        output, self._render = _output(form, environ, stream or sys.stderr, journal)
        self._monotonic = monotonic
        self._repetitions: Repetitions[Mapping[str, Any]] = Repetitions(repeat_seconds)
        self._writer = LogWriter(output, self._missing, self._idle)
        self._foreign = Foreign(self._heard, self._writer.wake)
        self._taking = threading.Lock()
        self._lock = self._writer.lock  # the same one: with two, two threads could wait for each other
        self._judging = False

    @property
    def lost(self) -> int:
        """How many lines nobody will read."""
        return self._writer.lost

    @contextmanager
    def opened(self) -> Generator[None]:
        """Everything that the process logs goes there, other libraries' warnings too; at the end all of it is out, or
        two seconds are over.
        """
        self.set_level(self.level)
        self._writer.start()
        logging.getLogger().addHandler(self._foreign)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(self._foreign)
            self._take_up()
            with self._alone():
                kept = self._repetitions.everything()
            self._tell(kept)
            self._writer.end()
            structlog.reset_defaults()

    def set_level(self, level: str) -> None:
        """Log lines of this level (a key of LEVELS) and above from now on."""
        self.level = level
        self._foreign.setLevel(max(LEVELS[level], logging.WARNING))
        structlog.configure(
            processors=[
                *_first(),
                self._traced,
                structlog.processors.format_exc_info,
                self._judged,
                self._finished,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
            logger_factory=lambda *_: _Sink(self._writer),
            cache_logger_on_first_use=False,
        )

    def set_repeat(self, seconds: float) -> None:
        """Log the same error once in that many seconds from now on; 0: each time."""
        with self._alone():
            kept = () if self._repetitions.interval == seconds else self._repetitions.everything()
            self._repetitions.interval = seconds
        self._tell(kept)

    def _traced(self, _logger: object, _name: str, fields: Fields) -> Fields:
        if trace := self.trace():
            fields["trace_id"] = trace
        return fields

    def _judged(self, _logger: object, _name: str, fields: Fields) -> Fields:
        """Drop the line if it was told lately; first of all tell what was kept back of it."""
        subject = (fields.get("application"), fields.get("cluster"))
        now = self._monotonic()
        news = fields["level"] in ("info", "debug")
        if news and fields.get("event") not in _WELL:
            return fields
        identity, brief = _identity(fields), _brief(fields)
        with self._alone() as alone:
            if not alone:
                return fields
            if news:
                verdict = Verdict(True, self._repetitions.well(subject))
            else:
                verdict = self._repetitions.judge(subject, identity, brief, now)
        self._tell(verdict.before)
        if not verdict.tell:
            self._writer.wake()
            raise structlog.DropEvent
        return fields

    @contextmanager
    def _alone(self) -> Generator[bool]:
        """Whether nobody judges: not so in a finalizer that comes in the middle of it; its line is told as it is."""
        with self._lock:
            alone, self._judging = not self._judging, True
            try:
                yield alone
            finally:
                self._judging = not alone

    def _heard(self, fields: Fields) -> Fields:
        return structlog.processors.format_exc_info(None, "", self._traced(None, "", _stamped(fields)))

    def _take_up(self) -> None:
        with self._taking:  # at the end, nobody has a line in hand any more
            for fields in self._foreign.taken():
                with suppress(structlog.DropEvent):
                    self._writer.put(self._render(self._judged(None, "", fields)))
            self._writer.lose(self._foreign.lost())

    def _finished(self, _logger: object, _name: str, fields: Fields) -> tuple[tuple[Line], dict[str, Any]]:
        return (self._render(fields),), {}

    def _tell(self, kept_back: Iterable[KeptBack[Mapping[str, Any]]]) -> None:
        for kept in kept_back:
            seconds = round(self._monotonic() - kept.since)
            fields = {**kept.what, "repeated": kept.count, "within_seconds": seconds}
            self._writer.put(self._render(_stamped(fields)))

    def _idle(self) -> float | None:
        """Tell what is due; in how many seconds to look again."""
        self._take_up()
        now = self._monotonic()
        with self._alone():
            kept = self._repetitions.due(now)
            due = self._repetitions.next_due()
        self._tell(kept)
        return None if due is None else max(0.0, due - now)

    def _missing(self, count: int) -> Line:
        fields = {
            "event": "log lines were lost: whoever reads them stopped, or had no room",
            "level": "warning",
            "lines": count,
        }
        return self._render(_stamped(fields))


class _Sink:
    """What structlog writes lines with; one for each line."""

    def __init__(self, writer: LogWriter) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = self.exception = self.msg = writer.put


def _output(form: str, environ: Mapping[str, str], stream: TextIO, journal: str) -> tuple[Output, _Render]:
    error = StandardError(stream)
    if form == "auto" and is_journal(environ, stream):
        return Journal(error, journal), _for_journal
    text = form == "text" or (form == "auto" and stream.isatty())
    write = _renderer(text, colors=stream.isatty())

    def render(fields: Fields) -> Line:
        shown = _escaped(None, "", fields) if text else fields
        return Line(str(write(None, "", dict(shown))), _priority(fields))

    return error, render


def _for_journal(fields: Fields) -> Line:
    """The message is all that `journalctl` shows of an entry, so it says everything; the fields are there to filter."""
    rest = {key: _visible(str(item)) for key, item in fields.items() if key not in ("event", "level", "timestamp")}
    trouble = rest.pop("exception", "")
    message = " ".join(
        [_visible(str(fields.get("event", ""))), *(f"{key}={_quoted(item)}" for key, item in rest.items())]
    )
    if trouble:
        message += "\n" + str(fields["exception"])
    priority = _priority(fields)
    return Line(message, priority, entry(message, priority, rest))


def _quoted(text: str) -> str:
    return text if text and not any(char in text for char in ' "=') else '"' + text.replace('"', '\\"') + '"'


def _priority(fields: Mapping[str, Any]) -> int:
    return PRIORITIES.get(str(fields.get("level")), 6)


def _first() -> list[structlog.typing.Processor]:
    return [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, _STAMP]


_STAMP: Final = structlog.processors.TimeStamper(fmt="iso", utc=True)


def _stamped(fields: Fields) -> Fields:
    return _STAMP(None, "", fields)


def _renderer(text: bool, *, colors: bool | None = None) -> structlog.typing.Processor:
    if not text:
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty() if colors is None else colors)


def _identity(fields: Mapping[str, Any]) -> bytes:
    same = sorted((key, str(item)) for key, item in fields.items() if key not in _PASSING)
    return hashlib.blake2b(repr(same).encode(errors="backslashreplace"), digest_size=16).digest()


def _brief(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is kept of a line to tell of it again."""
    return {
        key: item[:_MOST_TEXT] if isinstance(item, str) else item
        for key, item in fields.items()
        if key not in ("exception", "timestamp", "trace_id")
    }


def _escaped(_logger: object, _name: str, line: Fields) -> Fields:
    """Foreign text cannot steer the reader's terminal (advisory X7); JSON escapes by itself."""
    return {key: _visible(item) if isinstance(item, str) and key != "exception" else item for key, item in line.items()}


def _visible(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _code(char) for char in text)


def _code(char: str) -> str:
    return " " if char == "\n" else f"\\u{ord(char):04x}" if unicodedata.category(char) in ("Cc", "Cf") else char
