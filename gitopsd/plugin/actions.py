"""How a plugin brings actions on live objects."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from gitopsd.core.actions.action import Action, Change, Given
from gitopsd.core.jsonvalue import JsonObject


class ActionProvider(Protocol):
    """Actions on objects of some kinds, after users' scripts and before what is built in.

    Both methods are called on the event loop: they must be quick, without I/O, and functions of what they are given.
    What they raise is shown as this provider's failure; to refuse a parameter, raise `OperationError` (`Invalid`).
    """

    @property
    def name(self) -> str:
        """What people read when it fails."""
        ...

    @property
    def kinds(self) -> Sequence[tuple[str, str]]:
        """API group ("" is the core group) and kind, exactly."""
        ...

    def offered(self, live: JsonObject) -> Sequence[Action]:
        """What can be done to an object as the API server gave it; with `disabled`, what cannot be done now."""
        ...

    def changes(self, live: JsonObject, action: str, given: Given, now: datetime) -> Sequence[Change]:
        """What running one of these actions changes: merge patches of the object itself, and new objects."""
        ...
