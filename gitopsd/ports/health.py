"""How live objects are, as the control room and the web room ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from gitopsd.core.health.status import Health
from gitopsd.core.ids import ObjectKey
from gitopsd.core.live import LiveObject


class HealthJudge(Protocol):
    """Judges live objects by users' rules, plugins, what is built in and bundled, and by custom (docs/health.md)."""

    async def assess(self, objects: Sequence[LiveObject]) -> Mapping[ObjectKey, Health | None]:
        """The health of each of `objects`; None for one without a sign of health. Never raises: an object whose rule
        fails is Unknown, with the reason.
        """
        ...
