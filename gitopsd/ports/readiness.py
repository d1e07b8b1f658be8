"""Whether live objects that applications wait for are ready, as the control room asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gitopsd.core.dependency import Readiness
from gitopsd.core.live import LiveObject


class ReadinessJudge(Protocol):
    """Judges live objects by the CEL expressions of `dependsOn`."""

    async def ready(self, asked: Sequence[tuple[LiveObject, str]]) -> Sequence[Readiness]:
        """Of each object whether its expression holds; "" is that it is Healthy. Never raises: what cannot be evaluated
        is not ready, with the reason.
        """
        ...
