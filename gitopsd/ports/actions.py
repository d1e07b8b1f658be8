"""What can be done to live objects, as the control room asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from gitopsd.core.actions.action import Action, Change, Given
from gitopsd.core.ids import GroupKind
from gitopsd.core.live import LiveObject


class ResourceActions(Protocol):
    """Actions by users' scripts, plugins, and what is built in (docs/actions.md)."""

    def knows(self, kind: GroupKind) -> bool:
        """Whether objects of this kind may have actions."""
        ...

    async def offered(self, live: LiveObject) -> Sequence[Action]:
        """What can be done to this object, what cannot be done now included; each name once.

        Raises `OperationError` (`Failed`) where a rule fails, with its name and the reason.
        """
        ...

    async def changes(self, live: LiveObject, action: Action, given: Given, now: datetime) -> Sequence[Change]:
        """What running `action`, one of those offered, changes; nothing is changed by asking.

        Raises `OperationError`: `Invalid` for parameters, `NotFound` where nobody defines it, `Failed` as above.
        """
        ...
