"""What somebody asks of an application's next pass, and the answer that he waits for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, Generic, TypeVar

import anyio

from gitopsd.core.history import Pin
from gitopsd.core.operation import Operation, Phase
from gitopsd.core.planview import PlanView
from gitopsd.core.syncrequest import SyncRequest

_T = TypeVar("_T")
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


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

    @property
    def value(self) -> _T | None:
        """The value, if it was given."""
        return self._value

    @property
    def error(self) -> Exception | None:
        """Why there is none, if that was given."""
        return self._error

    async def within(self, seconds: float) -> _T | None:
        """The value, or None if none is given in so many seconds."""
        with anyio.move_on_after(seconds):
            await self._given.wait()
        return await self.wait() if self.given else None

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
    pinned to what `before` says. `id` is that of the operation ("": any), asked for `at` this moment.
    """

    request: SyncRequest
    retries: int = 0
    answer: Answer[Operation] = field(default_factory=Answer)
    pin: Pin | None = None
    before: Pin | None = None
    id: str = ""
    at: datetime = _LONG_AGO

    def pending(self, message: str) -> Operation:
        """As an operation that waits to begin."""
        return Operation(
            digest="",
            revisions=self.request.revisions,
            started_at=self.at,
            phase=Phase.PENDING,
            message=message,
            retries=self.retries,
            id=self.id,
            request=self.request,
        )

    def outcome(self) -> Operation | None:
        """What came of it where no operation did: refused, taken back, or a dry run; None otherwise."""
        found = self.answer.value
        if found is not None:
            return found if found.request.dry_run else None
        if self.answer.error is None:
            return None
        return replace(self.pending(str(self.answer.error)), phase=Phase.FAILED, finished_at=self.at)
