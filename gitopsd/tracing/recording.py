"""Records what happens in the event loop as traces. Whether one is worth being seen is known at its end."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from gitopsd.core.errors import GitopsdError, shown_url
from gitopsd.ports.clock import Clock
from gitopsd.ports.tracer import NO_SPAN, NoSpan, Span, Tracer, Value
from gitopsd.tracing.values import Attribute, SpanValue

MOST_SPANS: Final = 512
_MOST_TEXT: Final = 300
_MOST_PARTS: Final = 50
# A commit that was found longer ago is no part of the pass that renders it now: the application came later.
_FETCH_SECONDS: Final = 600.0
_LOW_BITS: Final = 2**63

_here: ContextVar[OpenSpan | None] = ContextVar("gitopsd_span", default=None)


class _Trace:
    """Spans that are over, of one trace that is not. `left_out` are beyond the limit."""

    __slots__ = ("began", "fetches", "id", "kept", "left_out", "spans", "wall_ns")

    def __init__(self, trace_id: int, clock: Clock) -> None:
        self.id = trace_id
        self.began = clock.monotonic()
        # All times count from here: a clock that is set meanwhile tears no trace apart.
        self.wall_ns = int(clock.now().timestamp() * 1_000_000) * 1000
        self.kept = False
        self.spans: list[OpenSpan] = []
        self.fetches: list[tuple[OpenSpan, int]] = []
        self.left_out = 0

    def at(self, moment: float) -> int:
        """Nanoseconds since 1970 of a moment of the monotonic clock."""
        return self.wall_ns + int((moment - self.began) * 1_000_000_000)


class OpenSpan:
    """A `Span` that is recorded; used as a context manager once."""

    __slots__ = ("_recording", "_token", "attributes", "began", "ended", "error", "id", "name", "parent", "trace")

    recording: Final = True

    def __init__(self, recording: Recording, name: str, trace: _Trace, parent: OpenSpan | None) -> None:
        self._recording = recording
        self.name = name
        self.trace = trace
        self.parent = parent
        self.id = recording.new_id()
        self.attributes: dict[str, Attribute] = {}
        self.error = ""
        self.began = recording.clock.monotonic()
        self.ended = self.began
        self._token: Token[OpenSpan | None] | None = None

    def note(self, **attributes: Value) -> None:
        """See `Span`."""
        for name, value in attributes.items():
            self.attributes[f"gitopsd.{name}"] = _bounded(value)

    def keep(self) -> None:
        """See `Span`."""
        self.trace.kept = True

    def fail(self, error: Exception) -> None:
        """See `Span`."""
        # Why, which an API server may have said in its own words with what it was sent, stays in the log.
        self.error = (
            f"{type(error).__name__}: {error.what}" if isinstance(error, GitopsdError) else type(error).__name__
        )
        self.trace.kept = True

    def __enter__(self) -> Self:
        self._token = _here.set(self)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if self._token is not None:
            _here.reset(self._token)
            self._token = None
        if isinstance(error, Exception):
            self.fail(error)
        self.ended = self._recording.clock.monotonic()
        self._recording.over(self)


class Recording:
    """The `Tracer` of one daemon. `ratio` (0 to 1) of the traces are recorded; `deliver` gets each that is kept, its
    root last, as soon as it is over.
    """

    def __init__(self, deliver: Callable[[Sequence[SpanValue]], None], clock: Clock, *, ratio: float = 1.0) -> None:
        self.clock = clock
        self._deliver = deliver
        self._bound = int(ratio * _LOW_BITS)
        self._random = random.Random()  # noqa: S311  # ids need to differ, not to be secret

    def reconcile(self, application: str, project: str) -> OpenSpan | NoSpan:
        """See `Tracer`."""
        span = self._root("reconcile")
        span.note(application=application, project=project)
        return span

    def fetch(self, repository: str) -> OpenSpan | NoSpan:
        """See `Tracer`."""
        span = self._root("fetch")
        span.note(repository=shown_url(repository))
        return span

    def span(self, name: str) -> OpenSpan | NoSpan:
        """See `Tracer`."""
        parent = _here.get()
        return NO_SPAN if parent is None else OpenSpan(self, name, parent.trace, parent)

    def fetched(self, fetches: Iterable[Span | None]) -> None:
        """See `Tracer`."""
        here = _here.get()
        if here is None:
            return
        for fetch in fetches:
            if isinstance(fetch, OpenSpan) and here.trace.began - fetch.ended < _FETCH_SECONDS:
                here.trace.fetches.append((fetch, self.new_id()))

    def current(self) -> str:
        """See `Tracer`."""
        here = _here.get()
        return f"{here.trace.id:032x}" if here is not None and here.trace.kept else ""

    def new_id(self) -> int:
        """The id of a span."""
        return self._random.getrandbits(64) or 1

    def over(self, span: OpenSpan) -> None:
        """The span ended; with its root the trace."""
        trace = span.trace
        if span.parent is not None:
            if len(trace.spans) < MOST_SPANS:
                trace.spans.append(span)
            else:
                trace.left_out += 1
            return
        if trace.kept:
            self._deliver(_finished(trace, span))
        trace.spans, trace.fetches = [], []  # whoever holds on to the root (a revision does) holds no more than that

    def _root(self, name: str) -> OpenSpan | NoSpan:
        trace_id = self._random.getrandbits(128) or 1
        if trace_id % _LOW_BITS >= self._bound:
            return NO_SPAN
        return OpenSpan(self, name, _Trace(trace_id, self.clock), None)


def _finished(trace: _Trace, root: OpenSpan) -> list[SpanValue]:
    began = min([root.began, *(fetch.began for fetch, _ in trace.fetches)])
    if trace.fetches:
        # From when git was asked: how long it then waited for its turn is a part of it.
        root.note(queued_seconds=round(root.began - max(fetch.ended for fetch, _ in trace.fetches), 6))
        root.began = began
    if trace.left_out:
        root.note(spans_left_out=trace.left_out)
    found = [
        SpanValue(
            "fetch",
            trace.id,
            span_id,
            root.id,
            trace.at(fetch.began),
            trace.at(fetch.ended),
            {**fetch.attributes, "gitopsd.shared": True},
            fetch.error,
            [(fetch.trace.id, fetch.id)],
        )
        for fetch, span_id in trace.fetches
    ]
    found += [_value(trace, span) for span in trace.spans]
    return [*found, _value(trace, root)]


def _value(trace: _Trace, span: OpenSpan) -> SpanValue:
    return SpanValue(
        span.name,
        trace.id,
        span.id,
        span.parent.id if span.parent is not None else 0,
        trace.at(span.began),
        trace.at(span.ended),
        span.attributes,
        span.error,
    )


def _bounded(value: Value) -> Attribute:
    if isinstance(value, str):
        return value[:_MOST_TEXT]
    if isinstance(value, (bool, int, float)):
        return value
    return tuple(part[:_MOST_TEXT] for part in value[:_MOST_PARTS])


if TYPE_CHECKING:
    _tracer: type[Tracer] = Recording
    _span: type[Span] = OpenSpan
