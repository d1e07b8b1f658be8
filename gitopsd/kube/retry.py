"""When and how long to wait before the same request is sent again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gitopsd.ports.clock import Clock

_TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `tries` requests, at most `seconds` between the first and the start of the last."""

    tries: int = 5
    seconds: float = 30.0
    first: float = 0.1
    longest: float = 10.0

    def delay(self, attempt: int, retry_after: float | None, clock: Clock) -> float:
        """Seconds to wait after attempt `attempt` (from 1): what the server asked for, else doubling; and jitter."""
        grown: float = min(self.first * 2.0 ** min(attempt - 1, 30), self.longest)
        if retry_after is not None:
            return retry_after + clock.jitter(min(grown, 1.0))
        return grown / 2 + clock.jitter(grown / 2)


@dataclass(slots=True)
class Attempts:
    """Counts the attempts of one request against a policy."""

    policy: RetryPolicy
    clock: Clock
    started: float
    made: int = 0

    def next_delay(self, retry_after: float | None = None) -> float | None:
        """Seconds to wait before the next attempt; None where there shall be none."""
        self.made += 1
        delay = self.policy.delay(self.made, retry_after, self.clock)
        over = self.clock.monotonic() + delay - self.started > self.policy.seconds
        return None if self.made >= self.policy.tries or over else delay


class Backoff:
    """Growing waits of something that is tried for ever."""

    def __init__(self, clock: Clock, *, first: float, longest: float) -> None:
        self._policy = RetryPolicy(first=first, longest=longest)
        self._clock = clock
        self._attempt = 0

    def next(self, retry_after: float | None = None) -> float:
        """Seconds to wait this time."""
        self._attempt += 1
        return self._policy.delay(self._attempt, retry_after, self._clock)

    def reset(self) -> None:
        """It worked: begin anew with the shortest wait."""
        self._attempt = 0


def is_transient(status: int) -> bool:
    """Whether an HTTP status says that the same request may well succeed a moment later."""
    return status in _TRANSIENT
