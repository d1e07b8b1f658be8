"""Calls that many may wait for while one makes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import anyio
import anyio.abc

from gitopsd.core.errors import GitopsdError, SourceError

Result = TypeVar("Result")


class _Flight(Generic[Result]):
    def __init__(self) -> None:
        self.done = anyio.Event()
        self.results: list[Result] = []
        self.error: BaseException | None = None


class SharedCalls(Generic[Result]):
    """Runs each call once for all who ask for the same key before it is closed to newcomers.

    Calls run in the owner's task group: whoever stops waiting does not stop the call for the others.
    """

    def __init__(self, tasks: anyio.abc.TaskGroup) -> None:
        self._tasks = tasks
        self._open: dict[Hashable, _Flight[Result]] = {}

    async def call(self, key: Hashable, make: Callable[[Callable[[], None]], Awaitable[Result]]) -> Result:
        """The result of `make` for `key`, or what it raised.

        `make` gets a function that closes the call: who asks from then on gets a call of its own. A look-up closes
        when it goes on the wire, because its answer may not tell of a push that came after.
        """
        flight = self._open.get(key)
        if flight is None:
            flight = self._open[key] = _Flight()
            self._tasks.start_soon(self._fly, key, flight, make)
        await flight.done.wait()
        if flight.results:
            return flight.results[0]
        raise _again(flight.error)

    async def _fly(
        self, key: Hashable, flight: _Flight[Result], make: Callable[[Callable[[], None]], Awaitable[Result]]
    ) -> None:
        def close() -> None:
            if self._open.get(key) is flight:
                del self._open[key]

        try:
            flight.results.append(await make(close))
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait, not to the task group
            flight.error = error
        finally:
            close()
            flight.done.set()


def _again(error: BaseException | None) -> BaseException:
    """The error anew for each who waits: raising one object in several tasks would mix their tracebacks."""
    if error is None:
        return SourceError("git is being shut down", hint="ask again when gitopsd runs", retryable=True)
    if isinstance(error, GitopsdError):
        return type(error)(error.what, where=error.where, why=error.why, hint=error.hint, retryable=error.retryable)
    return error
