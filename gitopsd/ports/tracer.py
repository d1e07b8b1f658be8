"""Traces of what is done to applications, in OpenTelemetry's words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Protocol, Self

Value = str | int | float | bool | Sequence[str]


class Span(Protocol):
    """Something that takes time; it ends with its `with`. Only names, counts and words belong in it: never a value of
    an object, and nothing that could be a secret.
    """

    @property
    def recording(self) -> bool:
        """Whether anybody may see it; what costs to be told need not be worked out otherwise."""
        ...

    def note(self, **attributes: Value) -> None:
        """Tell this of it; names are ours (`gitopsd.NAME`)."""
        ...

    def keep(self) -> None:
        """The whole trace is worth being seen: something was done. One in which nothing was is dropped."""
        ...

    def fail(self, error: Exception) -> None:
        """It failed so; the trace is worth being seen. An exception that leaves the `with` does the same."""
        ...


class Tracer(Protocol):
    """Makes traces. Everything is called in the event loop's thread, and costs next to nothing where traces are off."""

    def reconcile(self, application: str, project: str) -> AbstractContextManager[Span]:
        """The trace of one pass over an application. The spans within it are its children."""
        ...

    def fetch(self, repository: str) -> AbstractContextManager[Span]:
        """The trace of one look-up of a repository (`repository` is masked), whoever uses it."""
        ...

    def span(self, name: str) -> AbstractContextManager[Span]:
        """A part of what is under way here; outside of a trace it is nothing."""
        ...

    def fetched(self, fetches: Iterable[Span | None]) -> None:
        """What is under way here works with what these look-ups found: they are shown in it, and linked."""
        ...

    def current(self) -> str:
        """The id of the trace that is under way here (32 hex digits), if it is kept; else ""."""
        ...


class NoSpan:
    """What is not traced."""

    recording: Final = False

    def note(self, **_attributes: Value) -> None:
        """Nothing."""

    def keep(self) -> None:
        """Nothing."""

    def fail(self, _error: Exception) -> None:
        """Nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        return


class NoTracer:
    """Traces are off."""

    def reconcile(self, _application: str, _project: str) -> NoSpan:
        """Nothing."""
        return NO_SPAN

    def fetch(self, _repository: str) -> NoSpan:
        """Nothing."""
        return NO_SPAN

    def span(self, _name: str) -> NoSpan:
        """Nothing."""
        return NO_SPAN

    def fetched(self, _fetches: Iterable[Span | None]) -> None:
        """Nothing."""

    def current(self) -> str:
        """None."""
        return ""


NO_SPAN: Final = NoSpan()
NO_TRACER: Final = NoTracer()
