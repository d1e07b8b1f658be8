"""What a cluster does for itself, beside what it is asked: watches, and whatever they set off."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVarTuple

from anyio.abc import TaskGroup

_Arguments = TypeVarTuple("_Arguments")


class Background:
    """The tasks of `group`, until they are ended; after that none begins any more.

    A task group that is being left still takes tasks, but has told all of its own to end already: one that comes then
    would keep whoever leaves it waiting for as long as it likes, and one that comes later is refused with an error.
    """

    def __init__(self, group: TaskGroup) -> None:
        self._group: Final = group
        self.is_over = False

    def start_soon(self, work: Callable[[*_Arguments], Coroutine[Any, Any, object]], *arguments: *_Arguments) -> None:
        """As `TaskGroup.start_soon`; nothing where all have been ended."""
        if not self.is_over:
            self._group.start_soon(work, *arguments)

    def end(self) -> None:
        """End all tasks."""
        self.is_over = True
        self._group.cancel_scope.cancel()
