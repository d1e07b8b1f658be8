"""What somebody asks of an application's next pass, and the answer that he waits for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio

from gitopsd.core.history import Pin
from gitopsd.core.operation import Operation
from gitopsd.core.planview import PlanView
from gitopsd.core.syncrequest import SyncRequest

_T = TypeVar("_T")


class Answer(Generic[_T]):
    """Given once: a value or an error."""

    def __init__(self) -> None:
        self._given = anyio.Event()
        self._value: _T | None = None
        self._error: Exception | None = None

    @property
    def given(self) -> bool:
        """Whether it was."""
        return self._given.is_set()

    def give(self, value: _T) -> None:
        """The value; a second answer is none."""
        if not self.given:
            self._value = value
            self._given.set()

    def fail(self, error: Exception) -> None:
        """There will be no value; this is raised instead."""
        if not self.given:
            self._error = error
            self._given.set()

    async def wait(self) -> _T:
        """The value, as soon as it is given."""
        await self._given.wait()
        if self._error is not None:
            raise self._error
        assert self._value is not None  # noqa: S101  # given is set by give and fail alone
        return self._value


@dataclass(frozen=True, slots=True)
class AskedPlan:
    """What would such a sync do?"""

    request: SyncRequest
    answer: Answer[PlanView] = field(default_factory=Answer)


@dataclass(frozen=True, slots=True)
class AskedSync:
    """Sync like this; `retries` of it failed before. A rollback has pinned the application to `pin` already, which was
    pinned to what `before` says.
    """

    request: SyncRequest
    retries: int = 0
    answer: Answer[Operation] = field(default_factory=Answer)
    pin: Pin | None = None
    before: Pin | None = None
