"""Whether an application goes back by itself to what was Healthy (`syncPolicy.autoRollback`)."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from gitopsd.core.app import AutoRollback
from gitopsd.core.appstatus import AppStatus
from gitopsd.core.conditions import Condition, ConditionType
from gitopsd.core.health.status import HealthStatus
from gitopsd.core.history import HistoryEntry, Past

_SAID: Final = "autoRollback: no rollback"
_IN_TIME: Final = "it was Healthy in time"
# Somebody paused it, or nobody can tell: neither says that the sync was wrong.
_NO_VERDICT: Final = {HealthStatus.SUSPENDED, HealthStatus.UNKNOWN}


class Turn(enum.StrEnum):
    """What to do about it."""

    STAY = "stay"
    WAIT = "wait"
    BACK = "back"


@dataclass(frozen=True, slots=True)
class RollbackDecision:
    """`entry` is where to go back to (with `BACK`), `until` when to ask again (with `WAIT`), `reason` one sentence.
    `stuck`: it stays for want of anything to go back to, which people have to be told.
    """

    turn: Turn
    reason: str = ""
    entry: HistoryEntry | None = None
    until: datetime | None = None
    stuck: bool = False


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A sync after the newest history entry that is under way or failed: of which desired digest, and since when
    (the first of its attempts).
    """

    digest: str
    began: datetime


def auto_rollback(
    policy: AutoRollback | None,
    past: Past,
    health: HealthStatus,
    now: datetime,
    unfinished: Unfinished | None = None,
) -> RollbackDecision:
    """Whether the application goes back, or may have to.

    Judged is what was begun last: the `unfinished` sync, else the newest entry. Once it was Healthy it is never gone
    back from: what goes wrong later is not the sync's doing. Nor is a rollback itself, so that nothing swings to and
    fro. Suspended and Unknown are no failures: they are waited out.
    """
    if policy is None or past.pin is not None:
        return RollbackDecision(Turn.STAY)
    newest = past.entries[-1] if past.entries else None
    if unfinished is not None and (newest is None or unfinished.digest != newest.digest):
        began, good = unfinished.began, past.healthy_before(unfinished.digest)
    elif newest is None or newest.rollback_of is not None:
        return RollbackDecision(Turn.STAY)
    elif newest.healthy_at is not None or health is HealthStatus.HEALTHY:
        return RollbackDecision(Turn.STAY, _IN_TIME)
    else:
        began, good = newest.deployed_at, past.healthy_before(newest.digest)
    return _judged(policy, began, good, health, now)


def _judged(
    policy: AutoRollback, began: datetime, good: HistoryEntry | None, health: HealthStatus, now: datetime
) -> RollbackDecision:
    until = began + timedelta(seconds=policy.within)
    if now < until:
        back = f"rolled back to {good.id}" if good is not None else "nothing to go back to"
        return RollbackDecision(Turn.WAIT, f"{back} if it is not Healthy in time", good, until)
    if health is HealthStatus.HEALTHY:
        return RollbackDecision(Turn.STAY, "no rollback: the sync is not through, but the application is Healthy")
    if health in _NO_VERDICT:
        return RollbackDecision(Turn.STAY, f"no rollback: the application is {health}")
    why = f"not Healthy within {policy.within:g} s after the sync ({health})"
    if good is None:
        return RollbackDecision(
            Turn.STAY, f"no rollback, for nothing else that was ever Healthy is known: {why}", stuck=True
        )
    return RollbackDecision(Turn.BACK, f"rolled back to {good.id}: {why}", good)


def told(status: AppStatus, decision: RollbackDecision) -> AppStatus:
    """`status` with the word that there is nothing to go back to, as a condition and, once, with its last operation."""
    if not decision.stuck:
        return status
    said = f"autoRollback: {decision.reason}"
    status = replace(status, conditions=(*status.conditions, Condition(ConditionType.SYNC_ERROR, said)))
    last = status.operation
    if last is None or not last.phase.done or _SAID in last.message:
        return status
    message = "; ".join(part for part in (last.message, said) if part)
    return replace(status, operation=replace(last, message=message))
