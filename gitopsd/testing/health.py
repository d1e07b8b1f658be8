"""A judge of health that knows what is built in, and what a test told it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gitopsd.core.health.assess import assess
from gitopsd.core.health.status import Health
from gitopsd.core.ids import GroupKind, ObjectKey
from gitopsd.core.live import LiveObject
from gitopsd.ports.health import HealthJudge


class FakeJudge:
    """`ports.HealthJudge`: the built-in rules; `given` overrides them by kind. `asked` counts the objects judged."""

    def __init__(self) -> None:
        self.given: dict[GroupKind, Health | None] = {}
        self.asked = 0

    async def assess(self, objects: Sequence[LiveObject]) -> Mapping[ObjectKey, Health | None]:
        """As `ports.HealthJudge` says."""
        self.asked += len(objects)
        return {live.key: self._one(live) for live in objects}

    def _one(self, live: LiveObject) -> Health | None:
        kind = live.key.group_kind
        return self.given[kind] if kind in self.given else assess(live.document.body())


if TYPE_CHECKING:
    _guard: HealthJudge = FakeJudge()
