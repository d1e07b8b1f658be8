"""When to try again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits of min(`max_seconds`, `seconds` * `factor` ** n)."""

    seconds: float
    factor: float
    max_seconds: float


SELF_HEAL: Final = Backoff(2.0, 3.0, 300.0)
"""Argo CD's self-heal back-off: 2 s, times 3, 5 minutes at the most; the first heal comes at once."""

SELF_HEAL_QUIET_SECONDS: Final = 330.0
"""After so long without a heal the next one comes at once again (Argo CD's cooldown)."""

RECONCILE_ERROR: Final = Backoff(1.0, 2.0, 60.0)
"""After an error that is nobody's fault here (a repository or cluster that does not answer)."""


def backoff_seconds(backoff: Backoff, count: int) -> float:
    """How long to wait after the `count`-th try in a row; none after the 0th."""
    if count <= 0:
        return 0.0
    exponent = min(count - 1, 64)
    return min(backoff.max_seconds, backoff.seconds * backoff.factor**exponent)
