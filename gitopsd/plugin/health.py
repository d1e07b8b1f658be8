"""How a plugin judges the health of kinds that it knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gitopsd.core.health.status import Health
from gitopsd.core.jsonvalue import JsonObject


class HealthCheck(Protocol):
    """Judges live objects of some kinds, after users' rules and before what is built in."""

    @property
    def name(self) -> str:
        """What people read when it fails."""
        ...

    @property
    def kinds(self) -> Sequence[tuple[str, str]]:
        """API group ("" is the core group) and kind, exactly."""
        ...

    def judge(self, live: JsonObject) -> Health | None:
        """The health of one object as the API server gave it; None for no opinion.

        Called on the event loop: it must be quick, without I/O, and a function of the object alone. What it raises
        makes the object Unknown, with the check's name.
        """
        ...
