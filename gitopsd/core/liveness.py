"""Whether the daemon is alive: decided from what its parts tell, for systemd's watchdog and `/healthz`.

Only what a restart can cure counts. A cluster that is down, a repository that is gone or a render engine that cannot be
started is told elsewhere: the daemon copes with these, and would find them just so after a restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LONGEST_PASS_SECONDS: Final = 3600.0
"""Nothing that a pass waits for takes as long: fetches, renders and requests have deadlines; health is not waited for
in it.
"""

ENGINE_SILENCE_SECONDS: Final = 120.0
"""A render worker that dies is there again within 5 s, and one that is stuck is replaced: this is far beyond."""

_MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Facts:
    """What the parts of the daemon tell of themselves.

    - `ended`: tasks that never end and did, in words ("the watch of Deployment.apps of cluster prod").
    - `longest_pass`: seconds that the oldest pass has been under way; `longest_pass_of`: over which application.
    - `engine_silence`: seconds for which no render worker answered though one runs; 0.0 where none is configured, or
      none can be started.
    """

    ended: tuple[str, ...] = ()
    longest_pass: float = 0.0
    longest_pass_of: str = ""
    engine_silence: float = 0.0


@dataclass(frozen=True, slots=True)
class Liveness:
    """`why` it is not alive, one sentence for each reason; empty if it is."""

    why: tuple[str, ...] = ()

    @property
    def alive(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.why

    def __str__(self) -> str:
        return "; ".join(self.why)


ALIVE: Final = Liveness()


def liveness(facts: Facts) -> Liveness:
    """Alive, or every reason why not."""
    why: list[str] = []
    if facts.ended:
        more = len(facts.ended) - _MOST_NAMED
        named = ", ".join(facts.ended[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
        why.append(f"ended though it must not: {named}")
    if facts.longest_pass > LONGEST_PASS_SECONDS:
        minutes = int(facts.longest_pass // 60)
        why.append(f"the pass over application {facts.longest_pass_of} has been stuck for {minutes} min")
    if facts.engine_silence > ENGINE_SILENCE_SECONDS:
        why.append(f"the render engine has not answered for {int(facts.engine_silence)} s")
    return Liveness(tuple(why))


def stalled(seconds: float, limit: float) -> Liveness:
    """What is to be said of a check that was last made `seconds` ago though it is due within `limit`."""
    if seconds <= limit:
        return ALIVE
    return Liveness((f"the check of this has not been made for {int(seconds)} s",))
